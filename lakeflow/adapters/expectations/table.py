"""The audited table as checks see it, and the small query interface that they need from an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from lakeflow.core.column_names import hint_of_renamed
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.schema import Decimal, Primitive, Schema, Type
from lakeflow.core.run.audits.audit_request import ADDED, NEAR
from lakeflow.core.values import dataclass
from lakeflow.core.wording import did_you_mean

HIDDEN: Final = "•••"
"""Replaces every value of a personal column."""

_NUMBERS: Final = frozenset({"int", "long", "float", "double"})
_FLOATS: Final = frozenset({"float", "double"})
_TIMES: Final = frozenset({"date", "timestamp", "timestamptz"})


class CannotCheck(Exception):  # noqa: N818 - a sentence to a reader: the check cannot look, and why
    """Why a check could not look. It quotes no data: only names, types and the check's own words."""


@dataclass(frozen=True)
class QueryResult:
    """The result of a query: the names of its columns, and rows of Python values."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


class FunctionResult(Protocol):
    """`failed` counts the bad rows, None for a plain yes or no; `rows` are the first of them as text."""

    @property
    def good(self) -> bool: ...

    @property
    def failed(self) -> int | None: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def rows(self) -> Sequence[tuple[str | None, ...]]: ...


class Queries(Protocol):
    """A read-only connection on which the audited relation is a view called `layer.name`.

    Whoever cannot answer something raises CannotCheck, with the reason.
    """

    @property
    def why(self) -> str:
        """Why another engine than the lake's own is asked; empty where none is."""
        ...

    def knows(self, sql: str) -> bool:
        """Could it answer lakeflow's own SQL? Nothing is asked."""
        ...

    def proves_keys(self) -> bool:
        """Is it cheaper to prove that no two rows share a key than to group them? That takes rows in the order in
        which they were written, and bits to mark.
        """
        ...

    def execute(self, sql: str) -> QueryResult:
        """Run lakeflow's own SQL. AssetError with the engine's words when it fails."""
        ...

    def batches(self, sql: str) -> Iterator[Any]:
        """The result of lakeflow's own SQL as Arrow record batches of a few thousand rows, one in memory at a time."""
        ...

    def call(self, function: Callable[..., Any], inputs: Mapping[str, str], shown: int) -> FunctionResult:
        """The result of a check function on these relations, by parameter. Raises what the function raises; AssetError
        when it cannot be called, or when its result cannot be used.
        """
        ...

    def select(self, sql: str) -> str:
        """The user's text, proved to be exactly one SELECT, without its semicolon; AssetError otherwise."""
        ...

    def bad_rows(self, sql: str, shown: int) -> FunctionResult:
        """The rows that the user's text gives, which is written in another engine's SQL."""
        ...


@dataclass(frozen=True)
class Operand:
    """A column inside an expression. In `sql`, NaN counts as NULL (docs/decisions)."""

    name: str
    type: Type
    sql: str

    @property
    def is_number(self) -> bool:
        return isinstance(self.type, Decimal) or str(self.type) in _NUMBERS

    @property
    def is_float(self) -> bool:
        return str(self.type) in _FLOATS

    @property
    def is_time(self) -> bool:
        return str(self.type) in _TIMES

    @property
    def is_text(self) -> bool:
        return self.type == Primitive("string")


@dataclass(frozen=True)
class Audited:
    """The relation under audit. Names in `pii` are in lower case. `version_key` is the key whose versions the rows are.

    `guarded` says that something a check's own SQL may read, here or elsewhere, is personal; `elsewhere` are names of
    personal columns of other relations. `readable` names these relations, `main` is the schema of what readers see of
    this one (None: nothing yet), `moment` is the time of the audit, naive in UTC: a rule looks these three up when it
    is asked, so that it can be kept for another audit. So it does with `shown`: how many failing rows may be shown.
    """

    asset: AssetKey
    schema: Schema
    primary_key: tuple[str, ...] = ()
    version_key: tuple[str, ...] = ()
    pii: frozenset[str] = frozenset()
    guarded: bool = False
    elsewhere: frozenset[str] = frozenset()
    readable: frozenset[str] = frozenset()
    main: Schema | None = None
    moment: datetime = datetime.min
    shown: int = 5

    @property
    def relation(self) -> str:
        return f"{identifier(self.asset.layer)}.{identifier(self.asset.name)}"

    @property
    def published(self) -> str:
        """The relation with what readers see of the table."""
        return f"published.{self.relation}"

    @property
    def added(self) -> str:
        """The relation with the rows that an append added."""
        return f"{ADDED}.{self.relation}"

    @property
    def near(self) -> str:
        """The relation with those rows, and all rows that may have one of their keys."""
        return f"{NEAR}.{self.relation}"

    def column(self, name: str) -> Operand:
        """The column of that name. CannotCheck, with a suggestion, when there is none."""
        field = self.schema.find(name)
        if field is None:
            columns = f"it has {', '.join(self.schema.names)}"
            hint = hint_of_renamed(name) or did_you_mean(name, self.schema.names, columns)
            raise CannotCheck(f"{self.asset} has no column {name!r}; {hint}")
        quoted = identifier(field.name)
        floating = str(field.type) in _FLOATS
        return Operand(field.name, field.type, f"nullif({quoted}, 'nan')" if floating else quoted)

    def is_personal(self, names: Sequence[str]) -> bool:
        return any(name.lower() in self.pii for name in names)


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
