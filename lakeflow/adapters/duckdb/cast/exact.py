"""Casts that keep a value exactly, or refuse it: nothing is rounded, cut, wrapped or moved to another zone.

DuckDB's own casts round (`1.7` to an integer), cut (`.1234567` to microseconds) and forget (a zone, a time of day). So
each cast that may lose something comes with the conditions under which it does. `from_text` decides what a text means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import duckdb
from duckdb.sqltypes import DuckDBPyType

from lakeflow.adapters.duckdb.cast.from_json import exact_column
from lakeflow.adapters.duckdb.cast.from_text import MEND, TEXT, json_in_text, shape_in_text, spelled_plainly
from lakeflow.adapters.duckdb.cast.leaf import MEAN, Cast, CastFault, in_items, item_of, leaf, plain
from lakeflow.adapters.duckdb.failures import refusal
from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.types import parts_of, spelled
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import Field, List, Map, Primitive, Struct, Type


def exact(value: str, source: DuckDBPyType, target: Type, path: str) -> Cast:
    """The cast of the SQL `value`. SchemaError when there is none between these types."""
    if target == Primitive("string") or source.id == "null":
        return _decoded(value, path) if source.id == "blob" else Cast(plain(value, target))
    if str(source) == "JSON":
        return exact_column(value, target, path)
    match target:
        case Struct(fields):
            return _nested(value, source, target, path) or _struct(value, source, fields, path)
        case List(element):
            return _nested(value, source, target, path) or _list(value, source, element, path)
        case Map(key, side):
            return _nested(value, source, target, path) or _map(value, source, (key, side), path)
    if source.id in _NESTED:
        raise _no_cast(source, target, path)
    return leaf(value, source, target, path)


def _decoded(value: str, path: str) -> Cast:
    r"""Bytes as the text that they are in UTF-8. DuckDB's cast spells `é` as `\xC3\xA9`."""
    text = f"TRY(decode({value}))"
    says, hint = "bytes that are no UTF-8", "hex(x) or base64(x) makes text of any bytes; or declare it as binary"
    return Cast(text, (CastFault(path, f"{value} IS NOT NULL AND {text} IS NULL", says, hint),))


def refusing(cast: Cast, row: str = "") -> str:
    """SQL of the value that ends the query where the cast would change it (see `failures`). `row` is SQL that
    identifies the row.
    """
    if not cast.faults:
        return cast.value
    cases = (f"WHEN {each.condition} THEN error({_refusal(each, row)})" for each in cast.faults)
    return f"CASE {' '.join(cases)} ELSE {cast.value} END"


def _refusal(fault: CastFault, row: str) -> str:
    if not row:
        return literal(refusal(fault.message, fault.hint))
    before, _, after = refusal(f"the row where \x01: {fault.message}", fault.hint).partition("\x01")
    return f"{literal(before)} || {row} || {literal(after)}"


def any_fault(faults: Sequence[CastFault]) -> str:
    """SQL: is one of the conditions true?"""
    return " OR ".join(f"({fault.condition})" for fault in faults) or "false"


def _no_cast(source: DuckDBPyType, target: Type, path: str) -> SchemaError:
    return SchemaError(
        f"column {path!r} is {source}, and no cast makes {target} of that",
        hint=f"select it as {target}, or declare the type that it has",
    )


# ---- values that hold others ----

_NESTED: Final = frozenset({"struct", "list", "array", "map", "union"})


def _nested(value: str, source: DuckDBPyType, target: Type, path: str) -> Cast | None:
    """A nested value. Text is taken apart first, and its parts are cast from text; any other value is taken apart
    directly.

    JSON text is read as JSON. Any other text is read as DuckDB spells nested values, where that has only one meaning.
    """
    if source.id not in TEXT:
        return None
    text = value if source.id == "varchar" else f"CAST({value} AS VARCHAR)"
    json = json_in_text(text)
    from_json = exact_column(json, target, path)
    shape = shape_in_text(target)
    taken = f"TRY_CAST({spelled_plainly(text, json)} AS {shape})"
    within = exact(taken, duckdb.sqltype(shape), target, path)
    unreadable = CastFault(
        path, f"{json} IS NULL AND {value} IS NOT NULL AND {taken} IS NULL", f"no {spelled(target)}", MEND
    )
    either = f"CASE WHEN {json} IS NOT NULL THEN {from_json.value} ELSE {within.value} END"
    return Cast(either, (unreadable, *from_json.faults, *within.faults))


def _struct(value: str, source: DuckDBPyType, fields: tuple[Field, ...], path: str) -> Cast:
    """A struct: its fields matched by name without letter case; a field that the source lacks is NULL."""
    target = Struct(fields)
    if source.id != "struct":
        raise _no_cast(source, target, path)
    known = {name.lower(): (name, type_) for name, type_ in parts_of(source)}
    parts: dict[str, Cast] = {}
    for field in fields:
        if found := known.get(field.name.lower()):
            part = f"struct_extract({value}, {literal(found[0])})"
            parts[field.name] = exact(part, found[1], field.type, f"{path}.{field.name}")
        else:
            parts[field.name] = Cast(plain("NULL", field.type))
    faults = tuple(fault for part in parts.values() for fault in part.faults)
    if not faults and not _respells(source, target):
        return Cast(plain(value, target))
    packed = ", ".join(f"{quoted(name)} := {part.value}" for name, part in parts.items())
    return Cast(plain(f"CASE WHEN {value} IS NOT NULL THEN struct_pack({packed}) END", target), faults)


def _list(value: str, source: DuckDBPyType, element: Field, path: str) -> Cast:
    target = List(element)
    if source.id not in {"list", "array"}:
        raise _no_cast(source, target, path)
    part = exact(item_of(path), parts_of(source)[0][1], element.type, f"{path}.{element.name}")
    if not part.faults and not _respells(source, target):
        return Cast(plain(value, target))
    items = f"CAST({value} AS {parts_of(source)[0][1]}[])" if source.id == "array" else value
    transformed = f"list_transform({items}, lambda {item_of(path)}: {part.value})"
    return Cast(plain(transformed, target), tuple(in_items(items, item_of(path), fault) for fault in part.faults))


def _map(value: str, source: DuckDBPyType, sides: tuple[Field, Field], path: str) -> Cast:
    target = Map(*sides)
    if source.id != "map":
        raise _no_cast(source, target, path)
    item, parts, faults = item_of(path), list[str](), list[CastFault]()
    for field, (_, type_), items in zip(sides, parts_of(source), ("map_keys", "map_values"), strict=True):
        part = exact(item, type_, field.type, f"{path}.{field.name}")
        parts.append(f"list_transform({items}({value}), lambda {item}: {part.value})")
        faults += [in_items(f"{items}({value})", item, fault) for fault in part.faults]
    if not faults and not _respells(source, target):
        # A Parquet file may hold what DuckDB's own maps never do.
        again = f"len(list_distinct(map_keys({value}))) < len(map_keys({value}))"
        return Cast(plain(value, target), (CastFault(path, again, "a key that comes twice", MEND),))
    # Different keys may become equal in their new type; the error of `map` would not name the column.
    twins = f"len(list_distinct({parts[0]})) < len({parts[0]})"
    faults.append(CastFault(f"{path}.key", twins, f"two keys that are one {spelled(sides[0].type)}", MEAN))
    return Cast(plain(f"CASE WHEN {value} IS NOT NULL THEN map({', '.join(parts)}) END", target), tuple(faults))


def _respells(source: DuckDBPyType, target: Type) -> bool:
    """Is a field spelled in other letter case? DuckDB takes both for one type, and keeps the spelling that came."""
    known = {name.lower(): (name, type_) for name, type_ in parts_of(source)} if source.id == "struct" else {}
    match target:
        case Struct(fields):
            found = ((field, known[field.name.lower()]) for field in fields if field.name.lower() in known)
            return any(field.name != name or _respells(type_, field.type) for field, (name, type_) in found)
        case List(element):
            return _respells(parts_of(source)[0][1], element.type)
        case Map(key, side):
            pairs = zip(parts_of(source), (key, side), strict=True)
            return any(_respells(type_, field.type) for (_, type_), field in pairs)
    return False
