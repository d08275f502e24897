"""Makes a record from the values of a row: each has the type of its field, or the row is none of ours.

Nothing is coerced but what a database and JSON lack: enums, truth values, tuples. Ten thousand rows are read in a tenth
of a second, and no model is built for that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from enum import Enum
from functools import cache, lru_cache
from types import UnionType
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from lakeflow.core.keys import EMPTY, AssetKey

Record = TypeVar("Record")
Read = Callable[[Any], Any]

_AS_STORED: Final = (str, int, float)
_EMPTY: Final[Mapping[str, Any]] = {"{}": EMPTY, "[]": ()}


class UnfitError(ValueError):
    """A value that is none of its field's type, or is lacking; `name` is the field."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def made(kind: type[Record], columns: Sequence[str], values: Sequence[Any], given: Mapping[str, Any]) -> Record:
    """The record with the values of these columns, spelled as its fields, and those that are `given` as they are.
    Columns that are no field are left out. UnfitError for a value that no release up to this one can have written.
    """
    said = dict(given)
    name = ""
    try:
        for place, name, exact, read in _plan(cast("Any", kind), tuple(columns), frozenset(given)):
            value = values[place]
            said[name] = value if value.__class__ is exact else read(value)
    except (ValueError, TypeError, KeyError):
        raise UnfitError(name) from None
    try:
        return kind(**said)
    except TypeError:
        raise UnfitError(_lacking(kind, said)) from None


def _lacking(kind: Any, said: Collection[str]) -> str:
    return next((each.name for each in fields(kind) if each.name not in said), "")


@lru_cache(maxsize=256)
def _plan(kind: Any, columns: tuple[str, ...], given: frozenset[str]) -> tuple[tuple[int, str, Any, Read], ...]:
    """Which value of a row is read how, for which field. One of the third, a type, needs no reading."""
    hints = _hints(kind)
    return tuple(
        (place, name, hints[name] if hints[name] in _AS_STORED else None, _reader(hints[name]))
        for place, name in enumerate(columns)
        if name in hints and name not in given
    )


@cache
def _hints(kind: Any) -> dict[str, Any]:
    own = {each.name for each in fields(kind) if each.init}
    return {name: hint for name, hint in get_type_hints(kind).items() if name in own}


def _reader(hint: Any) -> Read:
    """How a stored value of a field of that type is read."""
    if hint is Any:
        return lambda value: value
    if get_origin(hint) in {Union, UnionType}:
        (inner,) = (each for each in get_args(hint) if each is not type(None))
        read = _reader(inner)
        return lambda value: None if value is None else read(value)
    if get_origin(hint) is not None:
        return _read_text(_nested(hint))
    if hint is AssetKey:
        return _asset
    if hint is datetime:
        return datetime.fromisoformat
    return _plain(hint)


def _read_text(read: Read) -> Read:
    """A list or a map is JSON text."""

    def from_text(text: str) -> Any:
        empty = _EMPTY.get(text)
        return read(json.loads(text) if empty is None else empty)

    return from_text


def _nested(hint: Any) -> Read:
    """How a value out of JSON is read."""
    if hint is Any:
        return lambda value: value
    if get_origin(hint) in {Union, UnionType}:
        (inner,) = (each for each in get_args(hint) if each is not type(None))
        read = _nested(inner)
        return lambda value: None if value is None else read(value)
    kind, inner = get_origin(hint), get_args(hint)
    if kind is tuple:
        return _listed(tuple, _nested(inner[0]))
    if kind is frozenset:
        return _listed(frozenset, _nested(inner[0]))
    if kind is Mapping or (isinstance(kind, type) and issubclass(kind, Mapping)):
        return _mapped(_nested(inner[0]), _nested(inner[1]))
    return _plain(hint)


def _listed(kind: Callable[[Any], Any], read: Read) -> Read:
    def listed(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise TypeError
        return kind(map(read, value))

    return listed


def _mapped(read_key: Read, read: Read) -> Read:
    def mapped(value: Any) -> Any:
        if value is EMPTY:
            return EMPTY
        if not isinstance(value, dict):
            raise TypeError
        return {read_key(name): read(each) for name, each in value.items()}

    return mapped


def _plain(hint: Any) -> Read:
    if isinstance(hint, type) and issubclass(hint, Enum):
        members = {each.value: each for each in hint}
        return members.__getitem__
    return _PLAIN[hint]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _truth(value: Any) -> bool:
    return {0: False, 1: True}[value]


_PLAIN: Final[Mapping[Any, Read]] = {str: _text, int: _whole, float: _number, bool: _truth}


@lru_cache(maxsize=8192)
def _asset(text: str) -> AssetKey:
    return AssetKey.parse(_text(text))
