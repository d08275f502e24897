"""All columns of a lake as one graph: what a column is derived from, however far above, and what is derived from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property

from lakeflow.core.columns.derivation import ColumnRef, Flow, RowEffect
from lakeflow.core.columns.table_columns import TableColumn, TableColumns
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass
from lakeflow.core.wording import did_you_mean


@dataclass(frozen=True, order=True)
class ColumnEdge:
    """`target` is derived from `source`."""

    source: ColumnRef
    target: ColumnRef
    flow: Flow


@dataclass(frozen=True)
class ColumnLineage:
    """What the `asked` columns are derived from, however far above, and all that is derived from them.

    `rows` has, for each table of these columns, those that affect its rows: for tables below, only as far as these
    columns are derived from the asked ones or are them. `unknown` says of tables why something is not known: what a
    function reads may go into any of its columns.
    """

    asked: tuple[ColumnRef, ...]
    columns: Mapping[ColumnRef, TableColumn]
    edges: tuple[ColumnEdge, ...]
    rows: Mapping[str, Mapping[ColumnRef, frozenset[RowEffect]]] = field(default_factory=lambda: EMPTY)
    unknown: Mapping[str, str] = field(default_factory=lambda: EMPTY)


def named_column(text: str) -> tuple[str, str]:
    """The asset and the column of `layer.name.column`; no column where only the asset is named."""
    layer, _, rest = text.partition(".")
    name, _, column = rest.partition(".")
    return f"{layer}.{name}" if rest else layer, column


@dataclass(frozen=True)
class ColumnGraph:
    """The columns of every table of a lake."""

    tables: Mapping[str, TableColumns]

    def asked(self, table: str, column: str = "") -> tuple[ColumnRef, ...]:
        """All columns of a table, or one, whatever the case of its letters. UsageError for one that it does not
        have.
        """
        columns = [each.ref for each in self.tables[table].columns]
        if not columns:
            why = self.tables[table].unknown or "it was never built, and nothing declares its columns"
            raise UsageError(f"the columns of {table} are not known: {why}", hint=f"`lakeflow materialize +{table}`")
        found = tuple(ref for ref in columns if ref.column.lower() == column.lower()) if column else tuple(columns)
        if not found:
            names = [ref.column for ref in columns]
            hint = did_you_mean(column, names, f"its columns are {', '.join(names)}")
            raise UsageError(f"{table} has no column {column!r}", hint=hint)
        return found

    def renamed(self, names: Mapping[str, str]) -> ColumnGraph:
        """The same graph with other names for tables: old → new."""
        if not names:
            return self
        tables = (each.renamed(names) for each in self.tables.values())
        return ColumnGraph({each.table: each for each in tables})

    def around(self, asked: Sequence[ColumnRef]) -> ColumnLineage:
        """The part of the graph that the asked columns are derived from, or go into."""
        above, below = _reached(asked, self._above), _reached(asked, self._below)
        columns = {ref: column for ref, column in self._columns.items() if ref in above | below}
        edges = (edge for part in (above, below) for edge in self._edges if {edge.source, edge.target} <= part)
        upper = {ref.table for ref in above}
        rows = {table: self.tables[table].rows for table in sorted(upper) if self.tables[table].rows}
        for table, found in sorted(self.tables.items()):
            if table not in upper and (some := {ref: by for ref, by in found.rows.items() if ref in below}):
                rows[table] = some
        return ColumnLineage(tuple(asked), columns, tuple(dict.fromkeys(edges)), rows, self._unknown(upper, below))

    def _unknown(self, upper: Iterable[str], below: Iterable[ColumnRef]) -> Mapping[str, str]:
        """Why something is not known of a table above, or of one that reads a table below."""
        read = {ref.table for ref in below}
        near = {table for table, found in self.tables.items() if found.reads & read} | {*upper}
        return {table: why for table in sorted(near) if (why := self.tables[table].unknown)}

    @cached_property
    def _columns(self) -> Mapping[ColumnRef, TableColumn]:
        return {column.ref: column for table in self.tables.values() for column in table.columns}

    @cached_property
    def _spelled(self) -> Mapping[tuple[str, str], ColumnRef]:
        return {(ref.table, ref.column.lower()): ref for ref in self._columns}

    @cached_property
    def _edges(self) -> tuple[ColumnEdge, ...]:
        """Every edge, its source spelled as in its own table."""
        return tuple(
            ColumnEdge(self._spelled.get((ref.table, ref.column.lower()), ref), column.ref, flow)
            for column in self._columns.values()
            for ref, flow in column.flows.items()
        )

    @cached_property
    def _above(self) -> Mapping[ColumnRef, Sequence[ColumnRef]]:
        found: dict[ColumnRef, list[ColumnRef]] = {}
        for edge in self._edges:
            found.setdefault(edge.target, []).append(edge.source)
        return found

    @cached_property
    def _below(self) -> Mapping[ColumnRef, Sequence[ColumnRef]]:
        found: dict[ColumnRef, list[ColumnRef]] = {}
        for edge in self._edges:
            found.setdefault(edge.source, []).append(edge.target)
        return found


def _reached(asked: Iterable[ColumnRef], next_to: Mapping[ColumnRef, Sequence[ColumnRef]]) -> frozenset[ColumnRef]:
    found, edge = set(asked), list(asked)
    while edge:
        for other in next_to.get(edge.pop(), ()):
            if other not in found:
                found.add(other)
                edge.append(other)
    return frozenset(found)
