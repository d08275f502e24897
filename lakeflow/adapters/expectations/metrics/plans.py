"""How a metric is answered: from the schema, in the scan that all share, or by a query of its own."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from lakeflow.adapters.expectations.sql.domains import Hint
from lakeflow.adapters.expectations.table import CannotCheck
from lakeflow.core.values import dataclass

MANY: Final = 100_000
"""At most this many distinct values are compared one by one in Python's memory."""


@dataclass(frozen=True)
class Aggregate:
    """An expression for the shared scan; `hint` says how the snapshot's metadata may answer it instead."""

    sql: str
    hint: Hint | None = None


@dataclass(frozen=True)
class Dated:
    """An aggregate whose SQL has `{moment}` in place of the audit's time, which a cached check cannot know."""

    sql: str


class ResultShape(StrEnum):
    """How rows become the value of a metric: the first value, the list of a column's values, or the list of all
    rows.
    """

    VALUE = "value"
    COLUMN = "column"
    ROWS = "rows"

    def of(self, rows: Sequence[tuple[Any, ...]]) -> Any:
        """The value of these rows. CannotCheck when they are more than can be compared one by one."""
        if self is ResultShape.VALUE:
            return rows[0][0]
        if len(rows) > MANY:
            raise CannotCheck(f"more than {MANY:,} different values; this check compares them one by one")
        return [row[0] for row in rows] if self is ResultShape.COLUMN else list(rows)


@dataclass(frozen=True)
class MetricQuery:
    """A query of its own; `read` says how its rows become the metric."""

    sql: str
    read: ResultShape = ResultShape.VALUE


@dataclass(frozen=True)
class FromSchema:
    """A metric that the schema alone answers."""

    value: Any
