"""What came of compacting tables, as an answer: a line for each that had something to do or was left alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from lakeflow.cli.output import Answer
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.compact.results import Compacted, CompactOutcome, Size
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.wording import counted

_BUSY: Final = 4
_MARKS: Final = {
    CompactOutcome.COMPACTED: Mark.OK,
    CompactOutcome.BUSY: Mark.WARN,
    CompactOutcome.LEFT: Mark.NONE,
    CompactOutcome.DUE: Mark.NONE,
}
_COLUMNS: Final = (
    *("asset", "outcome", "why", "run", "snapshot_id", "files_before", "files_after", "bytes_before", "bytes_after"),
    *("manifests_before", "manifests_after", "rewritten", "rewritten_bytes", "rows"),
)


def compact_answer(found: Sequence[Compacted], *, dry: bool) -> Answer:
    """Exit code 4 where a run was in the way of a table; nothing to do is a good answer."""
    data = {"dry_run": dry, "tables": [_json(one) for one in found]}
    busy = any(one.outcome is CompactOutcome.BUSY for one in found)
    rows = [_row(one) for one in found if one.outcome is not CompactOutcome.NOTHING]
    hint = (
        [line("Next      `lakeflow compact` does it")]
        if any(one.outcome is CompactOutcome.DUE for one in found)
        else []
    )
    shown = screen(align(rows), [line(*_summary(found))], hint)
    return Answer(data, shown, (_COLUMNS, [_record(one) for one in found]), exit_code=_BUSY if busy else 0)


def _row(one: Compacted) -> tuple[Text, ...]:
    said = one.why or "; ".join(_changes(one))
    where = f"{short_id(one.snapshot_id)} in run {one.run}" if one.snapshot_id else ""
    word = "would be compacted" if one.outcome is CompactOutcome.DUE else "left alone" if one.why else str(one.outcome)
    return line(_MARKS[one.outcome]), line((str(one.asset), "bold")), line(word), line(said), line(where)


def _changes(one: Compacted) -> Iterator[str]:
    about = "about " if one.outcome is CompactOutcome.DUE else ""
    if one.rewritten or one.before.files != one.after.files:
        yield f"{counted(one.before.files, 'file')} → {about}{one.after.files}, {_mb(one.rewritten_bytes)} written anew"
    if one.before.deletes != one.after.deletes:
        yield f"{counted(one.before.deletes - one.after.deletes, 'delete file')} applied"
    if one.before.manifests != one.after.manifests:
        yield f"{counted(one.before.manifests, 'manifest')} → {about}{one.after.manifests}"


def _summary(found: Sequence[Compacted]) -> tuple[Mark | str, ...]:
    count = {outcome: sum(one.outcome is outcome for one in found) for outcome in CompactOutcome}
    words = {
        CompactOutcome.COMPACTED: "compacted",
        CompactOutcome.DUE: "would be compacted",
        CompactOutcome.NOTHING: "with nothing to do",
        CompactOutcome.BUSY: "busy",
        CompactOutcome.LEFT: "left alone",
    }
    said = [f"{number} {words[outcome]}" for outcome, number in count.items() if number]
    return Mark.WARN if count[CompactOutcome.BUSY] else Mark.OK, f" {counted(len(found), 'table')}: {' · '.join(said)}"


def _json(one: Compacted) -> dict[str, Any]:
    return {
        "asset": str(one.asset),
        "outcome": one.outcome,
        "why": one.why or None,
        "run": one.run or None,
        "snapshot_id": None if one.snapshot_id is None else str(one.snapshot_id),
        "before": _size(one.before),
        "after": _size(one.after),
        "rewritten": {"files": one.rewritten, "bytes": one.rewritten_bytes, "rows": one.rows},
    }


def _size(size: Size) -> dict[str, int]:
    return {"files": size.files, "bytes": size.bytes, "manifests": size.manifests, "delete_files": size.deletes}


def _record(one: Compacted) -> tuple[str, ...]:
    numbers = (one.before.files, one.after.files, one.before.bytes, one.after.bytes)
    rest = (one.before.manifests, one.after.manifests, one.rewritten, one.rewritten_bytes, one.rows)
    said = (str(one.asset), str(one.outcome), one.why, one.run, str(one.snapshot_id or ""))
    return (*said, *map(str, (*numbers, *rest)))


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
