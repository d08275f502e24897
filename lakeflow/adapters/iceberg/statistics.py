"""What the manifests of a snapshot say for certain of its columns (Iceberg spec, "Manifests" and appendix D).

Only files of our own are believed: what another engine counts as NULL or cuts a bound to is its affair. Floats have no
place here, NaN stands in no bound; nor have columns of personal data, which have no bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context
from decimal import Decimal as Number
from typing import Any, Final

from pyiceberg.manifest import DataFile

from lakeflow.core.schema import Decimal, Field, Schema, Type
from lakeflow.core.table import ColumnFacts, Statistics

_EXACT: Final = Context(prec=76)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def statistics_of(files: Sequence[DataFile], schema: Schema) -> Statistics:
    """Of files that are all our own, without deletes. Columns of which nothing is certain are left out."""
    facts = {field.name: _facts(field, files) for field in schema.fields}
    return Statistics(
        sum(file.record_count for file in files), {name: known for name, known in facts.items() if known is not None}
    )


def _facts(field: Field, files: Sequence[DataFile]) -> ColumnFacts | None:
    """A file without a count of the column was written before the column was there, or says too little."""
    nulls = [(file.null_value_counts or {}).get(field.id) for file in files]
    known = [count for count in nulls if count is not None]
    if not files or len(known) < len(files) or str(field.type) in _UNCERTAIN:
        return None
    low, high = _bounds(field, [file for file, count in zip(files, known, strict=True) if count < file.record_count])
    return ColumnFacts(sum(known), low, high, exact=low is not None and str(field.type) != "string")


def _bounds(field: Field, files: Sequence[DataFile]) -> tuple[str | None, str | None]:
    read, spell = _reader(field.type), _SPELLED.get(str(field.type), _plainly)
    lows = [(file.lower_bounds or {}).get(field.id) for file in files]
    highs = [(file.upper_bounds or {}).get(field.id) for file in files]
    if read is None or not files or None in (*lows, *highs):
        return None, None
    try:
        return spell(min(map(read, lows))), spell(max(map(read, highs)))
    except (ValueError, OverflowError):  # a year that Python does not have, a text that is none
        return None, None


def _reader(type_: Type) -> Callable[[Any], Any] | None:
    if isinstance(type_, Decimal):
        return lambda bound: Number(int.from_bytes(bound, "big", signed=True)).scaleb(-type_.scale, _EXACT)
    if str(type_) == "string":
        return lambda bound: bytes(bound).decode("utf-8")
    return _whole if str(type_) in {"int", "long", "date", "timestamp", "timestamptz"} else None


def _whole(bound: bytes) -> int:
    """Of any width: a column that was widened has bounds of four bytes and of eight."""
    return int.from_bytes(bound, "little", signed=True)


def _plainly(value: int | str | Number) -> str:
    return f"{value:f}" if isinstance(value, Number) else str(value)


def _date(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).date().isoformat()


def _timestamp(micros: int) -> str:
    return (_EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None).isoformat(sep=" ")


_SPELLED: Final[Mapping[str, Callable[[Any], str]]] = {
    "date": _date,
    "timestamp": _timestamp,
    "timestamptz": lambda micros: f"{_timestamp(micros)}+00",
}
"""How a bound is written that is not simply what it prints as."""
_UNCERTAIN: Final = frozenset({"float", "double"})
