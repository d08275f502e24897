"""Corruptions: faults of the kinds that reach tables in practice, each of them one change of a whole table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lakeflow.core.values import dataclass


class CorruptionKind(StrEnum):
    """What is done to a copy of a table. The first ones change some rows, the last ones the table as a whole."""

    NULLS = "nulls"
    TIMES_1000 = "times_1000"
    DIVIDED_BY_100 = "divided_by_100"
    DEGREES = "degrees"
    MILLIS = "millis"
    WRONG_SIGN = "wrong_sign"
    SHIFTED_DATES = "shifted_dates"
    TRUNCATED = "truncated"
    OTHER_CASE = "other_case"
    SWAPPED = "swapped"
    DUPLICATED = "duplicated"
    DOUBLED = "doubled"
    DROPPED = "dropped"
    STALE = "stale"
    EMPTIED = "emptied"

    @property
    def of_rows(self) -> bool:
        """Does it change values in some of the rows?"""
        return self not in _OF_TABLES

    @property
    def is_copied(self) -> bool:
        """Must its rows be written somewhere? An old snapshot and an empty table are there already."""
        return self not in {CorruptionKind.STALE, CorruptionKind.EMPTIED}


_OF_TABLES: Final = frozenset(
    {
        CorruptionKind.DUPLICATED,
        CorruptionKind.DOUBLED,
        CorruptionKind.DROPPED,
        CorruptionKind.STALE,
        CorruptionKind.EMPTIED,
    }
)


@dataclass(frozen=True)
class Corruption:
    """One fault in these columns; `unit` is the span of time whose rows are dropped, empty where it is a value."""

    kind: CorruptionKind
    columns: tuple[str, ...] = ()
    unit: str = ""

    @property
    def name(self) -> str:
        """The fault in plain words."""
        return _WORDS[self.kind].format(*self.columns, unit=self.unit or "value")


@dataclass(frozen=True)
class Dose:
    """How much is corrupted: this share of the rows that can be, chosen by `seed` and by what the rows hold in `by`, so
    that the same table is always corrupted in the same way.
    """

    share: float = 0.05
    seed: int = 0
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Corruptible:
    """A corruption for which one look at the data found the rows: how many it changes, and which. `limit` is the
    greatest hash of a row that is changed, `value` what dropped rows have in the column. `rows` 0: it would change
    nothing.
    """

    corruption: Corruption
    rows: int
    limit: int = 0
    value: str | None = None


_WORDS: Final[Mapping[CorruptionKind, str]] = {
    CorruptionKind.NULLS: "{0} is NULL",
    CorruptionKind.TIMES_1000: "{0} × 1000",
    CorruptionKind.DIVIDED_BY_100: "{0} ÷ 100",
    CorruptionKind.DEGREES: "{0} in the other degrees",
    CorruptionKind.MILLIS: "{0}: seconds read as milliseconds",
    CorruptionKind.WRONG_SIGN: "{0} with the wrong sign",
    CorruptionKind.SHIFTED_DATES: "{0} a year late",
    CorruptionKind.TRUNCATED: "{0} cut to half its length",
    CorruptionKind.OTHER_CASE: "{0} in the other case",
    CorruptionKind.SWAPPED: "{0} and {1} swapped",
    CorruptionKind.DUPLICATED: "rows twice",
    CorruptionKind.DOUBLED: "the whole load twice",
    CorruptionKind.DROPPED: "one {unit} of {0} is missing",
    CorruptionKind.STALE: "the snapshot before, again",
    CorruptionKind.EMPTIED: "no row at all",
}
