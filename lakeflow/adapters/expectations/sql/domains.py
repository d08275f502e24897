"""The domain of a metric: which rows and columns it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from lakeflow.adapters.expectations.sql import conditions
from lakeflow.adapters.expectations.table import Audited, CannotCheck, Operand
from lakeflow.core.values import dataclass

_PAIR: Final[Mapping[str, str | None]] = {
    "both_values_are_missing": " AND ",
    "either_value_is_missing": " OR ",
    "neither": None,
}
_MANY: Final[Mapping[str, str | None]] = {
    "all_values_are_missing": " AND ",
    "any_value_is_missing": " OR ",
    "never": None,
}


@dataclass(frozen=True)
class Metric:
    """One number that Great Expectations asks for, in its own words: name, domain and arguments."""

    name: str
    domain: Mapping[str, Any]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Domain:
    """`where` is the row condition, `kept` leaves out rows that lack values; both are SQL or None."""

    columns: tuple[Operand, ...]
    where: str | None = None
    kept: str | None = None

    def clause(self, *more: str | None) -> str:
        """` WHERE …` over the row condition, the rows kept and `more`; empty when nothing restricts the rows."""
        parts = [f"({part})" for part in (self.where, self.kept, *more) if part]
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def count(self, *more: str | None, of: str = "*") -> str:
        """An aggregate that counts the rows of this domain, or the values of `of`."""
        clause = self.clause(*more)
        return f"count({of}) FILTER ({clause.strip()})" if clause else f"count({of})"


def names(domain: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that a domain names, in order."""
    if domain.get("column_A"):
        return (domain["column_A"], domain["column_B"])
    if domain.get("column_list"):
        return tuple(domain["column_list"])
    return (domain["column"],) if domain.get("column") else ()


def domain_of(metric: Metric, table: Audited) -> Domain:
    """The domain of a metric. CannotCheck when a column is missing or a condition cannot be read."""
    columns = tuple(table.column(name) for name in names(metric.domain))
    where = conditions.where(metric.domain.get("row_condition"), table)
    return Domain(columns, where, _kept(metric.domain, columns))


def _kept(domain: Mapping[str, Any], columns: Sequence[Operand]) -> str | None:
    if not (domain.get("column_A") or domain.get("column_list")):
        return None
    words, default = (_PAIR, "both_values_are_missing") if domain.get("column_A") else (_MANY, "all_values_are_missing")
    ignored = domain.get("ignore_row_if") or default
    if ignored not in words:
        raise CannotCheck(f"ignore_row_if={ignored!r} is none of {', '.join(words)}")
    word = words[ignored]
    return None if word is None else f"NOT ({word.join(f'{column.sql} IS NULL' for column in columns)})"


Reader = Callable[[Sequence[tuple[Any, ...]]], Any]


class Says(StrEnum):
    """The kinds of aggregates that metadata can answer: a count of rows, NULLs or values of a column, the least or
    greatest value, and a count of values out of bounds.

    The last two can also be computed from the least and the greatest value alone: the extreme always, the count where
    it is zero.
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
