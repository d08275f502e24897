"""Copy on write: rows that came, and again those that stay out of each file in which one has a key that came.

Where `keep` says which row of a key counts, it counts against what stands there too: a row that comes late changes
nothing, so the table is the same in whatever order its rows came (docs/decisions/0041).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb import scan as scans
from lakeflow.adapters.duckdb.names import quoted
from lakeflow.core.counting import counted
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.schema import Field, Schema, children
from lakeflow.core.table import Scan, WrittenFile
from lakeflow.core.writing import Write, Written

Again: TypeAlias = Callable[[str], tuple[WrittenFile, ...]]
"""Writes rows once more: the files of a query on the cursor."""

_FLOATING: Final = frozenset({"float", "double"})
_ONE_EACH: Final = "give each key once, or say which row counts: keep = 'last by <column>'"


def refuse_no_key(write: Write) -> None:
    """SchemaError for a key that cannot tell rows apart: missing, nested, or of floats, whose equality is chance."""
    for field in key_fields(write):
        if str(field.type) in _FLOATING or children(field.type):
            raise SchemaError(
                f"key column {field.name!r} is {field.type}, which cannot tell rows apart",
                hint="cast it to an integer, a decimal or text",
            )


def key_fields(write: Write) -> tuple[Field, ...]:
    return tuple(_column(write.schema, name, "the key") for name in write.key)


def chosen(write: Write, rows: str) -> str:
    """SQL of the rows that count: of those with one key the ones with the greatest `last_by`, equal ones once.

    Different rows that tie there stay, to be refused as a key that comes twice.
    """
    if not write.last_by:
        return rows
    by = quoted(_column(write.schema, write.last_by, "keep").name)
    keys = ", ".join(quoted(field.name) for field in (*key_fields(write), *_moments(write)))
    order = f"rank() OVER (PARTITION BY {keys} ORDER BY {by} DESC NULLS LAST)"
    return f"SELECT DISTINCT * FROM ({rows}) QUALIFY {order} = 1"


def _moments(write: Write) -> tuple[Field, ...]:
    """In a history a key may come once a moment."""
    return (_column(write.schema, write.at, "at"),) if write.at else ()


def upsert(
    write: Write, came: tuple[WrittenFile, ...], cursor: DuckDBPyConnection, fresh: Again, again: Again
) -> Written:
    """What becomes of the table when these files of rows have come. `fresh` writes those of them that count, where not
    all do, `again` the rows that stay. AssetError when a key is NULL or came twice.
    """
    match = _match(write, came, cursor)
    refuse_nulls(write, came)
    match.refuse_twins()
    if write.base is None or not came:
        return Written(came, rows=_rows(came))
    base = in_new_columns(write, write.base)
    scans.refuse_unmarked(cursor, base)
    before = replace(base, files=match.files(base.files))
    if late := match.late(before, write):
        timely = fresh(match.without(late, write.schema.fields))
        _drop(came)
        came, match = timely, _match(write, timely, cursor)
        before = replace(base, files=match.files(before.files))
    if not before.files:
        return Written(came, rows=_rows(came))
    rest = again(match.rest(before))
    return Written((*came, *rest), before.files, _rows(came), match.count(before))


def _match(write: Write, came: Sequence[WrittenFile], cursor: DuckDBPyConnection) -> _Match:
    return _Match(cursor, tuple(file.path for file in came), key_fields(write))


def _rows(files: Sequence[WrittenFile]) -> int:
    return sum(file.rows for file in files)


def _drop(files: Sequence[WrittenFile]) -> None:
    for file in files:
        Path(file.path).unlink()


@dataclass(frozen=True)
class _Match:
    """Rows of other files against the keys in the files that came."""

    cursor: DuckDBPyConnection
    came: tuple[str, ...]
    key: tuple[Field, ...]

    def refuse_twins(self) -> None:
        if not self.came:
            return
        keys, names = scans.by_number(self.came, self.key), ", ".join(field.name for field in self.key)
        several = f"SELECT count(*) AS n FROM {keys} GROUP BY {', '.join(self._columns)} HAVING n > 1"
        twice, rows = self.cursor.execute(f"SELECT count(*), sum(n) FROM ({several})").fetchall()[0]
        if twice:
            keys = counted(twice, "key")
            raise AssetError(f"{keys} ({names}) more than once, in {counted(rows, 'row')}", hint=_ONE_EACH)

    def files(self, files: tuple[str, ...]) -> tuple[str, ...]:
        """Those in which a row has a key that came."""
        if not files or not self.came:
            return ()
        keys = scans.by_number(files, self.key)
        text = f"SELECT DISTINCT file_index FROM {keys} AS o SEMI JOIN {self._new} ON {self._on}"
        found = self.cursor.execute(text).fetchall()
        return tuple(files[index] for (index,) in sorted(found))

    def count(self, scan: Scan) -> int:
        """How many rows have a key that came."""
        keys = scans.select(self.cursor, replace(scan, schema=Schema(_numbered(self.key))))
        found = self.cursor.execute(f"SELECT count(*) FROM ({keys}) AS o SEMI JOIN {self._new} ON {self._on}")
        return int(found.fetchall()[0][0])

    def late(self, scan: Scan, write: Write) -> str:
        """The name of a table of the keys for which more stands there, by what `keep` says, than came; empty when
        there is none. As in `chosen`, NULL is less than any value; of equal ones the row that came counts.
        """
        if not write.last_by or not scan.files:
            return ""
        fields = (*self.key, _column(write.schema, write.last_by, "keep"))
        last = f"f{len(self.key)}"
        old = scans.select(self.cursor, replace(scan, schema=Schema(_numbered(fields))))
        new = f"{scans.by_number(self.came, fields)} AS n ON {self._on}"
        keys = ", ".join(f"n.{column}" for column in self._columns)
        is_late = f"coalesce(o.{last} > n.{last}, o.{last} IS NOT NULL)"
        self.cursor.execute(f"CREATE TEMP TABLE late AS SELECT {keys} FROM ({old}) AS o JOIN {new} WHERE {is_late}")
        return "late" if self.cursor.execute("SELECT count(*) FROM late").fetchall() != [(0,)] else ""

    def without(self, keys: str, fields: tuple[Field, ...]) -> str:
        """SQL of the rows that came, without those with one of the keys in that table."""
        same = " AND ".join(f"n.{quoted(field.name)} = k.f{place}" for place, field in enumerate(self.key))
        return f"SELECT n.* FROM {scans.named(self.came, fields)} AS n ANTI JOIN {keys} AS k ON {same}"

    def rest(self, scan: Scan) -> str:
        """SQL of the rows whose key did not come."""
        same = " AND ".join(f"o.{quoted(field.name)} = n.f{place}" for place, field in enumerate(self.key))
        return f"SELECT o.* FROM ({scans.select(self.cursor, scan)}) AS o ANTI JOIN {self._new} ON {same}"

    @property
    def _columns(self) -> list[str]:
        return [f"f{place}" for place in range(len(self.key))]

    @property
    def _new(self) -> str:
        return f"{scans.by_number(self.came, self.key)} AS n"

    @property
    def _on(self) -> str:
        return " AND ".join(f"o.{column} = n.{column}" for column in self._columns)


def _numbered(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(replace(field, name=f"f{place}") for place, field in enumerate(fields))


def in_new_columns(write: Write, base: Scan) -> Scan:
    """The base as it reads in the schema to write; AssetError when the key is new, so that no row of it has one."""
    if new := [field.name for field in key_fields(write) if base.schema.find(field.name) is None]:
        raise SchemaError(
            f"the table has no column {', '.join(map(repr, new))} yet, so none of its rows has the declared key",
            hint=f"`lakeflow materialize {base.key} --full-refresh` builds it anew; or upsert by columns that it has",
        )
    return replace(base, schema=write.schema)


def refuse_nulls(write: Write, came: Sequence[WrittenFile]) -> None:
    for field in key_fields(write):
        if nulls := sum(file.columns[(field.name,)].nulls or 0 for file in came):
            raise AssetError(
                f"key column {field.name!r} is NULL in {counted(nulls, 'row')}",
                hint="fill it, or leave those rows out: a row without its key matches no other",
            )


def _column(schema: Schema, name: str, said_by: str) -> Field:
    field = schema.find(name)
    if field is None:
        raise SchemaError(f"{said_by} names column {name!r}, which is not produced", hint=f"select {name} too")
    return field
