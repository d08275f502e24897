"""What catalog and ledger ask of the SQL database that they share: statements by their text, rows by their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from lakeflow.core.values import dataclass

Values: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
Row: TypeAlias = Any
"""One row: `row.name` and `row[0]` are the values of its columns, `row._fields` their names."""


@dataclass(frozen=True)
class Statement:
    """SQL in which `:name` stands for a value; of the names in `lists` for a list of them, as in `asset in :assets`.
    Those of `numbers` are lists of integers, others of text: an empty one has a type too.
    """

    text: str
    lists: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()


def sql(text: str, *lists: str, numbers: str = "") -> Statement:
    """`numbers` is the name of a list of integers, if there is one."""
    named = frozenset({numbers} if numbers else ())
    return Statement(text, frozenset(lists) | named, named)


class Result(Protocol):
    """The rows that a statement found, or how many it changed. They can be asked for once."""

    @property
    def rowcount(self) -> int: ...

    def __iter__(self) -> Iterator[Row]: ...

    def all(self) -> Sequence[Row]: ...

    def first(self) -> Row | None: ...

    def scalar(self) -> Any:
        """The first value of the first row; None where there is no row."""
        ...

    def scalar_one(self) -> Any:
        """The value of the one row."""
        ...

    def scalar_one_or_none(self) -> Any: ...


@runtime_checkable
class Connection(Protocol):
    """One transaction of the database."""

    def execute(self, statement: Statement, values: Values = None) -> Result: ...

    def tables(self) -> frozenset[str]:
        """The names of all tables."""
        ...
