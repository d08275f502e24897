"""What checks said of corrupted copies: as text, what readers would have seen first; as JSON and records."""

from __future__ import annotations

from typing import Any, Final

from lakeflow.as_json.values import id_text
from lakeflow.cli.output import Records
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.corrupt.survival import CorruptionResult, MutationReport, Survival, worst_first
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.wording import counted
from lakeflow.core.words import count

_MARKS: Final = {
    Survival.MISSED: Mark.BAD,
    Survival.WARNED: Mark.WARN,
    Survival.CAUGHT: Mark.OK,
    Survival.NOT_APPLICABLE: Mark.NONE,
}
_HEADER: Final = ("corruption", "kind", "columns", "state", "rows", "caught_by", "warned_by", "suggested", "why")


def mutated_screen(found: MutationReport) -> Text:
    head = f"{found.asset} {short_id(found.snapshot_id)}, {found.share:.4g} of the rows, seed {found.seed}"
    lines = align([_cells(each) for each in worst_first(found.results)], right=frozenset({1}))
    broken = [line(Mark.WARN, f" {name} fails on the table as it is, so it catches nothing") for name in found.failing]
    return screen([line((head, "bold"))], lines, broken, [line(_sum(found))])


def mutated_json(found: MutationReport) -> dict[str, Any]:
    return {
        "asset": str(found.asset),
        "snapshot_id": id_text(found.snapshot_id),
        "share": found.share,
        "seed": found.seed,
        "corruptions": [_json(each) for each in found.results],
        "failing": list(found.failing),
        "totals": {str(state): found.count(state) for state in Survival},
    }


def mutated_records(found: MutationReport) -> Records:
    return _HEADER, [_record(each) for each in found.results]


def _cells(each: CorruptionResult) -> tuple[Text, ...]:
    rows = count(each.rows) if each.rows else ""
    return line(_MARKS[each.state], " ", each.corruption.name), line(rows), line(_said(each))


def _said(each: CorruptionResult) -> Text:
    match each.state:
        case Survival.CAUGHT:
            return line(_listed(each.caught_by))
        case Survival.NOT_APPLICABLE:
            return line((f"not applicable: {each.why}", "dim"))
        case Survival.WARNED:
            said = f"only a warning: {_listed(each.warned_by)}"
        case Survival.MISSED:
            said = "no check fails"
    return line(said, (f"; suggested: {_listed(each.suggested)}", "dim")) if each.suggested else line(said)


def _listed(names: tuple[str, ...]) -> str:
    return names[0] + (f", and {len(names) - 1} more" if len(names) > 1 else "")


def _sum(found: MutationReport) -> str:
    numbers = {state: found.count(state) for state in Survival}
    tried = sum(numbers.values()) - numbers[Survival.NOT_APPLICABLE]
    said = f"{numbers[Survival.CAUGHT]} of {counted(tried, 'corruption')} caught"
    said += f" · {numbers[Survival.WARNED]} only warned · {numbers[Survival.MISSED]} missed"
    return f"{said} · {numbers[Survival.NOT_APPLICABLE]} not applicable"


def _json(each: CorruptionResult) -> dict[str, Any]:
    return {
        "name": each.corruption.name,
        "kind": str(each.corruption.kind),
        "columns": list(each.corruption.columns),
        "state": str(each.state),
        "rows": each.rows,
        "caught_by": list(each.caught_by),
        "warned_by": list(each.warned_by),
        "suggested": list(each.suggested),
        "why": each.why,
    }


def _record(each: CorruptionResult) -> tuple[str, ...]:
    return (
        each.corruption.name,
        str(each.corruption.kind),
        " ".join(each.corruption.columns),
        str(each.state),
        str(each.rows),
        "; ".join(each.caught_by),
        "; ".join(each.warned_by),
        "; ".join(each.suggested),
        each.why,
    )
