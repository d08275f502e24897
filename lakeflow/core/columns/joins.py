"""What joins make from two inputs, also the joins into which DuckDB turns subqueries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from lakeflow.core.columns.derivation import ColumnFlows, ColumnRef, Flow, RowEffect, deciding, lifted, merged, together
from lakeflow.core.columns.expressions import Node, NotKnownError, PlanInput, Value, refs_of, value_of
from lakeflow.core.columns.relations import PlanRows

_EQUAL: Final = frozenset({"COMPARE_EQUAL", "COMPARE_NOT_DISTINCT_FROM"})


def crossed(_: Node, left: PlanRows, right: PlanRows) -> PlanRows:
    """Every row with every row. A side that is exactly one row adds columns and no rows, as a scalar subquery does."""
    if right.one:
        return _side_by_side(left, right.decided(()))
    if left.one:
        return _side_by_side(left.decided(()), right)
    return _paired(left, right, frozenset())


def in_step(_: Node, left: PlanRows, right: PlanRows) -> PlanRows:
    """POSITIONAL JOIN: the first row with the first, and so on."""
    return _paired(left, right, left.order | right.order)


def joined(node: Node, left: PlanRows, right: PlanRows) -> PlanRows:
    looked_at = _looked_at(node, left, right)
    kept, other = left.at(node.get("left_projection_map") or ()), right.at(node.get("right_projection_map") or ())
    kind = node.get("join_type")
    if kind == "MARK":
        return _marked(node, kept, _condition(node, left, right), right)
    if kind in ("SEMI", "ANTI"):
        return _chosen(kept, right, looked_at)
    if kind in ("RIGHT_SEMI", "RIGHT_ANTI"):
        return _chosen(other, left, looked_at)
    if kind not in ("SINGLE", "INNER", "LEFT", "RIGHT", "OUTER", "FULL"):
        raise NotKnownError(f"it has a join of the kind {kind}")
    if kind == "SINGLE" or (kind == "LEFT" and _one_at_most(node, right)) or (kind == "INNER" and right.every):
        return _side_by_side(kept, other.decided(looked_at))
    return _paired(kept, other, looked_at)


def _paired(left: PlanRows, right: PlanRows, looked_at: frozenset[ColumnRef]) -> PlanRows:
    """Rows that may find no partner, or many."""
    found = _side_by_side(left, right).affected(looked_at, RowEffect.JOIN)
    return replace(found, unique=frozenset(), one=False, every=False)


def _side_by_side(left: PlanRows, right: PlanRows) -> PlanRows:
    """The columns of both. Each row of the left has one partner, if this is not said otherwise."""
    known = len(left.bindings) == len(left.columns) and len(right.bindings) == len(right.columns)
    return PlanRows(
        (*left.columns, *right.columns),
        together([left.rows, right.rows]),
        (*left.bindings, *right.bindings) if known else (),
        unique=left.unique,
        one=left.one and right.one,
        every=left.every,
    )


def _chosen(left: PlanRows, by: PlanRows, looked_at: frozenset[ColumnRef]) -> PlanRows:
    """Rows of one side for which the other has a partner, or has none."""
    found = replace(left, rows=together([left.rows, by.rows]), one=False, every=False)
    return found.affected(looked_at, RowEffect.JOIN)


def _marked(node: Node, left: PlanRows, condition: ColumnFlows, right: PlanRows) -> PlanRows:
    """The left side, and whether a partner is found: IN and EXISTS."""
    mark = Value(merged([condition, deciding(right.rows)]))
    bindings = (*left.bindings, (node.get("mark_index", 0), 0)) if left.bindings else ()
    return replace(left, columns=(*left.columns, mark), bindings=bindings)


def _one_at_most(node: Node, right: PlanRows) -> bool:
    """Does no row of the left find two partners? Then a LEFT JOIN keeps its rows as they are."""
    if right.one:
        return True
    equal = [each["right"] for each in _conditions(node) if each.get("comparison") in _EQUAL and "right" in each]
    places = frozenset(each.get("index", 0) for each in equal if each["expression_class"] == "BOUND_REF")
    return any(unique <= places for unique in right.unique)


def _conditions(node: Node) -> list[Node]:
    return list(node.get("conditions") or ())


def _looked_at(node: Node, left: PlanRows, right: PlanRows) -> frozenset[ColumnRef]:
    return frozenset(_condition(node, left, right))


def _condition(node: Node, left: PlanRows, right: PlanRows) -> ColumnFlows:
    return merged(lifted(flows, Flow.COMPUTED) for flows in _flows(node, left, right))


def _flows(node: Node, left: PlanRows, right: PlanRows) -> Iterator[ColumnFlows]:
    both = PlanInput((*left.columns, *right.columns))
    for each in _conditions(node):
        if "right" in each:
            yield value_of(each["left"], left.input).flows
            yield value_of(each["right"], right.input).flows
        else:  # no comparison of one side with the other
            yield deciding(refs_of([each["left"]], both))
    if of := node.get("condition"):
        yield value_of(of, both).flows
