"""Where the value of a bound expression comes from: DuckDB has resolved every name in it to a column of its input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final, TypeAlias

from lakeflow.core.columns.derivation import NOTHING, ColumnFlows, ColumnRef, Flow, deciding, lifted, merged
from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass

Node: TypeAlias = Mapping[str, Any]


class NotKnownError(Exception):
    """An operator or expression whose flows are not known: nothing is said about the SELECT then."""


@dataclass(frozen=True)
class Value:
    """Where a value comes from. Of a struct that the SELECT itself packs, each field apart. A
    list of `fixed` length has as many elements in each row, whatever they are.
    """

    flows: ColumnFlows = NOTHING
    fields: Mapping[str, Value] = field(default_factory=lambda: EMPTY)
    fixed: bool = False


EMPTY_VALUE: Final = Value()


@dataclass(frozen=True)
class PlanInput:
    """The columns that an expression refers to: by place, or where DuckDB has not numbered them yet, by binding."""

    values: Sequence[Value]
    bindings: Mapping[tuple[int, int], Value] = field(default_factory=lambda: EMPTY)
    order: Iterable[ColumnRef] = ()
    """The columns in whose order the rows come."""


_PLAIN: Final = frozenset(
    {"BOUND_FUNCTION", "BOUND_OPERATOR", "BOUND_CAST", "BOUND_COMPARISON", "BOUND_CONJUNCTION", "BOUND_BETWEEN"}
    | {"BOUND_EXPANDED", "BOUND_UNNEST"}
)
_WITHOUT_INPUT: Final = frozenset(
    {"BOUND_CONSTANT", "BOUND_PARAMETER", "BOUND_LAMBDA", "BOUND_LAMBDA_REF", "BOUND_DEFAULT"}
)
"""What a lambda takes from outside stands beside it, as further arguments of its function."""
_STRUCTS: Final = frozenset({"struct_extract", "struct_pack"})
_LISTS: Final = frozenset({"list_value", "list_pack", "unpivot_list"})
_ANY_ORDER: Final = frozenset(
    {
        "sum",
        "count",
        "count_star",
        "min",
        "max",
        "avg",
        "count_if",
        "countif",
        "bool_and",
        "bool_or",
        "median",
        "product",
    }
    | {"bit_and", "bit_or", "bit_xor", "sum_no_overflow", "stddev", "stddev_samp", "stddev_pop", "var_samp", "var_pop"}
    | {"variance", "fsum", "favg", "approx_count_distinct", "quantile_cont", "quantile_disc", "histogram", "entropy"}
    | {"corr", "covar_pop", "covar_samp", "mad", "kurtosis", "skewness"}
)
"""Aggregates that do not ask in which order rows come. All others are taken to."""


def value_of(node: Node, of: PlanInput) -> Value:
    kind = node.get("expression_class")
    if kind == "BOUND_REF":
        return of.values[node.get("index", 0)]
    if make := {"BOUND_CASE": _case, "BOUND_AGGREGATE": _aggregate, "BOUND_WINDOW": _window}.get(str(kind)):
        return Value(make(node, of))
    if kind == "BOUND_COLUMN_REF":
        return _bound_column(node, of)
    if kind in _WITHOUT_INPUT:
        return EMPTY_VALUE
    if kind in _PLAIN:
        return _computed(node, of)
    raise NotKnownError(f"it has an expression of the kind {str(kind).removeprefix('BOUND_').lower()}")


def refs_of(nodes: Iterable[Node], of: PlanInput) -> frozenset[ColumnRef]:
    """All columns that any of these expressions looks at."""
    return frozenset(ref for node in nodes for ref in value_of(node, of).flows)


def _bound_column(node: Node, of: PlanInput) -> Value:
    binding = node.get("binding") or {}
    found = of.bindings.get((binding.get("table_index", 0), binding.get("column_index", 0)))
    if found is None:
        raise NotKnownError("a subquery takes a column from outside in a way that is not known here")
    return found


def _computed(node: Node, of: PlanInput) -> Value:
    name, parts = _name(node), list(_parts(node))
    if name not in _STRUCTS:
        flows = merged(lifted(value_of(each, of).flows, Flow.COMPUTED) for each in _operands(node))
        return Value(flows, fixed=name in _LISTS)
    values = [value_of(part, of) for part in parts]
    if name == "struct_extract" and isinstance(key := _constant(parts[1]), str) and (found := _field(values[0], key)):
        return found
    flows = merged(lifted(value.flows, Flow.COMPUTED) for value in values)
    if name == "struct_extract":
        return Value(flows)
    kinds = (node.get("return_type") or {}).get("type_info", {}).get("child_types", ())
    return Value(flows, dict(zip((each.get("first", "") for each in kinds), values, strict=False)))


def _operands(node: Node) -> Iterator[Node]:
    """What an expression is computed from, however deep: a sum of 1,000 terms is 1,000 expressions in each other."""
    waiting = list(_parts(node))
    while waiting:
        each = waiting.pop()
        if each.get("expression_class") in _PLAIN and _name(each) not in _STRUCTS:
            waiting += _parts(each)
        else:
            yield each


def _field(value: Value, key: str) -> Value | None:
    return next((found for name, found in value.fields.items() if name.lower() == key.lower()), None)


def _case(node: Node, of: PlanInput) -> ColumnFlows:
    checks = node.get("case_checks") or ()
    conditions = deciding(refs_of((each["when_expr"] for each in checks), of))
    results = [*(each["then_expr"] for each in checks), node["else_expr"]]
    return merged([conditions, *(lifted(value_of(each, of).flows, Flow.COMPUTED) for each in results)])


def _aggregate(node: Node, of: PlanInput) -> ColumnFlows:
    taken = merged(lifted(value_of(each, of).flows, Flow.AGGREGATED) for each in _parts(node))
    beside = refs_of(_beside(node), of)
    ordered = frozenset(of.order) if _name(node) not in _ANY_ORDER else frozenset()
    return merged([taken, deciding(beside | ordered)])


def _window(node: Node, of: PlanInput) -> ColumnFlows:
    flow = Flow.AGGREGATED if node.get("type") == "WINDOW_AGGREGATE" else Flow.COMPUTED
    taken = list(_parts(node))
    if default := node.get("default_expr"):
        taken.append(default)
    orders = node.get("orders") or ()
    beside = [*_beside(node), *(node.get("partitions") or ()), *(each["expression"] for each in orders)]
    beside += [node[key] for key in ("start_expr", "end_expr", "offset_expr") if node.get(key)]
    beside += [each["expression"] for each in node.get("arg_orders") or ()]
    unordered = frozenset(of.order) if not orders else frozenset()
    return merged(
        [*(lifted(value_of(each, of).flows, flow) for each in taken), deciding(refs_of(beside, of) | unordered)]
    )


def _beside(node: Node) -> list[Node]:
    """What chooses the rows of an aggregate, and their order."""
    orders = (node.get("order_bys") or {}).get("orders") or ()
    chosen = [node[key] for key in ("filter", "filter_expr") if node.get(key)]
    return [*chosen, *(each["expression"] for each in orders)]


def _parts(node: Node) -> Iterator[Node]:
    """The expressions that an expression takes."""
    for key in ("children", "child", "left", "right", "input", "lower", "upper"):
        found = node.get(key)
        yield from found if isinstance(found, list) else ([found] if found else [])


def _constant(node: Node) -> Any:
    return (node.get("value") or {}).get("value") if node.get("expression_class") == "BOUND_CONSTANT" else None


def _name(node: Node) -> str:
    path = (node.get("qname") or {}).get("path") or [""]
    return str(path[-1]).lower()
