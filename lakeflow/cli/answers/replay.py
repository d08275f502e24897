"""What came of making a snapshot again, as an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lakeflow.as_json.comparison import row_counts_json
from lakeflow.cli.output import Answer
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.replay.replayed import Replayed, ReplayOutcome
from lakeflow.core.wording import counted
from lakeflow.core.words import count, percent

_SAID: Final = {
    ReplayOutcome.NO_CODE: "the code of then is not here",
    ReplayOutcome.GONE: "what it was made from is not here any more",
    ReplayOutcome.REFUSED: "it cannot be made again",
}


def replay_answer(found: Replayed) -> Answer:
    """Exit code 0 where the same rows came again, else 1."""
    same = found.outcome is ReplayOutcome.IDENTICAL
    rows, names = found.rows, " ".join(each.name for each in found.columns)
    numbers = tuple(map(str, (rows.before, rows.after, rows.added, rows.removed, rows.changed)))
    record = (str(found.asset), str(found.snapshot_id), str(found.outcome), found.why, found.run, found.git)
    header = ("asset", "snapshot_id", "outcome", "why", "run", "git", "rows_before", "rows_after", "rows_added")
    records = ((*header, "rows_removed", "rows_changed", "columns"), [(*record, *numbers, names)])
    return Answer({"replay": _json(found)}, _screen(found), records, exit_code=0 if same else 1)


def _screen(found: Replayed) -> Text:
    head = line(
        Mark.OK if found.outcome is ReplayOutcome.IDENTICAL else Mark.WARN,
        " ",
        (str(found.asset), "bold"),
        f"  {short_id(found.snapshot_id)}{f' of run {found.run}' if found.run else ''}  {_outcome(found)}",
    )
    return screen([head, *_changes(found)], [line(text) for text in _notes(found)])


def _outcome(found: Replayed) -> str:
    if found.outcome in _SAID:
        return f"{_SAID[found.outcome]}: {found.why}"
    rows = found.rows
    if found.outcome is ReplayOutcome.IDENTICAL:
        return f"identical: {counted(rows.after, 'row')} came again"
    differ = rows.added + rows.removed + rows.changed
    how = f"+{count(rows.added)} −{count(rows.removed)} ~{count(rows.changed)}"
    return f"differs in {counted(differ, 'row')} ({how}) of {count(rows.before)}"


def _changes(found: Replayed) -> list[Text]:
    change = found.schema
    columns = [(f"+ {each.name}", each.type) for each in change.added]
    columns += [(f"− {each.name}", each.type) for each in change.removed]
    columns += [(f"~ {each.after.name}", f"{each.before.type} → {each.after.type}") for each in change.changed]
    columns += [(each.name, f"~{count(each.changed)} {percent(each.changed, each.of)}") for each in found.columns]
    return align(((line("columns" if not at else ""), *map(line, each)) for at, each in enumerate(columns)), indent=3)


def _notes(found: Replayed) -> Iterator[str]:
    if found.recorded:
        yield "What ran is the text that the ledger keeps; today's code is another."
    if found.outcome is ReplayOutcome.DIFFERS:
        yield from (f"Note: {note}." for note in found.notes)
    if found.outcome is ReplayOutcome.NO_CODE and found.git:
        commit, _, state = found.git.partition("+")
        yield f"Next      `git checkout {commit}`, and `lakeflow replay {found.asset}` again"
        if state:
            yield f"          (files differed from that commit then, or nobody could tell: {state})"


def _json(found: Replayed) -> dict[str, Any]:
    change = found.schema
    return {
        "asset": str(found.asset),
        "snapshot_id": str(found.snapshot_id),
        "outcome": found.outcome,
        "why": found.why or None,
        "run": found.run or None,
        "git": found.git or None,
        "code_version": found.code_version or None,
        "code": "recorded" if found.recorded else "today",
        "inputs": {name: str(snapshot) for name, snapshot in sorted(found.inputs.items())},
        "schema": {
            "added": [each.name for each in change.added],
            "removed": [each.name for each in change.removed],
            "changed": [each.after.name for each in change.changed],
        },
        "rows": row_counts_json(found.rows),
        "columns": [{"name": each.name, "changed": each.changed, "share": each.share} for each in found.columns],
        "notes": list(found.notes),
    }
