"""What readers see of an asset while something newer waits for a decision."""

from __future__ import annotations

from datetime import datetime

from lakeflow.cli.words import age, in_rows
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.view.rows import AssetStatus


def readers_see(status: AssetStatus, now: datetime) -> str:
    """`readers still see s4411 (26,109 rows, 2 d old)`, for everything that speaks of a held run."""
    never = ": it was never published" if status.snapshot_id is None else ""
    return f"readers still see {seen(status, now)}{never}"


def seen(status: AssetStatus, now: datetime) -> str:
    """What stands on main: `s4411 (26,109 rows, 2 d old)`, or `nothing`."""
    if status.snapshot_id is None:
        return "nothing"
    old = f", {age(status.published_at, now)} old" if status.published_at else ""
    return f"{short_id(status.snapshot_id)} ({in_rows(status.rows)}{old})"
