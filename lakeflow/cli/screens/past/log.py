"""The lake's log as a screen: a line for each version, and below it one for each table that it moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.log.changes import CodeChange, InputMoved, TableChange
from lakeflow.core.log.versions import MoveKind
from lakeflow.core.plan.reasons import Cause, short_id
from lakeflow.core.wording import age, counted
from lakeflow.core.words import count, in_rows
from lakeflow.wap.look.log import Log, LogEntry

Records = tuple[tuple[str, ...], list[tuple[str, ...]]]

_MARKS: Final = {
    MoveKind.PUBLISHED: Mark.OK,
    MoveKind.FORCED: Mark.WARN,
    MoveKind.ROLLED_BACK: Mark.MOVED,
    MoveKind.ANOTHER_ENGINE: Mark.WARN,
    MoveKind.REWRITTEN: Mark.SAME,
}
_MOST: Final = 12
"""Tables of one version on a screen; JSON and a selection show all."""
_TOLD_OTHERWISE: Final = (
    *(Cause.NEVER_BUILT, Cause.CODE_CHANGED, Cause.CHECK_CHANGED, Cause.INPUT_MOVED, Cause.NEW_ROWS),
    Cause.UPSTREAM_RUNS,
)
"""Reasons of a plan that the comparison of two snapshots tells better: it knows what the inputs became."""


def log_screen(log: Log, now: datetime) -> Text:
    if not log.entries:
        return screen(
            [line("Nothing was published in that time: `lakeflow log` shows the last versions")], _faults(log)
        )
    blocks = [_block(entry, now) for entry in log.entries]
    more = [line(f"{counted(log.more, 'older version')}: --limit N shows more")] if log.more else []
    return screen(*blocks, more, _faults(log))


def log_records(log: Log) -> Records:
    header = ("version", "at", "run", "actor", "asset", "kind", "snapshot_id", "rows", "added", "passed", "checks")
    return header, [_record(entry, change) for entry in log.entries for change in entry.changes]


def _block(entry: LogEntry, now: datetime) -> list[Text]:
    shown = entry.changes[:_MOST]
    rows = align([_cells(change) for change in shown], right=frozenset({2, 3}), indent=2)
    hidden = len(entry.changes) - len(shown)
    rest = [line((f"  and {counted(hidden, 'more table')}", "dim"))] if hidden else []
    diffs = [text for change in shown if change.code for text in _diff(change.code)]
    return [_head(entry, now), *rows, *rest, *diffs]


def _head(entry: LogEntry, now: datetime) -> Text:
    words = [f"{age(entry.at, now)} ago"]
    words += [f"run {entry.run}"] if entry.run and entry.name != entry.run else []
    words += [entry.actor] if entry.actor else []
    others = entry.tables - len(entry.changes)
    words += [f"with {counted(others, 'other table')}"] if others > 0 else []
    loud = "yellow" if entry.kind in {MoveKind.FORCED, MoveKind.ROLLED_BACK} else ""
    return line(
        (_name(entry), "bold"), "  ", "  ".join(words), *(("  ", (said, loud)) if (said := _said(entry)) else ())
    )


def _name(entry: LogEntry) -> str:
    """A version, or a run, or the first digits of a snapshot."""
    is_snapshot = entry.number is None and not entry.run
    return short_id(int(entry.name[1:])) if is_snapshot else entry.name


def _said(entry: LogEntry) -> str:
    kind = str(entry.kind).replace("_", " ")
    return f"{kind}: {entry.reason}" if entry.reason and not entry.reason.startswith(kind) else entry.reason


def _cells(change: TableChange) -> list[Text]:
    return [
        line(_MARKS[change.kind], f" {change.asset}"),
        line("" if change.snapshot_id is None else short_id(change.snapshot_id)),
        line("" if change.rows is None else in_rows(change.rows)),
        line("" if change.added is None else f"({change.added:+,})"),
        line("" if change.total is None else f"{count(change.passed)}/{count(change.total)} checks"),
        line("; ".join(_why(change)), *_taken_back(change)),
    ]


def _why(change: TableChange) -> Iterator[str]:
    if change.kind is MoveKind.ROLLED_BACK:
        yield f"rolled back from {_id(change.before)} to {_id(change.snapshot_id)}"
    elif change.kind is MoveKind.ANOTHER_ENGINE:
        yield "written by another engine"
    elif change.kind is MoveKind.REWRITTEN:
        yield "files rewritten, no row changed"
    elif change.is_first:
        yield "first publish"
    if change.is_expired:
        yield "its snapshot has expired"
    if change.code:
        yield _code(change.code)
    if change.checks_changed:
        yield "checks changed"
    yield from (_input(one) for one in change.inputs)
    yield from (text for text in change.planned if not text.startswith(_TOLD_OTHERWISE))
    if change.partial:
        yield f"partial {', '.join(change.partial)}"
    if change.tags:
        yield f"tagged {', '.join(change.tags)}"


def _taken_back(change: TableChange) -> Iterator[tuple[str, str]]:
    """What a rollback did to it, or to what it was built on."""
    if change.is_taken_back:
        yield (f"; taken back{'' if change.taken_back is None else f' in v{change.taken_back}'}", "yellow")
    if change.built_on:
        yield (f"; built on {change.built_on[0]} {_id(change.built_on[1])}, which was rolled back", "yellow")


def _code(code: CodeChange) -> str:
    before, after = code.git_before, code.git_after
    git = f" (git {_commit(before)} → {_commit(after)})" if after else ""
    return f"code {code.before[:6]} → {code.after[:6]}{git}"


def _commit(git: str) -> str:
    commit, _, state = git.partition("+")
    return f"{commit[:7]}{'+' if state else ''}{state}" if git else "none"


def _input(one: InputMoved) -> str:
    grown = "" if one.rows is None else f" ({one.rows:+,} row{'s'[: abs(one.rows) != 1]})"
    came = f"{_id(one.before)} → {_id(one.after)}" if one.before is not None else _id(one.after)
    return f"{one.table} {came}{grown}"


def _id(snapshot_id: int | None) -> str:
    return "nothing" if snapshot_id is None else short_id(snapshot_id)


def _diff(code: CodeChange) -> list[Text]:
    if code.diff is None:
        return [line(("    the text of both versions is not kept here", "dim"))] if code.git_after else []
    return [line("    ", (text, _color(text))) for text in code.diff.splitlines()]


def _color(text: str) -> str:
    return "green" if text.startswith("+") else "red" if text.startswith("-") else "dim"


def _faults(log: Log) -> Sequence[Text]:
    return [line(Mark.BAD, f" {key} cannot tell: {fault}") for key, fault in sorted(log.unreadable.items())]


def _record(entry: LogEntry, change: TableChange) -> tuple[str, ...]:
    numbers = (change.rows, change.added, change.passed, change.total)
    return (
        *(entry.name, entry.at.isoformat(), entry.run, entry.actor or "", str(change.asset), str(change.kind)),
        "" if change.snapshot_id is None else str(change.snapshot_id),
        *("" if number is None else str(number) for number in numbers),
    )
