"""A verification as text: a line a table, below it what is wrong, then notes and what was forced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lakeflow.cli.output import Records
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.verify.values import Forced, Remark, Verification, VerifiedTable
from lakeflow.core.wording import counted

_FEW = 5
"""So many faults of one kind and table are shown; JSON and CSV have all of them."""


def verification_screen(found: Verification) -> Text:
    wrong = Counter(one.asset for one in found.faults)
    tables = align([_table(one, wrong[one.asset], deep=found.deep) for one in found.tables]) if found.tables else []
    faults = [text for one in _first(found.faults) for text in _remark(Mark.BAD, one)]
    left = len(found.faults) - len(_first(found.faults))
    faults += [line(f"  and {counted(left, 'more fault')}: `-o csv` lists all")] if left else []
    notes = [text for one in _first(found.notes) for text in _remark(Mark.WARN, one)]
    return screen(tables, faults, notes, [_forced(one) for one in found.forced], [line(_summary(found))])


def verification_records(found: Verification) -> Records:
    header = ("level", "kind", "asset", "snapshots", "file", "message", "hint")
    rows = [
        (_level(one), str(one.kind), str(one.asset or ""), _ids(one), one.file, one.message, one.hint)
        for one in found.remarks
    ]
    forced = [("forced", "forced", str(one.asset), str(one.snapshot_id), "", _why(one), "") for one in found.forced]
    return header, [*rows, *forced]


def _table(one: VerifiedTable, faults: int, *, deep: bool) -> tuple[Text, ...]:
    mark = Mark.BAD if faults else Mark.OK
    expired = f", {one.expired} expired" if one.expired else ""
    read = f", {counted(one.read, 'data file')} read" if deep else ""
    return (
        line(mark, " ", (str(one.asset), "bold")),
        line(f"{one.proven} of {counted(one.snapshots, 'snapshot')} proven{expired}"),
        line(f"{counted(one.files, 'file')}{read}"),
    )


def _first(remarks: tuple[Remark, ...]) -> list[Remark]:
    seen: Counter[tuple[object, object]] = Counter()
    shown = []
    for one in remarks:
        seen[one.asset, one.kind] += 1
        shown += [one] if seen[one.asset, one.kind] <= _FEW else []
    return shown


def _remark(mark: Mark, one: Remark) -> Iterator[Text]:
    yield line(mark, " ", (str(one.asset or "ledger"), "bold"), "  ", one.message)
    if one.hint:
        yield line("    ", (one.hint, "cyan"))


def _forced(one: Forced) -> Text:
    return line(Mark.WARN, " ", (str(one.asset), "bold"), "  ", f"{short_id(one.snapshot_id)}: ", _why(one))


def _why(one: Forced) -> str:
    return f"forced by {one.actor} in run {one.run}: {one.reason}"


def _level(one: Remark) -> str:
    return "fault" if one.is_fault else "note"


def _ids(one: Remark) -> str:
    return " ".join(map(str, one.snapshots))


def _summary(found: Verification) -> str:
    forced = f" · {len(found.forced)} forced" if found.forced else ""
    if found.is_sound:
        return f"{counted(len(found.tables), 'table')} as audited{forced}"
    return (
        f"{counted(len(found.faults), 'fault')} in {counted(len({one.asset for one in found.faults}), 'table')}{forced}"
    )
