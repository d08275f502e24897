"""What came of an asset on two engines, as an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lakeflow.as_json.comparison import comparison_json
from lakeflow.as_json.values import id_text
from lakeflow.cli.output import Answer
from lakeflow.cli.screens.comparison import comparison_blocks
from lakeflow.cli.text import Mark, Text, line, screen
from lakeflow.core.compare.comparison import RowCounts
from lakeflow.core.parity.parity import Parity, ParityOutcome
from lakeflow.core.wording import counted
from lakeflow.core.words import count

_CALLED: Final = {"duckdb": "DuckDB", "spark": "Spark"}


def parity_answer(found: Parity, *, strict: bool) -> Answer:
    """Exit code 1 where that is asked for, unless both gave the same rows."""
    same = found.outcome is ParityOutcome.SAME
    rows = found.comparison.rows if found.comparison else RowCounts()
    header = ("asset", "from", "to", "outcome", "why", "rows_before", "rows_after", "rows_added", "rows_removed")
    numbers = tuple(map(str, (rows.before, rows.after, rows.added, rows.removed, rows.changed)))
    said = (str(found.asset), str(found.engine), str(found.translated.engine), str(found.outcome), _why(found))
    records = ((*header, "rows_changed"), [(*said, *numbers)])
    return Answer({"parity": _json(found)}, _screen(found), records, exit_code=int(strict and not same))


def _screen(found: Parity) -> Text:
    engines = " and ".join(_CALLED[each] for each in (found.engine, found.translated.engine))
    mark = Mark.OK if found.outcome is ParityOutcome.SAME else Mark.WARN
    head = line(mark, " ", (str(found.asset), "bold"), f"  on {engines}: {_outcome(found)}")
    differs = found.comparison and found.outcome is ParityOutcome.DIFFERS
    blocks = comparison_blocks(found.comparison) if found.comparison and differs else []
    text = [line(each) for each in found.translated.text.splitlines()]
    told = [line(each) for each in _told(found)]
    return screen([head], *blocks, told, [line(f"In the SQL of {_CALLED[found.translated.engine]}:")], text)


def _outcome(found: Parity) -> str:
    other = _CALLED[found.translated.engine]
    match found.outcome:
        case ParityOutcome.SAME:
            return f"the same {counted(found.comparison.rows.after if found.comparison else 0, 'row')}"
        case ParityOutcome.NOTHING:
            return "neither gives a row, so nothing was compared"
        case ParityOutcome.LACKS:
            return f"{other} has no word for {_why(found)}"
        case ParityOutcome.REFUSED:
            return f"{other} does not compute it"
    return "they differ"


def _why(found: Parity) -> str:
    return ", ".join(found.translated.lacks) if found.outcome is ParityOutcome.LACKS else found.why


def _told(found: Parity) -> Iterator[str]:
    if found.outcome is ParityOutcome.REFUSED:
        yield f"Reason: {found.why}"
    if found.translated.as_written and found.outcome is not ParityOutcome.SAME:
        yield f"Functions that nobody translates, as they were written: {', '.join(found.translated.as_written)}"
    yield from (f"Note: {each}." for each in found.notes)
    for each in found.samples:
        if each.rows < each.of:
            yield f"Of {each.table} {count(each.rows)} of {count(each.of)} rows were read (--sample)."


def _json(found: Parity) -> dict[str, Any]:
    return {
        "asset": str(found.asset),
        "from": found.engine,
        "to": found.translated.engine,
        "outcome": found.outcome,
        "why": _why(found) or None,
        "text": found.translated.text,
        "lacks": list(found.translated.lacks),
        "as_written": list(found.translated.as_written),
        "inputs": [
            {"table": each.table, "snapshot_id": id_text(each.snapshot_id), "rows": each.rows, "of": each.of}
            for each in found.samples
        ],
        "comparison": comparison_json(found.comparison) if found.comparison else None,
        "notes": list(found.notes),
    }
