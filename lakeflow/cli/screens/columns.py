"""Column lineage as screens: one column as trees up and down, or each column of an asset and what it is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from lakeflow.cli.screens.lake import Records
from lakeflow.cli.text import Text, align, line, screen
from lakeflow.core.columns.derivation import ColumnRef, Flow
from lakeflow.core.columns.graph import ColumnEdge, ColumnLineage
from lakeflow.core.columns.table_columns import MadeBy, TableColumn

_LAST: Final = ("└── ", "    ")
_ONE_OF_SEVERAL: Final = ("├── ", "│   ")
Edges = Callable[[ColumnRef], Sequence[ColumnEdge]]


def columns_screen(found: ColumnLineage) -> Text:
    """One column in full; of several, what each is made from directly."""
    if len(found.asked) == 1:
        blocks = _one(found, found.asked[0])
    else:
        tables = groupby(found.asked, key=lambda ref: ref.table)
        blocks = [block for table, refs in tables for block in _all(found, table, list(refs))]
    return screen(*blocks, _unknown(found))


def columns_records(found: ColumnLineage) -> Records:
    """Every edge, then each column that affects the rows of a table."""
    rows = [(str(edge.source), str(edge.target), str(edge.flow)) for edge in found.edges]
    rows += [(str(ref), table, " ".join(sorted(by))) for table, refs in found.rows.items() for ref, by in refs.items()]
    return ("source", "target", "how"), list(rows)


def _one(found: ColumnLineage, asked: ColumnRef) -> list[list[Text]]:
    up, down = _grouped(found.edges, lambda edge: edge.target), _grouped(found.edges, lambda edge: edge.source)
    above = list(_tree(found, asked, up, lambda edge: edge.source))
    below = list(_tree(found, asked, down, lambda edge: edge.target))
    here = [line((_name(asked), "bold"), *_facts(found.columns[asked]))]
    into = [line("goes into"), *below] if below else [line(("goes into no other column", "dim"))]
    return [[*here, *above], into, *_rows(found)]


def _grouped(edges: Iterable[ColumnEdge], end: Callable[[ColumnEdge], ColumnRef]) -> Edges:
    found: dict[ColumnRef, list[ColumnEdge]] = {}
    for edge in sorted(edges):
        found.setdefault(end(edge), []).append(edge)
    return lambda ref: found.get(ref, ())


def _tree(found: ColumnLineage, top: ColumnRef, edges: Edges, end: Callable[[ColumnEdge], ColumnRef]) -> Iterator[Text]:
    shown: set[ColumnRef] = set()

    def walk(ref: ColumnRef, before: str) -> Iterator[Text]:
        shown.add(ref)
        for at, edge in enumerate(edges(ref)):
            branch, indent = _LAST if at == len(edges(ref)) - 1 else _ONE_OF_SEVERAL
            other = end(edge)
            again = other in shown and bool(edges(other))
            flow = (str(edge.flow), "cyan" if edge.flow is not Flow.DECIDES else "dim")
            seen = ("  as above", "dim") if again else ""
            yield line(before + branch, _name(other), "  ", flow, *_facts(found.columns.get(other)), seen)
            if not again:
                yield from walk(other, before + indent)

    return walk(top, "")


def _facts(column: TableColumn | None) -> Iterator[str | tuple[str, str]]:
    """What is said behind the name of a column."""
    if column is None:
        return
    if column.type:
        yield (f"  {column.type}", "dim")
    if column.mask:
        yield (f"  masked: {column.mask}", "yellow")
    elif column.personal:
        yield ("  personal", "yellow")
    if column.made_by is MadeBy.LAKEFLOW:
        yield ("  added by lakeflow", "dim")
    if column.unknown:
        yield (f"  unknown, {column.unknown}", "yellow")


def _all(found: ColumnLineage, table: str, asked: Sequence[ColumnRef]) -> Iterator[list[Text]]:
    up = _grouped(found.edges, lambda edge: edge.target)
    rows = [(line(ref.column), line(*_facts(found.columns[ref])), _sources(up(ref))) for ref in asked]
    hint = f"`lakeflow lineage --columns {table}.{asked[0].column}` follows one through all layers"
    yield [line((table, "bold")), *align(rows)]
    yield from _rows(found, table)
    yield [line((hint, "dim"))]


def _sources(edges: Sequence[ColumnEdge]) -> Text:
    parts: list[str | tuple[str, str]] = []
    for edge in edges:
        parts += [", " if parts else "← ", _name(edge.source), (f" {edge.flow}", "dim")]
    return line(*parts)


def _rows(found: ColumnLineage, only: str = "") -> Iterator[list[Text]]:
    """For each table the columns that affect its rows, each with what it does."""
    for table, by in found.rows.items():
        if not only or only == table:
            rows = [(line("  ", _name(ref)), line((", ".join(sorted(by[ref])), "dim"))) for ref in sorted(by)]
            yield [line(f"rows of {table} are affected by"), *align(rows)]


def _unknown(found: ColumnLineage) -> list[Text]:
    said = [line("  ", table, "  ", (reason, "yellow")) for table, reason in found.unknown.items()]
    return [line("not known"), *said] if said else []


def _name(ref: ColumnRef) -> str:
    """`layer.name.column`; of files, whose names have dots and blanks, the column comes first."""
    is_asset = ref.table.partition(".")[0] in ("bronze", "silver", "gold") and ref.table.count(".") == 1
    return str(ref) if is_asset or ("/" not in ref.table and "*" not in ref.table) else f"{ref.column} in {ref.table}"
