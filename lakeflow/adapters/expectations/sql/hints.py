"""What a snapshot's metadata may say of an aggregate, so that no data need be read for it.

Only over all rows, and never of a float: NaN counts as NULL for a check, and stands in no bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lakeflow.adapters.expectations.sql.domains import Domain


class Says(StrEnum):
    """It counts rows, NULLs or values of a column; it is the least or greatest value; it counts values out of bounds.

    The last two are the same over the least and the greatest value alone: the extreme always, the count where it
    is zero.
    """

    ROWS = "rows"
    NULLS = "nulls"
    VALUES = "values"
    EXTREME = "extreme"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Hint:
    says: Says
    column: str = ""


def rows(domain: Domain) -> Hint | None:
    return None if domain.clause() else Hint(Says.ROWS)


def of_column(says: Says, domain: Domain) -> Hint | None:
    restricted = domain.clause() or len(domain.columns) != 1 or domain.columns[0].is_float
    return None if restricted else Hint(says, domain.columns[0].name)
