"""What the manifests of a snapshot say for certain about its columns (Iceberg spec, "Manifests" and appendix D).

Only our own files are believed: other engines may count NULL and shorten bounds in their own ways. Floats are left out,
because no bound holds NaN; so are columns of personal data, which have no bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Context
from decimal import Decimal as Number
from typing import Any, Final

from pyiceberg.manifest import DataFile

from lakeflow.core.model.schema import Decimal, Field, Type
from lakeflow.core.model.table import ColumnFacts
from lakeflow.core.model.type_names import date_text, timestamp_text
from lakeflow.core.values import dataclass

_EXACT: Final = Context(prec=76)


@dataclass(frozen=True)
class ColumnStatistics:
    """What is certain about one column in some files: the number of NULLs (None: a file does not say), whether there is
    any value, and two bounds of all values (None: unknown).
    """

    nulls: int | None
    filled: bool
    bounds: tuple[Any, Any] | None = None

    def may_meet(self, other: ColumnStatistics) -> bool:
        """May both hold the same value? They may where bounds are unknown."""
        if not (self.filled and other.filled):
            return False
        if self.bounds is None or other.bounds is None:
            return True
        return bool(self.bounds[0] <= other.bounds[1] and other.bounds[0] <= self.bounds[1])


def known(field: Field, files: Sequence[DataFile]) -> ColumnStatistics:
    """Statistics of a column in one file. A file without a count for it was written before the column existed, or says
    too little.
    """
    nulls = [(file.null_value_counts or {}).get(field.id) for file in files]
    counts = [count for count in nulls if count is not None]
    if len(counts) < len(files):
        return ColumnStatistics(None, filled=True)
    filled = [file for file, count in zip(files, counts, strict=True) if count < file.record_count]
    return ColumnStatistics(sum(counts), bool(filled), _bounds(field, filled) if filled else None)


def facts_of(field: Field, parts: Sequence[ColumnStatistics]) -> ColumnFacts | None:
    """What is certain about a column in all these files together, which are ours and hide no row. None where nothing
    is.
    """
    nulls = [part.nulls for part in parts if part.nulls is not None]
    if not parts or len(nulls) < len(parts) or str(field.type) in _UNCERTAIN:
        return None
    low, high = _spelled_bounds(field, [part.bounds for part in parts if part.filled])
    return ColumnFacts(sum(nulls), low, high, exact=low is not None and str(field.type) != "string")


def _bounds(field: Field, files: Sequence[DataFile]) -> tuple[Any, Any] | None:
    read = bound_reader(field.type)
    lows = [(file.lower_bounds or {}).get(field.id) for file in files]
    highs = [(file.upper_bounds or {}).get(field.id) for file in files]
    if read is None or None in (*lows, *highs):
        return None
    try:
        return min(map(read, lows)), max(map(read, highs))
    except ValueError:  # the bytes are no text
        return None


def _spelled_bounds(field: Field, bounds: Sequence[tuple[Any, Any] | None]) -> tuple[str | None, str | None]:
    spell, certain = _SPELLED.get(str(field.type), _plainly), [each for each in bounds if each is not None]
    if not bounds or len(certain) < len(bounds):
        return None, None
    try:
        return spell(min(low for low, _ in certain)), spell(max(high for _, high in certain))
    except (ValueError, OverflowError):  # Python has no such year
        return None, None


def bound_reader(type_: Type) -> Callable[[Any], Any] | None:
    """How a bound of that type is read; None: not at all."""
    if isinstance(type_, Decimal):
        return lambda bound: Number(int.from_bytes(bound, "big", signed=True)).scaleb(-type_.scale, _EXACT)
    if str(type_) == "string":
        return lambda bound: bytes(bound).decode("utf-8")
    return _whole if str(type_) in {"int", "long", "date", "timestamp", "timestamptz"} else None


def _whole(bound: bytes) -> int:
    """A whole number of any width: a widened column has bounds of four and of eight bytes."""
    return int.from_bytes(bound, "little", signed=True)


def _plainly(value: int | str | Number) -> str:
    return f"{value:f}" if isinstance(value, Number) else str(value)


_SPELLED: Final[Mapping[str, Callable[[Any], str]]] = {
    "date": date_text,
    "timestamp": timestamp_text,
    "timestamptz": lambda micros: f"{timestamp_text(micros)}+00",
}
"""How a bound is written whose text is not simply `str` of it."""
_UNCERTAIN: Final = frozenset({"float", "double"})
