"""Where the columns of a SELECT come from, read in the plan that DuckDB makes for it before it optimises; nothing runs.

DuckDB binds names, stars, USING, BY NAME, positions and lateral aliases, and turns subqueries into joins; what is left
are a dozen operators whose inputs are numbered. An operator that is not known here makes the whole answer unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from lakeflow.core.columns import relations
from lakeflow.core.columns.derivation import ColumnRef, Flow, RowEffect, SelectColumns, UnknownColumns
from lakeflow.core.columns.expressions import EMPTY_VALUE, Node, NotKnownError, Value
from lakeflow.core.columns.joins import crossed, in_step, joined
from lakeflow.core.columns.relations import ONE_ROW, PlanRows

_LONGEST: Final = 50
"""The most rounds of a recursion until its flows stop growing."""
_KEYS_FROM_OUTSIDE: Final = "__duckdb_delim_dedup"
_Known = Mapping[int, PlanRows]


def columns_of_plan(plan: Node, names: Sequence[str], tables: Mapping[str, str]) -> SelectColumns | UnknownColumns:
    """`names` are the columns that DuckDB says the SELECT gives. `tables` has the name that the answer uses for each
    table of the plan, by its full lower-case path.
    """
    try:
        found = _Reading(tables).relation(plan, {})
    except NotKnownError as error:
        return UnknownColumns(str(error))
    except RecursionError:
        return UnknownColumns("it is nested deeper than it can be followed")
    except (LookupError, ValueError, TypeError):
        return UnknownColumns("DuckDB plans it in a way that is not known here")
    if len(found.columns) != len(names):
        return UnknownColumns("its plan has other columns than the SELECT")
    if twice := [name for name, times in Counter(map(str.lower, names)).items() if times > 1]:
        return UnknownColumns(f"two of its columns are named {twice[0]}")
    return SelectColumns({name: value.flows for name, value in zip(names, found.columns, strict=True)}, found.rows)


class _Reading:
    def __init__(self, tables: Mapping[str, str]) -> None:
        self._tables = tables

    def relation(self, node: Node, known: _Known) -> PlanRows:
        match node["type"]:
            case "LOGICAL_MATERIALIZED_CTE":
                first, body = node["children"]
                made = self.relation(first, known)
                if str(node.get("ctename", "")).startswith(_KEYS_FROM_OUTSIDE):
                    made = _asked_from_outside(made)
                return self.relation(body, {**known, node.get("table_index", 0): made})
            case "LOGICAL_RECURSIVE_CTE":
                return self._recursion(node, known)
            case "LOGICAL_CTE_REF":
                return _common(node, known)
        inputs = [self.relation(each, known) for each in node.get("children") or ()]
        return self._get(node, inputs) if node["type"] == "LOGICAL_GET" else _operator(node, inputs)

    def _recursion(self, node: Node, known: _Known) -> PlanRows:
        if node.get("key_targets"):
            raise NotKnownError("a recursion USING KEY overwrites rows of its own")
        index = node.get("table_index", 0)
        first, step = node["children"]
        found = start = relations.united([self.relation(first, known)])
        for _ in range(_LONGEST):
            grown = relations.united([start, self.relation(step, {**known, index: found})])
            if grown == found:
                return found if node.get("union_all") else _all_distinct(found)
            found = grown
        raise NotKnownError("the columns of its recursion go on changing")

    def _get(self, node: Node, inputs: Sequence[PlanRows]) -> PlanRows:
        names = node.get("names") or ()
        places = [each.get("index", 0) for each in node.get("column_indexes") or ()]
        values = tuple(self._column(node, names[at] if at < len(names) else "", inputs) for at in places)
        index = node.get("table_index", 0)
        found = PlanRows(values, bindings=tuple((index, at) for at in range(len(values))))
        if not inputs:
            return found.at(node.get("projection_ids") or ())
        (child,) = inputs
        beside = child.at(node["projected_input"]) if node.get("projected_input") else replace(child, columns=())
        taken = (ref for value in child.columns for ref in value.flows)
        both = PlanRows((*found.columns, *beside.columns), child.rows)
        return both.affected(taken, RowEffect.UNNEST)

    def _column(self, node: Node, name: str, inputs: Sequence[PlanRows]) -> Value:
        """A column of a table, or one that a table function makes from its input."""
        if inputs:
            return relations.united([*inputs]).columns[0] if inputs[0].columns else EMPTY_VALUE
        path = (node.get("function_data") or {}).get("qualified_name", {}).get("path")
        table = self._tables.get(".".join(path).lower()) if path else None
        if path and table is None:
            raise NotKnownError(f"it reads {'.'.join(path)}, whose columns are not known")
        return Value({ColumnRef(table, name): Flow.COPIED}) if table and name else EMPTY_VALUE


_OF_ONE: Final[Mapping[str, Callable[[Node, PlanRows], PlanRows]]] = {
    "PROJECTION": relations.projected,
    "FILTER": relations.filtered,
    "AGGREGATE_AND_GROUP_BY": relations.aggregated,
    "WINDOW": relations.windowed,
    "UNNEST": relations.unnested,
    "DISTINCT": relations.distinct,
    "ORDER_BY": relations.ordered,
    "LIMIT": relations.limited,
    "SAMPLE": relations.sampled,
    "EXPRESSION_GET": relations.listed,
}
_OF_TWO: Final[Mapping[str, Callable[[Node, PlanRows, PlanRows], PlanRows]]] = {
    "COMPARISON_JOIN": joined,
    "ANY_JOIN": joined,
    "ASOF_JOIN": joined,
    "CROSS_PRODUCT": crossed,
    "POSITIONAL_JOIN": in_step,
}
_OF_MANY: Final[Mapping[str, Callable[[Sequence[PlanRows]], PlanRows]]] = {
    "UNION": relations.united,
    "EXCEPT": relations.compared,
    "INTERSECT": relations.compared,
}


def _operator(node: Node, inputs: Sequence[PlanRows]) -> PlanRows:
    kind = node["type"].removeprefix("LOGICAL_")
    if kind in _OF_ONE and len(inputs) == 1:
        return _OF_ONE[kind](node, inputs[0])
    if kind in _OF_TWO and len(inputs) == 2:
        return _OF_TWO[kind](node, inputs[0], inputs[1])
    if kind in _OF_MANY and inputs:
        return _OF_MANY[kind](inputs)
    if kind == "DUMMY_SCAN":
        return ONE_ROW
    if kind == "EMPTY_RESULT":
        return PlanRows((EMPTY_VALUE,) * len(node.get("bindings") or ()))
    raise NotKnownError(f"DuckDB reads it with {kind.replace('_', ' ')}, which is not known here")


def _common(node: Node, known: _Known) -> PlanRows:
    made = known.get(node.get("cte_index", 0))
    if made is None:
        raise NotKnownError("it reads a WITH in a way that is not known here")
    index = node.get("table_index", 0)
    return replace(made, bindings=tuple((index, at) for at in range(len(made.columns))))


def _all_distinct(found: PlanRows) -> PlanRows:
    return found.affected((ref for value in found.columns for ref in value.flows), RowEffect.DISTINCT)


def _asked_from_outside(found: PlanRows) -> PlanRows:
    """What a subquery takes from the query around, each value once. The answers are joined to all rows again, so that
    the grouping affects no row.
    """
    rows = {ref: left for ref, effects in found.rows.items() if (left := effects - {RowEffect.GROUP})}
    return replace(found, rows=rows, every=True)
