"""Numbers, times and durations in the forms that people and machines read."""

from __future__ import annotations

from datetime import datetime

from lakeflow.core.model.run import CheckResult, ReadScope
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.view.rows import AssetStatus
from lakeflow.core.wording import age, counted


def count(number: int | None) -> str:
    """`336776` → `336,776`; `?` where nobody counted."""
    return "?" if number is None else f"{number:,}"


def in_rows(number: int | None) -> str:
    """`1 row`, `26,109 rows`, `? rows`."""
    return "? rows" if number is None else counted(number, "row")


def seconds(duration: float) -> str:
    """`0.1s`, `75s`, `21 min`: short, for the end of a line."""
    if duration < 10:
        return f"{duration:.1f}s"
    return f"{duration:.0f}s" if duration < 600 else f"{duration / 60:.0f} min"


def percent(part: int, whole: int) -> str:
    """The share with one significant digit; never 0% for some, never 100% for not all."""
    if part in {0, whole}:
        return "100%" if part else "0%"
    share = 100 * part / whole
    if share < 0.0001:
        return "<0.0001%"
    if share >= 1:
        return f"{min(share, 99.9):.1f}%"
    text = f"{share:.6f}"
    leading = len(text) - len(text[2:].lstrip("0"))
    return f"{share:.{max(leading - 1, 1)}f}%"


def scope_said(check: CheckResult) -> tuple[str, ...]:
    """What was read, where that is not all rows, and who was asked, where that is not the lake's own engine."""
    return tuple(part for part in ("of the rows added" if check.scope is ReadScope.ADDED else "", check.asked) if part)


def readers_see(status: AssetStatus, now: datetime) -> str:
    """`readers still see s4411 (26,109 rows, 2 d old)`, for every message about a held run."""
    never = f": it was {status.taken_back or 'never published'}" if status.snapshot_id is None else ""
    return f"readers still see {seen(status, now)}{never}"


def seen(status: AssetStatus, now: datetime) -> str:
    """What is on main: `s4411 (26,109 rows, 2 d old)`, or `nothing`."""
    if status.snapshot_id is None:
        return "nothing"
    old = f", {age(status.published_at, now)} old" if status.published_at else ""
    return f"{short_id(status.snapshot_id)} ({in_rows(status.rows)}{old})"
