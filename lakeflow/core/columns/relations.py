"""What an operator of a plan makes from its inputs: where its columns come from, and what affects its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Final

from lakeflow.core.columns.derivation import ColumnRef, RowEffect, RowEffects, deciding, effect, merged, together
from lakeflow.core.columns.expressions import EMPTY_VALUE, Node, PlanInput, Value, refs_of, value_of
from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass

Binding = tuple[int, int]


@dataclass(frozen=True)
class PlanRows:
    """`bindings` are DuckDB's own numbers for the columns, as far as they are known. `unique` has sets of places whose
    values no two rows share, `one` says that there is exactly one row, whatever the sources hold, and `every` that
    each row of the query around finds exactly one row here: so DuckDB rewrites what a subquery takes from outside.
    """

    columns: tuple[Value, ...]
    rows: RowEffects = field(default_factory=lambda: EMPTY)
    bindings: tuple[Binding, ...] = ()
    order: frozenset[ColumnRef] = frozenset()
    unique: frozenset[frozenset[int]] = frozenset()
    one: bool = False
    every: bool = False

    @property
    def input(self) -> PlanInput:
        bindings = dict(zip(self.bindings, self.columns, strict=False))
        return PlanInput(self.columns, bindings, self.order)

    def at(self, places: Sequence[int]) -> PlanRows:
        """Only these columns. All, where none is named."""
        if not places:
            return self
        moved = {old: new for new, old in enumerate(places)}
        return replace(
            self,
            columns=tuple(self.columns[place] for place in places),
            bindings=tuple(self.bindings[place] for place in places) if self.bindings else (),
            unique=_moved(self.unique, moved),
        )

    def affected(self, refs: Iterable[ColumnRef], by: RowEffect) -> PlanRows:
        return replace(self, rows=together([self.rows, effect(refs, by)]))

    def decided(self, by: Iterable[ColumnRef]) -> PlanRows:
        """The same columns, where what affects the rows, and `by`, only decides which of their values stand there."""
        flows = deciding([*self.rows, *by])
        return replace(self, columns=tuple(_also(value, flows) for value in self.columns), rows=EMPTY)


def _also(value: Value, flows: Mapping[ColumnRef, object]) -> Value:
    return replace(
        value,
        flows=merged([value.flows, deciding(flows)]),
        fields={name: _also(inner, flows) for name, inner in value.fields.items()},
    )


def _moved(unique: frozenset[frozenset[int]], moved: Mapping[int, int]) -> frozenset[frozenset[int]]:
    return frozenset(frozenset(moved[each] for each in places) for places in unique if places <= moved.keys())


def projected(node: Node, child: PlanRows) -> PlanRows:
    expressions = node.get("expressions") or ()
    values = tuple(value_of(each, child.input) for each in expressions)
    plain = {each.get("index", 0): at for at, each in enumerate(expressions) if each["expression_class"] == "BOUND_REF"}
    index = node.get("table_index", 0)
    bindings = tuple((index, at) for at in range(len(values)))
    return replace(child, columns=values, bindings=bindings, unique=_moved(child.unique, plain))


def filtered(node: Node, child: PlanRows) -> PlanRows:
    found = child.affected(refs_of(node.get("expressions") or (), child.input), RowEffect.FILTER)
    return replace(found.at(node.get("projection_map") or ()), one=False, every=False)


def aggregated(node: Node, child: PlanRows) -> PlanRows:
    """The group columns, the aggregates, then what GROUPING says."""
    groups = node.get("groups") or []
    keys = tuple(value_of(each, child.input) for each in groups)
    totals = tuple(value_of(each, child.input) for each in node.get("expressions") or ())
    grouping = (EMPTY_VALUE,) * len(node.get("grouping_functions") or ())
    bindings = [(node.get("group_index", 0), at) for at in range(len(keys))]
    bindings += [(node.get("aggregate_index", 0), at) for at in range(len(totals))]
    bindings += [(node.get("groupings_index", 0), at) for at in range(len(grouping))]
    sets = node.get("grouping_sets") or ()
    one_set = len(sets) < 2
    found = PlanRows(
        (*keys, *totals, *grouping),
        child.rows,
        tuple(bindings),
        unique=frozenset({frozenset(range(len(groups)))}) if groups and one_set else frozenset(),
        one=not groups and one_set,
    )
    return found.affected((ref for key in keys for ref in key.flows), RowEffect.GROUP)


def windowed(node: Node, child: PlanRows) -> PlanRows:
    values = tuple(value_of(each, child.input) for each in node.get("expressions") or ())
    return _beside(child, values, node.get("window_index", 0))


def unnested(node: Node, child: PlanRows) -> PlanRows:
    """The input's columns and an element of each list. How long the lists are says how many rows there are."""
    values = [value_of(each, child.input) for each in node.get("expressions") or ()]
    lists = [_list_of(each, child.input) for each in node.get("expressions") or ()]
    found = _beside(child, tuple(replace(value, fixed=False) for value in values), node.get("unnest_index", 0))
    refs = (ref for each in lists if not each.fixed for ref in each.flows)
    return replace(found.affected(refs, RowEffect.UNNEST), unique=frozenset(), one=False, every=False)


def _list_of(node: Node, of: PlanInput) -> Value:
    inner = node.get("child")
    return value_of(inner, of) if inner else value_of(node, of)


def _beside(child: PlanRows, values: tuple[Value, ...], index: int) -> PlanRows:
    bindings = (*child.bindings, *((index, at) for at in range(len(values)))) if child.bindings else ()
    return replace(child, columns=(*child.columns, *values), bindings=bindings)


def distinct(node: Node, child: PlanRows) -> PlanRows:
    orders = (node.get("order_by") or {}).get("orders") or ()
    looked_at = [*(node.get("distinct_targets") or ()), *(each["expression"] for each in orders)]
    found = child.affected(refs_of(looked_at, child.input), RowEffect.DISTINCT)
    places = frozenset(each.get("index", 0) for each in node.get("distinct_targets") or ())
    return replace(found, unique=found.unique | {places}, every=False)


def ordered(node: Node, child: PlanRows) -> PlanRows:
    orders = (each["expression"] for each in node.get("orders") or ())
    found = replace(child, order=refs_of(orders, child.input) | child.order)
    return found.at(node.get("projection_map") or ())


def limited(node: Node, child: PlanRows) -> PlanRows:
    said = (node.get(key) or {} for key in ("limit_val", "offset_val"))
    counts = refs_of((each["expression"] for each in said if each.get("expression")), child.input)
    return replace(child.affected(child.order | counts, RowEffect.LIMIT), one=False, every=False)


def sampled(_: Node, child: PlanRows) -> PlanRows:
    return replace(child, one=False, every=False)


def united(children: Sequence[PlanRows]) -> PlanRows:
    width = min(len(each.columns) for each in children)
    flows = (merged(each.columns[at].flows for each in children) for at in range(width))
    return PlanRows(tuple(map(Value, flows)), together(each.rows for each in children))


def compared(children: Sequence[PlanRows]) -> PlanRows:
    """EXCEPT and INTERSECT: rows of the first, chosen by whole rows of all."""
    refs = (ref for each in children for value in each.columns for ref in value.flows)
    rows = together(each.rows for each in children)
    return PlanRows(children[0].columns, rows).affected(refs, RowEffect.DISTINCT)


def listed(node: Node, _: PlanRows) -> PlanRows:
    """VALUES: a column is made from what stands in its place in each of the rows."""
    rows = node.get("expressions") or ()
    width = len(node.get("expr_types") or (rows[0] if rows else ()))
    nothing = PlanInput(())
    flows = (merged(value_of(row[at], nothing).flows for row in rows) for at in range(width))
    return PlanRows(tuple(map(Value, flows)), bindings=tuple((node.get("table_index", 0), at) for at in range(width)))


ONE_ROW: Final = PlanRows((EMPTY_VALUE,), one=True)
