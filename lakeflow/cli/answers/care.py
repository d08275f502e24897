"""The doctor's findings as an answer: one line each, with what to type where something is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from lakeflow.cli.output import Answer
from lakeflow.cli.text import Mark, Text, line, screen
from lakeflow.core.keys import AssetKey
from lakeflow.core.redaction import redacted
from lakeflow.core.view.findings import Finding, Level
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from pathlib import Path

    from lakeflow.adapters.iceberg import Copied
    from lakeflow.lake.keeping.moving import MovedLake
    from lakeflow.lake.rescue import Rebuilt, RestoredLedger

_MARKS: Final = {Level.OK: Mark.OK, Level.WARNING: Mark.WARN, Level.PROBLEM: Mark.BAD}


def findings_answer(found: Sequence[Finding]) -> Answer:
    """Exit code 0 when nothing is wrong, otherwise 1."""
    unwell = [one for one in found if one.level is not Level.OK]
    data = {"findings": [_json(one) for one in found]}
    records: list[tuple[str, ...]] = [(str(one.level), one.subject, one.message, one.hint) for one in found]
    shown = screen([text for one in found for text in _lines(one)], [line(_summary(found))])
    return Answer(data, shown, (("level", "subject", "message", "hint"), records), exit_code=int(bool(unwell)))


def mended_answer(done: Sequence[AssetKey], answer: Answer) -> Answer:
    """The runs whose times were set back, and then the findings."""
    words = f" {counted(len(done), 'table')} mended" if done else " no time is to come; nothing to mend"
    data = {**answer.data, "mended": [str(key) for key in done]}
    return replace(answer, data=data, screen=screen([line(Mark.OK, words)], [answer.screen]))


def relocated_answer(done: Sequence[AssetKey], answer: Answer) -> Answer:
    """The files that were rewritten, and then the findings."""
    words = f" {counted(len(done), 'table')} relocated" if done else " no table was moved; nothing to relocate"
    data = {**answer.data, "relocated": [str(key) for key in done]}
    return replace(answer, data=data, screen=screen([line(Mark.OK, words)], [answer.screen]))


def rebuilt_answer(done: Rebuilt, found: Sequence[Finding]) -> Answer:
    """What was added to the catalog again, what was left out, and then the findings."""
    answer = findings_answer(found)
    words = f" {counted(len(done.tables), 'table')} made again from its own metadata; {counted(done.runs, 'run')} known"
    head = [line(Mark.OK, words if done.tables else " the catalog is as new as its tables; nothing was changed")]
    notes = [line(Mark.WARN, " ", note) for note in done.notes]
    data = {**answer.data, "rebuilt": [str(key) for key in done.tables], "left_out": list(done.notes)}
    return replace(answer, data=data, screen=screen([*head, *notes], [answer.screen]))


def restored_answer(done: RestoredLedger, found: Sequence[Finding]) -> Answer:
    """What was given back to the ledger, what the lake does not know, and then the findings."""
    answer = findings_answer(found)
    changed = done.tables or done.runs or done.verdicts
    made = f"{counted(len(done.tables), 'table')} made again, " if done.tables else ""
    words = f" {made}{counted(done.runs, 'run')} and {counted(done.verdicts, 'verdict')} restored"
    head = [line(Mark.OK, words if changed else " the ledger knows all that the tables know; nothing was changed")]
    lost = [line(Mark.WARN, " not restored: ", each) for each in done.not_restored]
    ledger = {
        "tables": list(done.tables),
        "runs": done.runs,
        "verdicts": done.verdicts,
        "not_restored": list(done.not_restored),
    }
    return replace(answer, data={**answer.data, "ledger": ledger}, screen=screen([*head, *lost], [answer.screen]))


def backup_answer(done: Copied, directory: Path) -> Answer:
    """What the copy contains, and which tables it lacks."""
    words = f" {counted(len(done.tables), 'table')} ({done.bytes / 1e6:,.1f} MB)"
    outside = ", ".join(map(str, done.outside))
    left = [line(Mark.WARN, f" not copied, for they stand outside of the warehouse: {outside}")] if outside else []
    data = {
        "directory": str(directory.absolute()),
        "tables": [str(key) for key in done.tables],
        "files": done.files,
        "bytes": done.bytes,
        "outside": [str(key) for key in done.outside],
    }
    return Answer(data, screen([line(Mark.OK, words, f" and the database are in {directory}"), *left]))


def moved_answer(done: MovedLake) -> Answer:
    """Where the lake is now, and what its settings are to say."""
    words = f" {counted(len(done.tables), 'table')} and {counted(done.runs, 'run')} are in {done.place}"
    data = {
        "place": done.place,
        "tables": [str(key) for key in done.tables],
        "runs": done.runs,
        "settings": {key: redacted(value) for key, value in done.settings.items()},
        "kept": str(done.kept),
    }
    told = [line(f"  {key} = ", f'"{redacted(value)}"') for key, value in done.settings.items()]
    write = [
        line("Write in [tool.lakeflow], as you typed it; until then a file beside the old database says so:"),
        *told,
    ]
    left = [line(f"The database as it was: {done.kept}")]
    return Answer(data, screen([line(Mark.OK, words)], write, left))


def _lines(one: Finding) -> Iterator[Text]:
    yield line(_MARKS[one.level], " ", (one.subject, "bold"), "  ", one.message)
    if one.hint:
        yield line("    ", (one.hint, "cyan"))


def _summary(found: Sequence[Finding]) -> str:
    tally = Counter(one.level for one in found)
    if not tally[Level.WARNING] and not tally[Level.PROBLEM]:
        return "all is well"
    return f"{counted(tally[Level.PROBLEM], 'problem')} · {counted(tally[Level.WARNING], 'warning')}"


def _json(one: Finding) -> dict[str, Any]:
    return {"level": one.level, "subject": one.subject, "message": one.message, "hint": one.hint or None}
