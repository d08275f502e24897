"""Which row it was of which a write refused a value: looked for only after the write has failed, by asking again.

Of a stream only the last batches can be looked at again. So the error itself tells the key of the row, which costs
nothing until it is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import duckdb
from duckdb import DuckDBPyRelation

from lakeflow.adapters.duckdb.cast.exact import exact
from lakeflow.adapters.duckdb.cast.leaf import Cast
from lakeflow.adapters.duckdb.failures import refusal
from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.core.column_names import FILE, ROW
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import Field, Schema

SOURCE: Final = "lakeflow_produced"
"""The name of the relation in SQL about it."""
_LONGEST: Final = 40
"""So many characters of a value are shown."""


class AbsentError(SchemaError):
    """Rows came that lack a value of `column`; `in_row` says it again with the first of them."""

    def __init__(self, message: str, *, column: str, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.column = column

    def in_row(self, row: str) -> SchemaError:
        return SchemaError(f"{self.message}, first in row {row}" if row else self.message, hint=self.hint)


def telling(key: Iterable[str], hidden: Iterable[str], columns: Sequence[str]) -> tuple[str, ...]:
    """The columns whose values tell which row it is: of a landed one its file and row, and its key unless a column of
    that is hidden, or does not come.
    """
    came = {name.lower(): name for name in columns}
    landed = tuple(came[name] for name in (FILE, ROW) if name in came)
    names = [name.lower() for name in key]
    told = not set(names) & {name.lower() for name in hidden} and set(names) <= came.keys()
    return landed + tuple(came[name] for name in names if told and came[name] not in landed)


def casts(relation: DuckDBPyRelation, schema: Schema) -> list[tuple[Field, Cast]]:
    """How each column of the schema is made of what came; SchemaError where no cast does."""
    types = {name.lower(): (name, type_) for name, type_ in zip(relation.columns, relation.types, strict=True)}
    found = ((field, types.get(field.name.lower())) for field in schema.fields)
    return [
        (field, exact(quoted(came[0]), came[1], field.type, field.name)) for field, came in found if came is not None
    ]


def spelled(names: Sequence[str]) -> str:
    """SQL of `id = 7, day = 2024-01-01`."""
    each = (f"{literal(f'{name} = ')} || coalesce({_short(name)}, 'NULL')" for name in names)
    return " || ', ' || ".join(each)


def _short(name: str) -> str:
    text = f"CAST({quoted(name)} AS VARCHAR)"
    return f"left(regexp_replace({text}, '[[:cntrl:]]', ' ', 'g'), {_LONGEST})"


def located(
    error: duckdb.Error, again: Iterable[tuple[int, DuckDBPyRelation]], schema: Schema, names: Sequence[str]
) -> duckdb.Error:
    """The error with the row, counted from 1 in what the code gives: `again` gives rows with the number of those before
    them. Unchanged where the row cannot be found again.
    """
    for begin, relation in again:
        try:
            found = _first(relation, schema, names, begin)
        except duckdb.InterruptException:
            raise
        except duckdb.Error:
            found = None
        if found and found[1] in str(error):
            return type(error)(refusal(f"row {found[0]}: {found[1]}", found[2]))
    return error


def first_without(column: str, again: Iterable[tuple[int, DuckDBPyRelation]], names: Sequence[str]) -> str:
    """The first row without a value of the column, by number and what tells it; empty where it is not found again."""
    for begin, relation in again:
        known = {name.lower(): name for name in relation.columns}
        lacks = f"{quoted(known[column.lower()])} IS NULL" if column.lower() in known else "true"
        text = (
            f'SELECT {_numbered(names)} FROM (SELECT *, {begin} + row_number() OVER () AS "lakeflow n" FROM {SOURCE}) '
            f'WHERE {lacks} ORDER BY "lakeflow n" LIMIT 1'
        )
        asked = relation.query(SOURCE, text)
        if asked is not None and (found := asked.fetchall()):
            return str(found[0][0])
    return ""


def _numbered(names: Sequence[str]) -> str:
    """SQL of `8 (id = 7)`."""
    key = f"' (' || {spelled(names)} || ')'" if names else "''"
    return f'"lakeflow n" || {key}'


def _first(relation: DuckDBPyRelation, schema: Schema, names: Sequence[str], begin: int) -> tuple[str, str, str] | None:
    """Its number with what tells it, what is wrong with it, and the hint."""
    faults = [fault for _, cast in casts(relation, schema) for fault in cast.faults]
    which = " ".join(f"WHEN {fault.condition} THEN {place}" for place, fault in enumerate(faults))
    text = (
        f'SELECT {_numbered(names)}, CASE {which} END AS "lakeflow which" '
        f'FROM (SELECT *, {begin} + row_number() OVER () AS "lakeflow n" FROM {SOURCE}) '
        'WHERE "lakeflow which" IS NOT NULL ORDER BY "lakeflow n" LIMIT 1'
    )
    if not faults or (asked := relation.query(SOURCE, text)) is None:
        return None
    found = asked.fetchall()
    return (str(found[0][0]), faults[found[0][1]].message, faults[found[0][1]].hint) if found else None
