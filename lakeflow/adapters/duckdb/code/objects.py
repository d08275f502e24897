"""Refuses mixed columns of Python objects in a pandas frame. Arrow decides a column's type by its first value and
silently converts the others: beside a date a time of day is cut, beside a datetime a number becomes a moment of 1970.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from numbers import Integral
from typing import Any, Final
from uuid import UUID

from lakeflow.core.errors import SchemaError

_NUMBERS: Final = (frozenset({"an int", "a float"}), frozenset({"an int", "a Decimal"}))
"""Kinds of numbers that may be mixed: Arrow refuses a number that would change in their common type."""
_ONE: Final = "give all its values one type, or turn them into text"
_FLOOR: Final = "say what is meant, as in value.floor('us'), or turn it into text"
_LISTS: Final = frozenset({"list", "tuple", "ndarray", "set", "frozenset", "range"})
_PLAIN: Final = frozenset({str, bytes, bool, int, Decimal, UUID})
"""Types whose values are all of one kind and exact."""
_ABSENT: Final = frozenset({"NoneType", "NAType", "NaTType"})


def refuse_mixed(values: Iterable[Any], path: str) -> None:
    """SchemaError for values of several kinds, for a time of day with a zone, which no column keeps, and for one in
    nanoseconds.
    """
    values = list(values)
    types = {type(value) for value in values if value is not None}
    if len(types) < 2 and types <= _PLAIN:
        return
    first: dict[str, int] = {}
    for row, value in enumerate(values, 1):
        if getattr(value, "nanosecond", 0) > 0:  # of a pandas Timestamp, which Arrow takes for a datetime
            raise SchemaError(f"row {row}: column {path!r} holds parts of a microsecond", hint=_FLOOR)
        if kind := _kind(value):
            first.setdefault(kind, row)
    if "a time with a zone" in first:
        raise SchemaError(
            f"row {first['a time with a zone']}: column {path!r} holds a time of day with a zone",
            hint="say which clock is meant, as in value.replace(tzinfo=None), or turn it into text",
        )
    if len(first) > 1 and frozenset(first) not in _NUMBERS:
        (kind, row), (other, at) = list(first.items())[:2]
        raise SchemaError(f"column {path!r} holds {kind} in row {row} and {other} in row {at}", hint=_ONE)
    _refuse_within(values, frozenset(first), path)


def _refuse_within(values: list[Any], kinds: frozenset[str], path: str) -> None:
    """Refuse mixed values in lists and dicts. These are checked one after the other, so the reported row is the place
    among all their values.
    """
    held = [value for value in values if _kind(value)]
    if kinds == {"a list"}:
        refuse_mixed((item for value in held for item in value), f"{path}.element")
    if kinds == {"a dict"}:
        for key in dict.fromkeys(key for value in held for key in value):
            refuse_mixed((value.get(key) for value in held), f"{path}.{key}")


def _kind(value: Any) -> str:  # noqa: PLR0911 - one line a kind
    """The kind of a value in words; empty for what a column holds as NULL."""
    name = type(value).__name__
    if name in _ABSENT or (isinstance(value, float | Decimal) and value != value):  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, datetime):
        return "a datetime" if value.tzinfo is None else "a datetime with a zone"
    if isinstance(value, time):
        return "a time" if value.tzinfo is None else "a time with a zone"
    if name in _LISTS:
        return "a list"
    if name in {"bool", "bool_"}:
        return "a bool"
    if isinstance(value, Integral) and name != "timedelta64":
        return "an int"
    for kind, types in _KINDS.items():
        if isinstance(value, types) or name in _OF_NUMPY.get(kind, ()):
            return kind
    return f"a {name}"


_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "a float": (float,),
    "a Decimal": (Decimal,),
    "a str": (str,),
    "bytes": (bytes, bytearray, memoryview),
    "a date": (date,),
    "a timedelta": (timedelta,),
    "a dict": (dict,),
}
_OF_NUMPY: Final[dict[str, tuple[str, ...]]] = {"a float": ("float32", "float64")}
"""The numpy types of a float. `float16` is not among them: beside an int, Arrow makes an int of it."""
