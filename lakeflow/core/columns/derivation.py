"""What a column is made from: the words of column lineage, as values.

A change in one cell of a source column changes a column *derived from* it, in rows that stay. It may make rows come, go
or be made from other rows where the source column *affects rows*; then any column may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import StrEnum

from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass


class Flow(StrEnum):
    """How a value gets into a column; the later includes the earlier."""

    DECIDES = "decides"
    """It only chooses which value stands there: a condition of CASE, the order of a window, a subquery's filter."""
    COPIED = "copied"
    COMPUTED = "computed"
    AGGREGATED = "aggregated"
    DECLARED = "declared"
    """The author of a function says so."""


class RowEffect(StrEnum):
    """What a column does to the rows of an asset."""

    FILTER = "filter"
    JOIN = "join"
    GROUP = "group"
    DISTINCT = "distinct"
    LIMIT = "limit"
    """Rows in its order are counted, and only so many stay."""
    UNNEST = "unnest"
    """Its lists become rows."""
    MERGE = "merge"
    """It tells rows apart, or chooses between them, where the write merges."""


@dataclass(frozen=True, order=True)
class ColumnRef:
    """One column of one table. `table` is `layer.name`, the name of an external table, or that of landed files."""

    table: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


ColumnFlows = Mapping[ColumnRef, Flow]
RowEffects = Mapping[ColumnRef, frozenset[RowEffect]]


@dataclass(frozen=True)
class SelectColumns:
    """Where the columns of a SELECT come from, by the names that it gives, and what affects its rows."""

    columns: Mapping[str, ColumnFlows] = field(default_factory=dict)
    rows: RowEffects = field(default_factory=dict)


@dataclass(frozen=True)
class UnknownColumns:
    """Why it cannot be said exactly where the columns come from."""

    reason: str


_RANK = {flow: place for place, flow in enumerate(Flow)}


def merged(parts: Iterable[ColumnFlows]) -> ColumnFlows:
    """All of these, each with the strongest of its flows."""
    found: dict[ColumnRef, Flow] = {}
    for part in parts:
        for ref, flow in part.items():
            found[ref] = max(flow, found.get(ref, flow), key=_RANK.__getitem__)
    return found


def lifted(flows: ColumnFlows, least: Flow) -> ColumnFlows:
    """The flows, each at least that strong; what only decides goes on to only decide."""
    return {
        ref: flow if flow is Flow.DECIDES else max(flow, least, key=_RANK.__getitem__) for ref, flow in flows.items()
    }


def deciding(refs: Iterable[ColumnRef]) -> ColumnFlows:
    return dict.fromkeys(refs, Flow.DECIDES)


def together(parts: Iterable[RowEffects]) -> RowEffects:
    found: dict[ColumnRef, frozenset[RowEffect]] = {}
    for part in parts:
        for ref, effects in part.items():
            found[ref] = found.get(ref, frozenset()) | effects
    return found


def effect(refs: Iterable[ColumnRef], of: RowEffect) -> RowEffects:
    return {ref: frozenset({of}) for ref in refs}


NOTHING: ColumnFlows = EMPTY
