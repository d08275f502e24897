"""Column lineage: where the values in the columns of a SELECT come from, read in the tree that DuckDB parses; nothing
is run.

A value flows through whatever is computed from it, but not through what only counts or compares: `count(email)`, `email
is null` and the conditions of a CASE tell nothing about a person. Where the origin is unknown, the value may come from
any column of any table that the SELECT reads: it fails closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lakeflow.core.sql.column_origins import (
    NOWHERE,
    Flows,
    Named,
    Origins,
    Rest,
    Star,
    by_name,
    by_place,
    everything,
    union,
)
from lakeflow.core.sql.scopes import Scope
from lakeflow.core.sql.statements import Node, below, function_of, key_of, path_of, tables

_LONGEST: Final = 50
"""The most rounds of a recursion until its flows stop growing: each column can make them grow once."""


def flows_of(tree: Node) -> Flows:
    """The flows of the columns that a parsed SELECT gives."""
    keys = (key for each in tables(tree) if (key := key_of(each)))
    return _query(tree["node"], Scope(everything(keys), {}))


def _query(node: Node, around: Scope) -> Flows:
    scope = around.knowing({})
    for entry in (node.get("cte_map") or {}).get("map") or ():
        scope = scope.knowing({entry["key"].lower(): _cte(entry, scope)})
    match node.get("type"):
        case "SELECT_NODE":
            return _select(node, scope)
        case "SET_OPERATION_NODE":
            return _set_operation(node, scope)
        case "RECURSIVE_CTE_NODE":
            return _recursion(node, scope)
    return Flows((Rest(scope.every),))


def _cte(entry: Node, scope: Scope) -> Flows:
    value = entry["value"]
    return _query(value["query_node"], scope).numbered().under(_names(value.get("aliases")))


def _recursion(node: Node, scope: Scope) -> Flows:
    name, names = node["cte_name"].lower(), _names(node.get("aliases"))
    found = first = _query(node["left"], scope).numbered()
    for _ in range(_LONGEST):
        again = _query(node["right"], scope.knowing({name: found.under(names)})).numbered()
        grown = by_place([first, again])
        if grown == found:
            return grown
        found = grown
    return Flows((Rest(scope.every),))


def _set_operation(node: Node, scope: Scope) -> Flows:
    sides = [_query(each, scope).numbered() for each in node.get("children") or ()]
    match node.get("setop_type"):
        case "UNION" if sides:
            return by_place(sides)
        case "UNION_BY_NAME" if sides:
            return by_name(sides)
        case "EXCEPT" | "INTERSECT" if sides:
            return sides[0]
    return Flows((Rest(scope.every),))


def _select(node: Node, scope: Scope) -> Flows:
    _from(node.get("from_table") or {"type": "EMPTY"}, scope)
    columns = list[Any]()
    for projection in node.get("select_list") or ():
        found = _projected(projection, scope)
        columns += found.columns
        for each in found.columns:
            if isinstance(each, Named) and each.name:
                scope.earlier[each.name] = scope.earlier.get(each.name, NOWHERE) | each.origins
    return Flows(tuple(columns))


# What stands in a FROM


def _from(ref: Node, scope: Scope) -> None:
    """Add what a FROM names. As with LATERAL, each part sees the parts to its left."""
    if ref.get("type") == "EMPTY":
        return
    if ref.get("type") == "JOIN" and not ref.get("alias"):
        _from(ref["left"], scope)
        # A table that only decides which rows stay (SEMI, ANTI) shows no columns.
        _from(ref["right"], scope.inside() if ref.get("join_type") in ("SEMI", "ANTI") else scope)
        if ref.get("using_columns") or ref.get("ref_type") == "NATURAL":
            scope.sources.append(("", _SOME))  # `*` gives the columns that both sides share once
        return
    name = (ref.get("alias") or ref.get("table_name") or _function_name(ref)).lower()
    scope.sources.append((name, _source(ref, scope).under(_names(ref.get("column_name_alias")))))


_SOME: Final = Flows((Rest(),))
"""Some columns before this one may be missing, so the places of columns tell nothing."""


def _source(ref: Node, scope: Scope) -> Flows:
    match ref.get("type"):
        case "BASE_TABLE":
            return _table(ref, scope)
        case "SUBQUERY":
            return _inner(ref["subquery"], scope).numbered()
        case "EXPRESSION_LIST":
            return _values(ref, scope)
        case "TABLE_FUNCTION":
            return _table_function(ref, scope)
        case "PIVOT":
            return _pivot(ref, scope)
    return Flows((Rest(scope.every),))


def _inner(statement: Node, scope: Scope) -> Flows:
    return _query(statement["node"], scope.inside())


def _table(ref: Node, scope: Scope) -> Flows:
    """The columns of a table. A table without a layer is one of WITH, a file, or a table of another catalog: its values
    come from no asset.
    """
    if key := key_of(ref):
        return Flows((Star(key),))
    path = path_of(ref)
    return scope.ctes.get(path[0], Flows((Rest(),))) if len(path) == 1 else Flows((Rest(),))


def _values(ref: Node, scope: Scope) -> Flows:
    rows = ref.get("values") or ()
    places = range(max(map(len, rows), default=0))
    columns = (union(_value(row[at], scope) for row in rows if at < len(row)) for at in places)
    return Flows(tuple(Named(f"col{at}", origins) for at, origins in enumerate(columns)))


_ONE_COLUMN: Final = frozenset({"unnest", "range", "generate_series"})


def _table_function(ref: Node, scope: Scope) -> Flows:
    """The columns of a table function: they may be made from each of its arguments."""
    name, origins = _function_name(ref), union(_value(each, scope) for each in _parts(ref["function"]))
    if name not in _ONE_COLUMN or (name == "unnest" and len(ref["function"].get("arguments") or ()) != 1):
        return Flows((Rest(origins),))
    column = Named((ref.get("alias") or name).lower(), origins)
    return Flows((column, Rest()) if ref.get("with_ordinality") else (column,))


def _pivot(ref: Node, scope: Scope) -> Flows:
    """The columns of the source under their own names, and others that are made from what is aggregated or stacked."""
    inside, pivots = scope.inside(), ref.get("pivots") or ()
    _from(ref["source"], inside)
    columns = inside.columns.numbered().columns
    if any("subquery" in each for each in pivots):
        return Flows((*columns, Rest(scope.every)))
    stacked = union(_value(each["star_expr"], inside) for at in pivots for each in at["entries"] if "star_expr" in each)
    if names := ref.get("unpivot_names"):
        told = (Named(name, NOWHERE) for at in pivots for name in _names(at.get("unpivot_names")))
        return Flows((*columns, *told, *(Named(name, stacked) for name in _names(names)), Rest())).numbered()
    return Flows((*columns, Rest(union(_value(each, inside) for each in ref.get("aggregates") or ()))))


# What stands in a select list


def _projected(node: Node, scope: Scope) -> Flows:
    name, stars = (node.get("alias") or "").lower(), list(_stars(node))
    if not stars:
        return _one_column(node, name, scope)
    if name or any(each.get("type") == "OPERATOR_UNPACK" for each in below(node, _no_query)):
        return Flows((Rest(_beside_stars(node, scope) | union(_value(each, scope) for each in stars)),))
    columns = _starred(stars[0], scope)
    if chosen := _listed(stars[0]):
        columns = Flows(tuple(Named(each, columns.of(each)) for each in chosen))
    others = _beside_stars(node, scope) | union(_starred(each, scope).all for each in stars[1:])
    is_whole = node is stars[0] and "expr" not in node
    return columns if is_whole else Flows((*columns.columns, Rest(others)))


def _listed(star: Node) -> list[str]:
    """The names that a text list gives, as in `columns(['id', 'email'])`."""
    of = star.get("expr") or {}
    said = [each.get("expression") or {} for each in of.get("arguments") or () if function_of(of) == "list_value"]
    known = all(each.get("class") == "CONSTANT" and each["literal"]["kind"] == "STRING" for each in said)
    return [each["literal"]["text"].lower() for each in said] if known else []


def _one_column(node: Node, name: str, scope: Scope) -> Flows:
    origins = _value(node, scope)
    if node.get("type") == "COLUMN_REF":
        return Flows((Named(name or node["column_names"][-1].lower(), origins),))
    if node.get("class") == "FUNCTION" and function_of(node) in ("unnest", "unlist"):
        # A struct becomes a column for each of its fields, under their names and whatever the alias says.
        return Flows((Named(name, origins), Rest(origins)))
    return Flows((Named(name, origins),))


def _stars(node: Any) -> Iterator[Node]:
    """The stars in the expression itself, without those of queries inside it."""
    return (each for each in below(node, _no_query) if each.get("type") == "STAR" and each.get("class") == "STAR")


def _no_query(node: Node) -> bool:
    return node.get("class") != "SUBQUERY" and not (node.get("type") == "STAR" and node.get("class") == "STAR")


def _beside_stars(node: Node, scope: Scope) -> Origins:
    """What an expression is made from besides its stars."""
    found = NOWHERE
    for each in below(node, _no_query):
        if each.get("class") in ("COLUMN_REF", "SUBQUERY", "POSITIONAL_REFERENCE"):
            found |= _value(each, scope)
        elif of := _qualifiers(each):
            found |= scope.origins(of)
    return found


def _starred(star: Node, scope: Scope) -> Flows:
    """The columns of `*`, `table.*` or `columns(…)`, after `exclude`, `replace` and `rename`, and all columns that the
    last could choose from.
    """
    if set(star) - _OF_STARS:
        return Flows((Rest(scope.every),))
    table = (star.get("relation_name") or "").lower()
    found = Flows(tuple(each for flows in _sources_of(table, star, scope) for each in flows.columns))
    for replaced in star.get("replace_list") or ():
        name = str(replaced["key"]).lower()
        found = found.replacing(name, Named(name, _value(replaced["value"], scope)))
    for renamed in star.get("rename_list") or ():
        old = str(renamed["key"].get("column", "")).lower()
        new = Named(str(renamed["value"]).lower(), found.of(old))
        # Of one source only: a column of the same name in another keeps it.
        found = Flows((*found.columns, new)) if renamed["key"].get("table") else found.replacing(old, new)
    return found


_OF_STARS: Final = frozenset(
    {"class", "type", "alias", "query_location", "query_location_length", "relation_name", "columns", "expr"}
    | {"exclude_list", "qualified_exclude_list", "replace_list", "rename_list"}
)


def _sources_of(table: str, star: Node, scope: Scope) -> Iterator[Flows]:
    named = [(name, flows) for name, flows in scope.sources if table in ("", name)]
    for name, flows in named:
        out = {str(each).lower() for each in star.get("exclude_list") or ()}
        out |= {
            str(each["column"]).lower()
            for each in star.get("qualified_exclude_list") or ()
            if str(each.get("table") or "").lower() == name
        }
        yield flows.without(frozenset(out))
    if table and not named:
        around = scope.source(table)
        yield around or Flows()
        yield Flows((Rest(scope.origins([table])),))


# What a value is made of


def _value(node: Any, scope: Scope) -> Origins:
    kind = node.get("class") if isinstance(node, Mapping) else "CONSTANT"
    if kind in ("CONSTANT", "PARAMETER", "DEFAULT", "TYPE", "LAMBDA_REF"):
        return NOWHERE
    match kind:
        case "COLUMN_REF":
            found = scope.origins([name.lower() for name in node["column_names"]])
        case "SUBQUERY":
            is_value = node.get("subquery_type") == "SCALAR"
            found = _inner(node["subquery"], scope).all if is_value else _known_to_compare(node, scope)
        case "STAR":
            replaced = (each.get("value") for each in node.get("replace_list") or ())
            found = _starred(node, scope).all | union(_value(each, scope) for each in replaced)
        case "POSITIONAL_REFERENCE":
            found = scope.columns.all
        case "FUNCTION" | "WINDOW":
            found = _called(node, scope)
        case "OPERATOR" | "CASE" | "CAST" | "COLLATE" | "LAMBDA" | "COMPARISON" | "CONJUNCTION" | "BETWEEN":
            found = union(_value(each, scope) for each in _parts(node))
        case _:
            found = scope.every
    return found


def _known_to_compare(node: Node, scope: Scope) -> Origins:
    return NOWHERE if node.get("subquery_type") in ("EXISTS", "NOT_EXISTS", "ANY") else scope.every


def _called(node: Node, scope: Scope) -> Origins:
    """`email.upper()` is a function of a schema for the parser, and a function of a column for its author."""
    if function_of(node) in TELLS_NOTHING and not node.get("export_state"):
        return NOWHERE
    of = _qualifiers(node)
    return union(_value(each, scope) for each in _parts(node)) | (scope.origins(of) if of else NOWHERE)


def _qualifiers(node: Node) -> list[str]:
    """The names before a function's name, with their dots."""
    return [
        str(node[name]).lower() for name in ("catalog", "schema") if node.get("class") == "FUNCTION" and node.get(name)
    ]


TELLS_NOTHING: Final = frozenset(
    {"count", "count_star", "count_if", "countif", "approx_count_distinct", "regr_count", "typeof", "pg_typeof"}
    | {"~~", "!~~", "~~*", "!~~*", "~~~", "^@", "like_escape", "not_like_escape", "ilike_escape", "not_ilike_escape"}
    | {
        "regexp_matches",
        "regexp_full_match",
        "starts_with",
        "ends_with",
        "prefix",
        "suffix",
        "isnan",
        "isinf",
        "isfinite",
    }
    | {"list_contains", "list_has", "array_contains", "array_has", "list_has_any", "list_has_all", "json_valid"}
    | {"row_number", "rank", "dense_rank", "percent_rank", "cume_dist"}
)
"""Functions and operators whose value is a number of rows, a type, or yes or no."""

_YES_OR_NO: Final = frozenset(
    {"COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "GROUPING_FUNCTION"}
)
_ASIDE: Final = frozenset({"filter", "filter_expr", "partitions", "start_expr", "end_expr", "type_expr"})
"""Fields of a node that choose rows or name a type."""

_IN_ORDER: Final = frozenset(
    {"list", "array_agg", "string_agg", "group_concat", "listagg", "first", "last", "any_value", "arbitrary"}
    | {"json_group_array", "sum", "avg", "min", "max"}
)
"""Aggregates whose ORDER BY only orders their rows. In `mode() within group (order by email)` it gives the values."""


def _parts(node: Node) -> Iterator[Any]:
    """The expressions below a node that its value is made from."""
    if node.get("class") in ("COMPARISON", "CONJUNCTION", "BETWEEN") or node.get("type") in _YES_OR_NO:
        return
    if node.get("class") == "CASE":
        yield from (each["then_expr"] for each in node.get("case_checks") or ())
        yield node.get("else_expr")
        return
    # `fill` makes values out of those by which it orders, other functions only order rows by them.
    of_window = {"orders"} if function_of(node) != "fill" else set[str]()
    aside = _ASIDE | frozenset(of_window | ({"order_bys", "arg_orders"} if function_of(node) in _IN_ORDER else set()))
    for name, value in node.items():
        if name not in aside:
            yield from _expressions(value)


def _expressions(value: Any) -> Iterator[Any]:
    """The expressions below a node, including those wrapped in other things, such as an argument with a name."""
    if isinstance(value, Mapping):
        if "class" in value:
            yield value
        else:
            yield from (each for inner in value.values() for each in _expressions(inner))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield from (each for inner in value for each in _expressions(inner))


def _names(said: Sequence[str] | None) -> list[str]:
    return [name.lower() for name in said or ()]


def _function_name(ref: Node) -> str:
    return function_of(ref["function"]) if isinstance(ref.get("function"), Mapping) else ""
