"""Write modes: how a write changes its table. One record holds what is true of a mode, and no other code asks for its
name.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from lakeflow.core.values import dataclass


class Effect(StrEnum):
    """What happens to the rows on main: all stay, those that match new rows are replaced, or all are replaced."""

    ADDS = "adds"
    MERGES = "merges"
    REPLACES = "replaces"


@dataclass(frozen=True)
class Traits:
    """What is true of a write mode. A new mode gives all of these answers where it is named.

    `keyed`: rows are told apart by the key, which must be declared; `keep` and `deleted` apply, and deleted keys are
    kept beside the table, so that a late row does not bring one back. `versioned`: each row is a version of its key,
    with the columns of `scd2_columns`; `at`, `track` and `deletes` apply. `by_partition`: new rows replace the
    partitions that they belong to, which must be declared.
    """

    effect: Effect
    keyed: bool = False
    versioned: bool = False
    by_partition: bool = False

    @property
    def adds(self) -> bool:
        """Does every row on main stay as it is? Then others may add rows meanwhile, and every write changes the
        table.
        """
        return self.effect is Effect.ADDS

    @property
    def merges(self) -> bool:
        """Do the written rows depend on main's? Then a retry on another main has to write them again."""
        return self.effect is Effect.MERGES

    @property
    def replaces(self) -> bool:
        """Are all rows replaced? Then columns may be dropped, and the written rows are all the rows there are."""
        return self.effect is Effect.REPLACES

    @property
    def takes_new_rows(self) -> bool:
        """Can it take a part of the rows without losing the others?"""
        return self.adds or self.keyed

    def rows_after(self, stood: int, came: int, replaced: int) -> int:
        """How many rows the table holds after a write, from the write's own numbers."""
        return came if self.replaces else stood - replaced + came


class WriteMode(StrEnum):
    """A write mode as it is declared, with its traits; each write is one snapshot."""

    traits: Traits

    def __new__(cls, word: str, traits: Traits | None = None) -> WriteMode:
        assert traits is not None, f"{word} says nothing of itself"
        mode = str.__new__(cls, word)
        mode._value_ = word
        mode.traits = traits
        return mode

    APPEND = "append", Traits(Effect.ADDS)
    REPLACE = "replace", Traits(Effect.REPLACES)
    UPSERT = "upsert", Traits(Effect.MERGES, keyed=True)
    PARTITION = "partition", Traits(Effect.MERGES, by_partition=True)
    SCD2 = "scd2", Traits(Effect.MERGES, keyed=True, versioned=True)


ANEW: Final = WriteMode.REPLACE
"""The mode in which any asset is written when none of main's rows shall stay."""
BESIDE: Final = WriteMode.APPEND
"""The mode in which rows are written beside those of main, whatever they are."""


def modes_that(have: Callable[[Traits], bool]) -> tuple[WriteMode, ...]:
    """The modes for which the condition is true, in the order of their declaration."""
    return tuple(mode for mode in WriteMode if have(mode.traits))
