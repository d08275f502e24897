"""What a suggestion must know of a table's columns, and what one look at a snapshot found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal as Number
from enum import StrEnum
from typing import Any, Final

from lakeflow.core.keys import EMPTY
from lakeflow.core.model.schema import Decimal, Type
from lakeflow.core.model.table import ColumnFacts
from lakeflow.core.values import dataclass

MOST_VALUES: Final = 30
"""A column with more values than this has no set of values that anybody would write down."""
MOST_SHAPES: Final = 2
LONGEST: Final = 40
"""Text with more characters than this has no shape."""


class ColumnKind(StrEnum):
    """What can be said of the values of a column."""

    WHOLE = "whole"
    FRACTION = "fraction"
    EXACT = "exact"
    DATE = "date"
    MOMENT = "moment"
    TEXT = "text"
    UUID = "uuid"
    OTHER = "other"

    @property
    def is_number(self) -> bool:
        return self in {ColumnKind.WHOLE, ColumnKind.FRACTION, ColumnKind.EXACT}

    @property
    def is_time(self) -> bool:
        return self in {ColumnKind.DATE, ColumnKind.MOMENT}


class Want(StrEnum):
    """What is asked of a column: how many values are missing, least and greatest value, the values where they are few,
    about how many there are, how long texts are, and of which shapes.
    """

    NULLS = "nulls"
    RANGE = "range"
    VALUES = "values"
    DISTINCT = "distinct"
    LENGTHS = "lengths"
    SHAPES = "shapes"


Wants = Mapping[str, frozenset[Want]]
Key = tuple[str, ...]
Span = tuple[str, str]
"""A column of dates or times, and the unit of time whose rows belong together."""


@dataclass(frozen=True)
class ColumnProfile:
    """What is known of one column of a snapshot; None is what was not asked, or cannot be told. A NaN counts as NULL.

    `values` and `shapes` are all there are, None where there are too many; `distinct` is an estimate. Times are naive,
    in UTC.
    """

    nulls: int | None = None
    low: Any = None
    high: Any = None
    values: tuple[Any, ...] | None = None
    distinct: int | None = None
    shortest: int | None = None
    longest: int | None = None
    shapes: tuple[str, ...] | None = None

    def with_facts(self, kind: ColumnKind, facts: ColumnFacts) -> ColumnProfile:
        """What the snapshot's metadata says for certain, in place of what the data was not asked for."""
        known = replace(self, nulls=facts.nulls)
        return replace(known, low=_value(kind, facts.low), high=_value(kind, facts.high)) if facts.exact else known


@dataclass(frozen=True)
class PartitionRows:
    """How many rows the partitions of a snapshot have, without the newest one, which may not be over."""

    least: int
    most: int
    partitions: int


@dataclass(frozen=True)
class Profile:
    """What one look at a snapshot found: its columns, about how many rows differ in the columns of a key, and the rows
    of its partitions in time, where it has some.
    """

    columns: Mapping[str, ColumnProfile] = EMPTY
    keys: Mapping[Key, int] = EMPTY
    partitions: PartitionRows | None = None


@dataclass(frozen=True)
class SeenSnapshot:
    """One audited snapshot and its profile. `before` is how many rows readers saw before it, None where nobody knows.
    `at` is when its age is counted to.
    """

    snapshot_id: int
    committed_at: datetime
    at: datetime
    rows: int
    before: int | None
    profile: Profile

    def column(self, name: str) -> ColumnProfile:
        return self.profile.columns.get(name, _NOTHING)


def kind_of(type_: Type) -> ColumnKind:
    return ColumnKind.EXACT if isinstance(type_, Decimal) else _KINDS.get(str(type_), ColumnKind.OTHER)


def answered(kind: ColumnKind, facts: ColumnFacts | None) -> frozenset[Want]:
    """What the metadata of a snapshot tells of a column without a look at its data."""
    if facts is None:
        return frozenset()
    both = facts.exact and None not in (_value(kind, facts.low), _value(kind, facts.high))
    return frozenset({Want.NULLS, Want.RANGE}) if both else frozenset({Want.NULLS})


def _value(kind: ColumnKind, text: str | None) -> Any:
    """A bound as metadata spells it; None where it is none that Python has."""
    read = _READERS.get(kind)
    if text is None or read is None:
        return None
    try:
        return read(text)
    except (ValueError, ArithmeticError):
        return None


_NOTHING: Final = ColumnProfile()
_KINDS: Final[Mapping[str, ColumnKind]] = {
    "int": ColumnKind.WHOLE,
    "long": ColumnKind.WHOLE,
    "float": ColumnKind.FRACTION,
    "double": ColumnKind.FRACTION,
    "date": ColumnKind.DATE,
    "timestamp": ColumnKind.MOMENT,
    "timestamptz": ColumnKind.MOMENT,
    "string": ColumnKind.TEXT,
    "uuid": ColumnKind.UUID,
}
_READERS: Final[Mapping[ColumnKind, Callable[[str], Any]]] = {
    ColumnKind.WHOLE: int,
    ColumnKind.EXACT: Number,
    ColumnKind.DATE: date.fromisoformat,
    ColumnKind.MOMENT: lambda text: datetime.fromisoformat(text).replace(tzinfo=None),
}
