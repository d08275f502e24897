"""Casts that keep a value exactly or say that they cannot: nothing is rounded, cut, wrapped or moved to another zone.

DuckDB's own casts round (`1.7` to an integer), cut (`.1234567` to microseconds) and forget (a zone, a time of day). So
each cast that may lose comes with the conditions under which it does. What a text means is `from_text`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import duckdb
from duckdb.sqltypes import DuckDBPyType

from lakeflow.adapters.duckdb.cast.from_text import MEND, TEXT, clock_is_unclear, shape_in_text, text_loses
from lakeflow.adapters.duckdb.failures import refusal
from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.types import parts_of, spelled
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import Decimal, Field, List, Map, Primitive, Struct, Type


@dataclass(frozen=True)
class CastFault:
    """A `condition` in SQL under which the part at `path` of a column cannot be kept, and what is said then.

    For NULL the condition is not true. Neither `says` nor `hint` holds anything out of the data.
    """

    path: str
    condition: str
    says: str
    hint: str

    @property
    def message(self) -> str:
        return f"column {self.path!r} holds {self.says}"


@dataclass(frozen=True)
class Cast:
    """SQL of a value in its new type. Under one of the faults, and only then, it is another value than it was."""

    value: str
    faults: tuple[CastFault, ...] = ()


def exact(value: str, source: DuckDBPyType, target: Type, path: str) -> Cast:
    """The cast of the SQL `value`. SchemaError when there is none between these types."""
    if target == Primitive("string") or source.id == "null":
        return Cast(_plain(value, target))
    if str(source) == "JSON":  # within others; `from_json` takes a column of it apart
        raise _no_cast(source, target, path)
    match target:
        case Struct(fields):
            return _nested(value, source, target, path) or _struct(value, source, fields, path)
        case List(element):
            return _nested(value, source, target, path) or _list(value, source, element, path)
        case Map(key, side):
            return _nested(value, source, target, path) or _map(value, source, (key, side), path)
    if source.id in _NESTED:
        raise _no_cast(source, target, path)
    return _leaf(value, source, target, path)


def refusing(cast: Cast) -> str:
    """SQL of the value, which ends the query where it would not be the one that came (see `failures`)."""
    if not cast.faults:
        return cast.value
    cases = (f"WHEN {each.condition} THEN error({literal(refusal(each.message, each.hint))})" for each in cast.faults)
    return f"CASE {' '.join(cases)} ELSE {cast.value} END"


def any_fault(faults: Sequence[CastFault]) -> str:
    """SQL: does one of them hold?"""
    return " OR ".join(f"({fault.condition})" for fault in faults) or "false"


def _no_cast(source: DuckDBPyType, target: Type, path: str) -> SchemaError:
    return SchemaError(
        f"column {path!r} is {source}, and no cast makes {target} of that",
        hint=f"select it as {target}, or declare the type that it has",
    )


def _plain(value: str, target: Type) -> str:
    return f"CAST({value} AS {spelled(target)})"


# ---- values that hold others ----

_NESTED: Final = frozenset({"struct", "list", "array", "map", "union"})


def _nested(value: str, source: DuckDBPyType, target: Type, path: str) -> Cast | None:
    """Text is taken apart first, and its parts are cast from text; anything else is taken apart as it is."""
    if source.id not in TEXT:
        return None
    shape = shape_in_text(target)
    taken = f"TRY_CAST({value} AS {shape})"
    within = exact(taken, duckdb.sqltype(shape), target, path)
    unreadable = CastFault(path, f"{value} IS NOT NULL AND {taken} IS NULL", f"no {spelled(target)}", MEND)
    return Cast(within.value, (unreadable, *within.faults))


def _struct(value: str, source: DuckDBPyType, fields: tuple[Field, ...], path: str) -> Cast:
    """By name, letter case ignored; what the source lacks is NULL."""
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
            parts[field.name] = Cast(_plain("NULL", field.type))
    faults = tuple(fault for part in parts.values() for fault in part.faults)
    if not faults:
        return Cast(_plain(value, target))
    packed = ", ".join(f"{quoted(name)} := {part.value}" for name, part in parts.items())
    return Cast(_plain(f"CASE WHEN {value} IS NOT NULL THEN struct_pack({packed}) END", target), faults)


def _list(value: str, source: DuckDBPyType, element: Field, path: str) -> Cast:
    target = List(element)
    if source.id not in {"list", "array"}:
        raise _no_cast(source, target, path)
    part = exact(item_of(path), parts_of(source)[0][1], element.type, f"{path}.{element.name}")
    if not part.faults:
        return Cast(_plain(value, target))
    plain = _as_list(value, source)
    transformed = f"list_transform({plain}, lambda {item_of(path)}: {part.value})"
    return Cast(_plain(transformed, target), tuple(in_items(plain, item_of(path), fault) for fault in part.faults))


def _map(value: str, source: DuckDBPyType, sides: tuple[Field, Field], path: str) -> Cast:
    target = Map(*sides)
    if source.id != "map":
        raise _no_cast(source, target, path)
    item, parts, faults = item_of(path), list[str](), list[CastFault]()
    for field, (_, type_), items in zip(sides, parts_of(source), ("map_keys", "map_values"), strict=True):
        part = exact(item, type_, field.type, f"{path}.{field.name}")
        parts.append(f"list_transform({items}({value}), lambda {item}: {part.value})")
        faults += [in_items(f"{items}({value})", item, fault) for fault in part.faults]
    if not faults:
        return Cast(_plain(value, target))
    # Keys that were told apart may be one in their new type; `map` would then say so without the column.
    twins = f"len(list_distinct({parts[0]})) < len({parts[0]})"
    faults.append(CastFault(f"{path}.key", twins, f"two keys that are one {spelled(sides[0].type)}", _MEAN))
    return Cast(_plain(f"CASE WHEN {value} IS NOT NULL THEN map({', '.join(parts)}) END", target), tuple(faults))


def item_of(path: str) -> str:
    """A name for what a lambda is given, other than those of the lambdas around it."""
    return f"lakeflow_{path.count('.')}"


def _as_list(value: str, source: DuckDBPyType) -> str:
    return f"CAST({value} AS {parts_of(source)[0][1]}[])" if source.id == "array" else value


def in_items(items: str, item: str, fault: CastFault) -> CastFault:
    """The fault of an item as one of the list."""
    return replace(fault, condition=f"len(list_filter({items}, lambda {item}: {fault.condition})) > 0")


# ---- values that hold no others ----

_BITS: Final[Mapping[str, int]] = {
    "tinyint": 7,
    "utinyint": 8,
    "smallint": 15,
    "usmallint": 16,
    "integer": 31,
    "uinteger": 32,
    "bigint": 63,
    "ubigint": 64,
    "hugeint": 127,
    "uhugeint": 128,
}
"""Of each integer type, those of the largest value."""
_MANTISSA: Final[Mapping[str, int]] = {"float": 24, "double": 53}
_DIGITS: Final[Mapping[str, int]] = {"float": 6, "double": 15}
"""That each decimal of so many digits keeps as a float."""
_WHOLE: Final[Mapping[str, int]] = {"int": 31, "long": 63}
_ZONED: Final = frozenset({"timestamp with time zone", "timestamptz_ns", "time with time zone"})
_MOMENTS: Final = frozenset({"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"})

_FINE: Final[Mapping[str, str]] = {
    "timestamp_ns": "timestamp",
    "timestamptz_ns": "timestamptz",
    "time_ns": "time",
}
"""Types of nanoseconds, each with the one of microseconds that holds the same otherwise."""

_BOUNDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "date": ("DATE '0001-01-01'", "DATE '9999-12-31'", "a date outside of the years 1 to 9999"),
    "time": ("TIME '00:00:00'", "TIME '23:59:59.999999'", "the time 24:00:00"),
    "timestamp": (
        "TIMESTAMP '0001-01-01 00:00:00'",
        "TIMESTAMP '9999-12-31 23:59:59.999999'",
        "a timestamp outside of the years 1 to 9999",
    ),
    "timestamptz": (
        "TIMESTAMPTZ '0001-01-01 00:00:00+00'",
        "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'",
        "a timestamptz outside of the years 1 to 9999",
    ),
}
"""What every reader can hold: infinity, the year 10000 and 24:00 are in none of Python's types."""


_MEAN: Final = "say in the code what is meant, such as round(x, 2) or x::date, or declare a type that holds it"
_ZONE: Final = "say in the code which clock is meant, such as x AT TIME ZONE 'UTC', or declare timestamptz"
_BOUND: Final = "make it NULL, or another day; no reader is sure to hold it"


def _leaf(value: str, source: DuckDBPyType, target: Type, path: str) -> Cast:
    loses = _loses(value, source, target)
    cast = f"TRY_CAST({value} AS {spelled(target)})" if loses else _plain(value, target)
    faults = list[CastFault]()
    if loses:
        faults.append(CastFault(path, loses, *_said(source, target)))
    if source.id in TEXT and target == Primitive("timestamptz"):
        faults.append(CastFault(path, clock_is_unclear(value), "a clock's time that its zone skips or has twice", MEND))
    if bounds := _BOUNDS.get(str(target)):
        low, high, says = bounds
        faults.append(CastFault(path, f"{cast} < {low} OR {cast} > {high}", says, _BOUND))
    return Cast(cast, tuple(faults))


def _said(source: DuckDBPyType, target: Type) -> tuple[str, str]:
    """What such a value is, and what to do about it."""
    if source.id in TEXT:
        return f"no {spelled(target)}", MEND
    if _FINE.get(source.id) == str(target):
        return "parts of a microsecond", "say in the code what is meant, such as date_trunc('microsecond', x)"
    return f"a value of {source} that is no {spelled(target)}", _ZONE if source.id in _ZONED else _MEAN


def _loses(value: str, source: DuckDBPyType, target: Type) -> str:
    """SQL: does the cast give another value, or none? Empty where it never does."""
    if source.id in TEXT:
        text = value if source.id == "varchar" else f"CAST({value} AS VARCHAR)"
        return text_loses(text, target)
    if str(source) == spelled(target) or _holds(source, target):
        return ""
    if _forgets(source.id, str(target)):
        return f"{value} IS NOT NULL"
    if source.id == "decimal" and str(target) in _MANTISSA:
        # Not DuckDB's cast: it divides by a power of ten, which is not always the nearest
        return text_loses(f"CAST({value} AS VARCHAR)", target)
    return f"TRY_CAST(TRY_CAST({value} AS {spelled(target)}) AS {source}) IS DISTINCT FROM {value}"


def _holds(source: DuckDBPyType, target: Type) -> bool:
    """Has the target each value of the source?"""
    bits, name = _BITS.get(source.id), str(target)
    match target:
        case Decimal(precision, scale):
            before = precision - scale
            if source.id == "decimal":
                has = dict(parts_of(source))
                return bool(scale >= has["scale"] and before >= has["precision"] - has["scale"])
            return bits is not None and 2**bits < 10**before
        case _ if name in _MANTISSA:
            if source.id == "decimal":
                return bool(dict(parts_of(source))["precision"] <= _DIGITS[name])
            return source.id == "float" or (bits is not None and bits <= _MANTISSA[name])
        case _ if name in _WHOLE:
            return source.id == "boolean" or (bits is not None and bits <= _WHOLE[name])
    return (source.id, name) in {("date", "timestamp"), ("date", "timestamptz"), ("timestamp", "timestamptz")}


def _forgets(source: str, target: str) -> bool:
    """A zone, or a day."""
    naive = target in {"date", "time", "timestamp"}
    return (source in _ZONED and naive) or (source in _MOMENTS and target == "time")
