"""Casts of values that are not nested, each with the conditions under which the value would change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from duckdb.sqltypes import DuckDBPyType

from lakeflow.adapters.duckdb.cast.from_text import MEND, TEXT, clock_is_unclear, text_loses
from lakeflow.adapters.duckdb.types import parts_of, spelled
from lakeflow.core.model.schema import Decimal, Primitive, Type
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class CastFault:
    """A `condition` in SQL under which the part at `path` of a column cannot be kept, and the message for that case.

    The condition is not true for NULL. Neither `says` nor `hint` holds anything from the data.
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
    """SQL of a value in its new type. The value changes under one of the faults, and only then."""

    value: str
    faults: tuple[CastFault, ...] = ()


def item_of(path: str) -> str:
    """A name for a lambda's parameter that differs from those of the lambdas around it."""
    return f"lakeflow_{path.count('.')}"


def in_items(items: str, item: str, fault: CastFault) -> CastFault:
    """The fault of an item as a fault of its list."""
    return replace(fault, condition=f"len(list_filter({items}, lambda {item}: {fault.condition})) > 0")


def plain(value: str, target: Type) -> str:
    return f"CAST({value} AS {spelled(target)})"


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
"""The bits of each integer type's largest value."""
_MANTISSA: Final[Mapping[str, int]] = {"float": 24, "double": 53}
_DIGITS: Final[Mapping[str, int]] = {"float": 6, "double": 15}
"""A float keeps every decimal with so many digits."""
_WHOLE: Final[Mapping[str, int]] = {"int": 31, "long": 63}
_ZONED: Final = frozenset({"timestamp with time zone", "timestamptz_ns", "time with time zone"})
_MOMENTS: Final = frozenset({"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"})

_FINE: Final[Mapping[str, str]] = {
    "timestamp_ns": "timestamp",
    "timestamptz_ns": "timestamptz",
    "time_ns": "time",
}
"""Types in nanoseconds, each with the type in microseconds that is otherwise the same."""

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
"""The range that every reader can hold: Python's types have no infinity, no year 10000 and no 24:00."""


MEAN: Final = "say in the code what is meant, such as round(x, 2) or x::date, or declare a type that holds it"
_ZONE: Final = "say in the code which clock is meant, such as x AT TIME ZONE 'UTC', or declare timestamptz"
_BOUND: Final = "make it NULL, or another day; no reader is sure to hold it"


def leaf(value: str, source: DuckDBPyType, target: Type, path: str) -> Cast:
    loses = _loses(value, source, target)
    cast = f"TRY_CAST({value} AS {spelled(target)})" if loses else plain(value, target)
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
    return f"a value of {source} that is no {spelled(target)}", _ZONE if source.id in _ZONED else MEAN


def _loses(value: str, source: DuckDBPyType, target: Type) -> str:
    """SQL: does the cast change the value, or fail? Empty where it never does."""
    if source.id in TEXT:
        text = value if source.id == "varchar" else f"CAST({value} AS VARCHAR)"
        return text_loses(text, target)
    if str(source) == spelled(target) or _holds(source, target):
        return ""
    naive = str(target) in {"date", "time", "timestamp"}
    # The cast would forget a zone, or a day.
    if (source.id in _ZONED and naive) or (source.id in _MOMENTS and str(target) == "time"):
        return f"{value} IS NOT NULL"
    if source.id == "decimal" and str(target) in _MANTISSA:
        # DuckDB's cast divides by a power of ten, which does not always give the nearest float
        return text_loses(f"CAST({value} AS VARCHAR)", target)
    return f"TRY_CAST(TRY_CAST({value} AS {spelled(target)}) AS {source}) IS DISTINCT FROM {value}"


def _holds(source: DuckDBPyType, target: Type) -> bool:
    """Can the target hold every value of the source?"""
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
