"""Keys of whole numbers or days, each of which marks one bit: as many marks as rows, and no two share their key."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

from lakeflow.adapters.expectations.metrics.plans import Aggregate
from lakeflow.adapters.expectations.sql.domains import Domain, Says, of_column, rows
from lakeflow.adapters.expectations.table import Operand
from lakeflow.core.values import dataclass

_SPARSE: Final = 32
"""Bits for each row. With more of them, marking them takes as long as a hash table of the keys does."""
_MOST: Final = 2**29
"""Bits: 64 MB, which each thread takes of the audit's memory."""
_DAY: Final = "date"
_WHOLE: Final = frozenset({"int", "long", _DAY})


@dataclass(frozen=True)
class Marks:
    """How the marks are counted. `ends` are the least and the greatest number of each column, over all rows; metadata
    has them, or the shared scan. `count` is how many rows there are, `numbers` are the columns' numbers, and `source`
    is the FROM clause of the rows that are judged.
    """

    ends: tuple[tuple[Aggregate, Aggregate], ...]
    count: Aggregate
    numbers: tuple[str, ...]
    source: str

    @property
    def plans(self) -> tuple[Aggregate, ...]:
        return (self.count, *(end for both in self.ends for end in both))

    def proof(self, count: int, ends: Sequence[tuple[int | None, int | None]]) -> str:
        """SQL that is TRUE only if no two rows share their key; empty where the keys lie too far apart for that.

        What the ends are decides nothing: equal keys have one place, whatever it is, and a place out of bounds is an
        error. A row without a part of its key has no place, so there is no proof with it.
        """
        widths, begins = list[int](), list[int]()
        for least, greatest in ends:
            if least is None or greatest is None:
                return ""
            begins.append(least)
            widths.append(greatest - least + 1)
        bits = prod(widths)
        if not 0 < bits <= min(_MOST, _SPARSE * count):
            return ""
        place = "0::BIGINT"
        for number, begin, width in zip(self.numbers, begins, widths, strict=True):
            place = f"({place} * {width} + ({number} - {begin}))"
        marked = f"bit_count(bitstring_agg(place, 0::BIGINT, {bits - 1}::BIGINT))"
        return f"SELECT coalesce({marked} = count(*), FALSE) FROM (SELECT {place} AS place {self.source})"


def marks(domain: Domain, source: str) -> Marks | None:
    """None where a column of the key is neither a whole number nor a day."""
    if not all(str(column.type) in _WHOLE for column in domain.columns):
        return None
    numbers = tuple(map(_number, domain.columns))
    ends = zip(map(_least, domain.columns, numbers), map(_greatest, domain.columns, numbers), strict=True)
    everything = Domain(())
    return Marks(tuple(ends), Aggregate(everything.count(), rows(everything)), numbers, source)


def _number(column: Operand) -> str:
    number = f"({column.sql} - DATE '1970-01-01')" if str(column.type) == _DAY else column.sql
    return f"CAST({number} AS BIGINT)"


def _least(column: Operand, number: str) -> Aggregate:
    return Aggregate(f"min({number})", of_column(Says.EXTREME, Domain((column,))))


def _greatest(column: Operand, number: str) -> Aggregate:
    return Aggregate(f"max({number})", of_column(Says.EXTREME, Domain((column,))))
