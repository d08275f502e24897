"""SQL that tells whether two values are the same, for every type and at any nesting.

Every value counts exactly. NULL equals only NULL, NaN equals NaN, both zeros are one number, and the entries of a map
have no order (docs/decisions/0009).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.core.model.schema import Field, List, Map, Struct, Type, children

FLOATING: Final = frozenset({"float", "double"})
_UNITS: Final = 4
"""Units in the last place by which two floats may differ and still be the same: threads sum in varying orders."""

Form = Callable[[str, str], str]
"""SQL of a float, given its SQL and type, in the form in which it is compared."""


def exactly(value: str, type_: Type) -> str:
    """SQL that is equal, and hashes equally, for values that are the same, and for no others."""
    return _canonical(value, type_, lambda number, _: f"({number} + 0::FLOAT)")


def to_the_bit(value: str, type_: Type) -> str:
    """As `exactly`, but the two zeros are two values: for rows that are only moved, not computed again."""
    return _canonical(value, type_, lambda number, _: f"row({number}, signbit({number}))")


def but_for_floats(value: str, type_: Type) -> str:
    """SQL that is the same for values that differ only in the numbers of their floats."""
    return _canonical(value, type_, lambda number, _: f"({number} IS NULL)")


def has_floats(type_: Type) -> bool:
    return str(type_) in FLOATING or any(has_floats(field.type) for field in children(type_))


def nearly(left: str, right: str, type_: Type, depth: int = 0) -> str:
    """SQL: are these the same, except for at most four units in the last place of each float? Keys of maps are
    exact.
    """
    match type_:
        case Struct(fields):
            both = (nearly(f"{left}.{quoted(each.name)}", f"{right}.{quoted(each.name)}", each.type) for each in fields)
            return _all([f"({left} IS NULL) = ({right} IS NULL)", *both])
        case List(element):
            return _nearly_items(left, right, lambda a, b: nearly(a, b, element.type, depth + 1), depth)
        case Map(key, side):
            entries = [_by_key(each, key, depth) for each in (left, right)]
            return _nearly_items(entries[0], entries[1], lambda a, b: _nearly_entry(a, b, side, depth), depth)
    if str(type_) in FLOATING:
        ends = [_steps(left, f"'{end}'") for end in ("-infinity", "infinity")]
        near = f"isfinite({left}) AND isfinite({right}) AND {right} BETWEEN {ends[0]} AND {ends[1]}"
        return f"({left} IS NOT DISTINCT FROM {right} OR coalesce({near}, false))"
    return f"{left} IS NOT DISTINCT FROM {right}"


def _by_key(value: str, key: Field, depth: int) -> str:
    """The entries of a map as a list of the key, in its compared form, and the value."""
    name = f"e{depth}"
    entry = f"row({exactly(f'{name}.key', key.type)}, {name}.value)"
    return f"list_sort(list_transform(map_entries({value}), lambda {name}: {entry}))"


def _nearly_entry(left: str, right: str, side: Field, depth: int) -> str:
    values = nearly(f"{left}[2]", f"{right}[2]", side.type, depth + 1)
    return f"({left}[1] IS NOT DISTINCT FROM {right}[1] AND {values})"


def _nearly_items(left: str, right: str, same: Callable[[str, str], str], depth: int) -> str:
    pair = f"z{depth}"
    pairs = f"list_transform(list_zip({left}, {right}), lambda {pair}: {same(f'{pair}[1]', f'{pair}[2]')})"
    return f"(len({left}) IS NOT DISTINCT FROM len({right}) AND coalesce(list_bool_and({pairs}), true))"


def _steps(value: str, end: str) -> str:
    text = value
    for _ in range(_UNITS):
        text = f"nextafter({text}, {end})"
    return text


def _canonical(value: str, type_: Type, form: Form, depth: int = 0) -> str:
    match type_:
        case Struct(fields):
            return _struct(value, fields, form, depth)
        case List(element):
            return _items(value, lambda x: _canonical(x, element.type, form, depth + 1), depth)
        case Map(key, side):
            entries, sides = f"map_entries({value})", (key, side)
            return _items(entries, lambda x: _struct(x, sides, form, depth + 1), depth, "list_sort")
    return form(value, str(type_)) if str(type_) in FLOATING else value


def _struct(value: str, fields: tuple[Field, ...], form: Form, depth: int) -> str:
    """A struct with a flag besides its fields: DuckDB gives a NULL struct and a struct of NULLs one hash."""
    named = ((each, f"{value}.{quoted(each.name)}") for each in fields)
    parts = (f"{quoted(each.name)} := {_canonical(part, each.type, form, depth)}" for each, part in named)
    return f"row({value} IS NULL, struct_pack({', '.join(parts)}))"


def _items(value: str, item: Callable[[str], str], depth: int, order: str = "") -> str:
    """A list with its length, which tells NULL, an empty list and a list of one NULL apart."""
    name = f"x{depth}"
    return f"row(len({value}), {order}(list_transform({value}, lambda {name}: {item(name)})))"


def _all(conditions: Iterable[str]) -> str:
    return f"({' AND '.join(conditions)})"
