"""What today's checks say about existing snapshots, as text, JSON and records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from lakeflow.as_json.values import check_json, id_text, iso
from lakeflow.cli.screens.checks import check_lines, passed_of
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.model.run import CheckResult
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.view.audited.audits import Inspected
from lakeflow.core.wording import age, counted
from lakeflow.core.words import count, in_rows

Shown: TypeAlias = Callable[[Sequence[CheckResult]], list[Text]]
"""The lines of the checks that a screen shows."""


def audit_screen(found: Sequence[Inspected], shown: Shown = check_lines) -> Text:
    """A line for each snapshot, then the checks of each that are `shown`: those that fail or warn, or all of them."""
    return screen(align([_cells(one) for one in found]), *_blocks(found, shown), [line(_sum(found))])


def history_screen(found: Sequence[Inspected], now: datetime, shown: Shown = lambda _: []) -> Text:
    """Snapshots newest first, one asset after the other: which of them would these checks have held?"""
    heads = align([_past(one, now) for one in found], right=frozenset({3}))
    return screen(heads, *_blocks(found, shown), [line(_sum(found))])


def _blocks(found: Sequence[Inspected], shown: Shown) -> list[list[Text]]:
    return [[line((_name(one), "bold")), *lines] for one in found if (lines := shown(one.checks))]


def inspected_json(one: Inspected, *, gx: bool) -> dict[str, Any]:
    """With `gx` each check has a result of Great Expectations, null for a check that is no expectation."""
    return {
        "asset": str(one.asset),
        "snapshot_id": id_text(one.snapshot_id),
        "ref": one.ref,
        "committed_at": iso(one.committed_at),
        "rows": one.rows,
        "would_hold": bool(one.reason),
        "reason": one.reason,
        "checks_digest": one.checks_digest,
        "checks": [check_json(check) | (_gx(check) if gx else {}) for check in one.checks],
    }


def _gx(check: CheckResult) -> dict[str, Any]:
    from lakeflow.expectations.results import result_json  # noqa: PLC0415 - it imports the library, which takes seconds

    return {"gx": result_json(check)}


def inspected_records(found: Sequence[Inspected]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The records of an audit, one for each check."""
    header = ("asset", "snapshot_id", "check", "outcome", "severity", "failed_rows", "rows", "detail")
    rows = [
        (
            str(one.asset),
            str(one.snapshot_id),
            check.name,
            str(check.outcome),
            str(check.severity),
            *("" if number is None else str(number) for number in (check.failed_rows, check.rows)),
            check.detail,
        )
        for one in found
        for check in one.checks
    ]
    return header, rows


def _cells(one: Inspected) -> tuple[Text, ...]:
    mark = Mark.BAD if one.reason else Mark.OK
    verdict = (f"would be held: {one.reason}", "bold red") if one.reason else ("would be published", "")
    return line(mark, " ", _name(one)), line(in_rows(one.rows)), line(f"checks {_passed(one)}"), line(verdict)


def _past(one: Inspected, now: datetime) -> tuple[Text, ...]:
    would = (f"would have been held: {one.reason}", "bold red") if one.reason else ("would have been published", "")
    return (
        line(Mark.BAD if one.reason else Mark.OK, " ", str(one.asset)),
        line(short_id(one.snapshot_id)),
        line(f"{age(one.committed_at, now)} ago"),
        line(count(one.rows)),
        line(f"checks {_passed(one)}"),
        line(would),
    )


def _name(one: Inspected) -> str:
    where = f" on {one.ref}" if one.ref and one.ref != "main" else ""
    return f"{one.asset} {short_id(one.snapshot_id)}{where}"


def _passed(one: Inspected) -> str:
    return passed_of(one.checks)


def _sum(found: Sequence[Inspected]) -> str:
    held = sum(bool(one.reason) for one in found)
    return f"{counted(len(found), 'snapshot')} audited, {held or 'none'} would be held; nothing was written"
