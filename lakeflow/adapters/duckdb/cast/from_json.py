r"""Reads values in JSON text exactly, digit by digit.

DuckDB reads each number with a point or an exponent as a double and prints that double: `12345678901234567.89` comes
out as `12345678901234568.0`. So such numbers become marked strings before the text is parsed, and stay texts until they
are cast. A struct may lack keys, and `null` is NULL everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lakeflow.adapters.duckdb.cast.from_text import MEND, VARCHAR
from lakeflow.adapters.duckdb.cast.leaf import Cast, CastFault, in_items, item_of, leaf
from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.model.schema import Field, List, Map, Primitive, Struct, Type, children
from lakeflow.core.values import dataclass

MARK: Final = chr(0xFDD0)
"""Marks a string that was a number. Unicode reserves this character, so exchanged text does not contain it."""
RESERVED: Final = "the character U+FDD0, which Unicode keeps out of all text that is interchanged"

_TOKENS: Final = r'("(?:[^"\\]|\\.)*")|(-?[0-9]+(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)|-0)'
"""Finds a string, or a number that DuckDB might print differently."""
_LONG: Final = r"[0-9.]{17,}|(?:^|[:,\[])\s*-?[0-9.]+[eE]|-0[^.0-9]"
"""Digits that a double may not keep (it keeps 15 and a point), an exponent, which DuckDB expands, and a zero with a
sign.
"""
_SPELLED: Final = r"[0-9][.eE]|-0"
"""Digits that might be spelled differently: `1.50` would become `1.5`, which is another text."""


def may_change(json: str, texts: Sequence[str]) -> str:
    """SQL: does the JSON text hold a number that may change? `texts` are the keys of numbers that are kept as text."""
    if not texts:
        return f"regexp_matches({json}, {literal(_LONG)})"
    types = f"json_type({json}, [{', '.join(map(pointer, texts))}])"
    respelled = f"list_has_any({types}, ['DOUBLE', 'ARRAY', 'OBJECT']) AND regexp_matches({json}, {literal(_SPELLED)})"
    return f"regexp_matches({json}, {literal(_LONG)}) OR ({respelled})"


def marked(json: str, condition: str) -> str:
    """SQL of the JSON text, where the condition holds with the numbers that may change as marked strings."""
    signs = f"regexp_replace({json}, {literal(_TOKENS)}, chr(1) || '\\1' || chr(2) || '\\2' || chr(3), 'g')"
    # No JSON text holds a control character: `1 string 2 3` is the string, `1 2 number 3` the number.
    strings = f"replace(replace({signs}, chr(2) || chr(3), ''), chr(1) || chr(2), {literal(chr(34) + MARK)})"
    plain = f"replace(replace({strings}, chr(3), {literal(chr(34))}), chr(1), '')"
    return f"CASE WHEN {condition} THEN {plain} ELSE {json} END"


def pointer(name: str) -> str:
    """The JSON pointer to the value with that key."""
    return literal("/" + name.replace("~", "~0").replace("/", "~1"))


def unmarked(text: str) -> str:
    """SQL of a text without marks: a number as it is in the file, a nested value as JSON."""
    inner = literal(f'"{MARK}([-+0-9.eE]+)"')
    plain = f"replace(regexp_replace({text}, {inner}, '\\1', 'g'), {literal(MARK)}, '')"
    return f"CASE WHEN contains({text}, {literal(MARK)}) THEN {plain} ELSE {text} END"


def keeps_text(type_: Type) -> bool:
    """Does the type contain text?"""
    return type_ == Primitive("string") or any(keeps_text(field.type) for field in children(type_))


@dataclass(frozen=True)
class JsonValue:
    """SQL of one value in marked JSON: as JSON, and as text (a string without its quotes)."""

    json: str
    text: str


def exact_column(value: str, target: Type, path: str) -> Cast:
    """A JSON column of a query, which may hold any value, in its declared type, which is not text."""
    json = marked(value, f"regexp_matches({value}, {literal(_SPELLED if keeps_text(target) else _LONG)})")
    sign = CastFault(path, f"contains({value}, {literal(MARK)})", RESERVED, MEND)
    cast = exact_json(JsonValue(json, f"json_extract_string({json}, '$')"), target, path)
    return Cast(cast.value, (sign, *cast.faults))


def exact_json(part: JsonValue, target: Type, path: str) -> Cast:
    """The value in its declared type."""
    match target:
        case Struct(fields):
            return _struct(part.json, fields, path)
        case List(element):
            return _list(part.json, element, path)
        case Map(key, value):
            return _map(part.json, (key, value), path)
        case Primitive("string"):
            return Cast(unmarked(part.text))
    return leaf(f"replace({part.text}, {literal(MARK)}, '')", VARCHAR, target, path)


def _member(json: str, at: str) -> JsonValue:
    return JsonValue(f"json_extract({json}, {at})", f"json_extract_string({json}, {at})")


def _struct(json: str, fields: tuple[Field, ...], path: str) -> Cast:
    parts = {
        field.name: exact_json(_member(json, pointer(field.name)), field.type, f"{path}.{field.name}")
        for field in fields
    }
    names = f"[{', '.join(map(literal, parts))}]"
    known = ", ".join(parts)
    faults = (
        _unless(json, "OBJECT", Struct(fields), path),
        CastFault(path, f"NOT list_has_all({names}, json_keys({json}))", f"keys other than {known}", MEND),
        _twice(json, path),
        *(fault for part in parts.values() for fault in part.faults),
    )
    packed = ", ".join(f"{quoted(name)} := {part.value}" for name, part in parts.items())
    return Cast(_as(f"CASE WHEN json_type({json}) = 'OBJECT' THEN struct_pack({packed}) END", Struct(fields)), faults)


def _list(json: str, element: Field, path: str) -> Cast:
    item, items = item_of(path), f"json_extract({json}, '$[*]')"
    part = exact_json(JsonValue(item, f"json_extract_string({item}, '$')"), element.type, f"{path}.{element.name}")
    value = f"CASE WHEN json_type({json}) = 'ARRAY' THEN list_transform({items}, lambda {item}: {part.value}) END"
    faults = [_unless(json, "ARRAY", List(element), path), *_within(items, item, part.faults)]
    return Cast(_as(value, List(element)), tuple(faults))


def _map(json: str, sides: tuple[Field, Field], path: str) -> Cast:
    item, keys = item_of(path), f"json_keys({json})"
    found = _member(json, f"'/' || replace(replace({item}, '~', '~0'), '/', '~1')")
    key = leaf(item, VARCHAR, sides[0].type, f"{path}.key")
    value = exact_json(found, sides[1].type, f"{path}.value")
    lists = [f"list_transform({keys}, lambda {item}: {part.value})" for part in (key, value)]
    faults = [
        _unless(json, "OBJECT", Map(*sides), path),
        *_within(keys, item, (*key.faults, *value.faults)),
        _twice(json, path, lists[0]),
    ]
    packed = f"CASE WHEN json_type({json}) = 'OBJECT' THEN map({', '.join(lists)}) END"
    return Cast(_as(packed, Map(*sides)), tuple(faults))


def _as(value: str, target: Type) -> str:
    return f"CAST({value} AS {spelled(target)})"


def _unless(json: str, type_: str, target: Type, path: str) -> CastFault:
    return CastFault(path, f"json_type({json}) NOT IN ('{type_}', 'NULL')", f"no {spelled(target)}", MEND)


def _twice(json: str, path: str, keys: str = "") -> CastFault:
    keys = keys or f"json_keys({json})"
    return CastFault(path, f"list_unique({keys}) < len({keys})", "a key that comes twice", MEND)


def _within(items: str, item: str, faults: Sequence[CastFault]) -> list[CastFault]:
    return [in_items(items, item, fault) for fault in faults]
