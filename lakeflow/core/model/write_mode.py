"""How a materialization changes its table. What is true of a mode stands in one record; nobody asks for its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Effect(StrEnum):
    """What becomes of the rows on main: all stay, those go that a write of the same thing meets, or all go."""

    ADDS = "adds"
    MERGES = "merges"
    REPLACES = "replaces"


@dataclass(frozen=True)
class Traits:
    """What is true of a write mode; a new mode answers all of it where it is named.

    `keyed`: rows are told apart by the key, which must be declared; `keep` and `deleted` mean something. `versioned`:
    each row is a version of what its key names, with the columns of `scd2_columns`; `at`, `track` and `deletes` mean
    something. `by_partition`: what comes replaces the partitions that it falls into, which must be declared.
    `remembers_deleted`: the keys that went are kept beside the table, so that a late row does not bring one back.
    """

    effect: Effect
    keyed: bool = False
    versioned: bool = False
    by_partition: bool = False
    remembers_deleted: bool = False

    @property
    def adds(self) -> bool:
        """Does every row that stands stay as it is? Then others may add theirs meanwhile, and every write is news."""
        return self.effect is Effect.ADDS

    @property
    def merges(self) -> bool:
        """Does what is written rest on the rows that stand? Then a retry on another main has to write it again."""
        return self.effect is Effect.MERGES

    @property
    def replaces(self) -> bool:
        """Do all rows go? Then columns may go with them, and what came is what there is."""
        return self.effect is Effect.REPLACES

    @property
    def takes_new_rows(self) -> bool:
        """Can it be given a part of the rows without losing the others?"""
        return self.adds or self.keyed

    @property
    def may_split_off(self) -> bool:
        """May refused rows go to a quarantine? A merge would have to say what becomes of the row that they meet."""
        return not self.merges

    def rows_after(self, stood: int, came: int, replaced: int) -> int:
        """How many rows the table holds after a write, by what the write itself says."""
        return came if self.replaces else stood - replaced + came


class WriteMode(StrEnum):
    """A word of the declaration, and what is true of it; always one snapshot."""

    traits: Traits

    def __new__(cls, word: str, traits: Traits | None = None) -> WriteMode:
        assert traits is not None, f"{word} says nothing of itself"
        mode = str.__new__(cls, word)
        mode._value_ = word
        mode.traits = traits
        return mode

    APPEND = "append", Traits(Effect.ADDS)
    REPLACE = "replace", Traits(Effect.REPLACES)
    UPSERT = "upsert", Traits(Effect.MERGES, keyed=True, remembers_deleted=True)
    PARTITION = "partition", Traits(Effect.MERGES, by_partition=True)
    SCD2 = "scd2", Traits(Effect.MERGES, keyed=True, versioned=True)


ANEW: Final = WriteMode.REPLACE
"""How an asset of any mode is written where nothing that stands is to stay."""


def modes_that(have: Callable[[Traits], bool]) -> tuple[WriteMode, ...]:
    """The modes of which this is true, in the order in which they are named."""
    return tuple(mode for mode in WriteMode if have(mode.traits))
