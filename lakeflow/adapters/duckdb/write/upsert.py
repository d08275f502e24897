"""Upsert by copy on write: each file that holds a key of a new row is replaced, and its other rows are written again.

Where `keep` says which row of a key counts, it also decides between a new row and the table's row: a late row changes
nothing, so the table is the same in whatever order its rows came (docs/decisions/0041).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.read.sameness import exactly
from lakeflow.adapters.duckdb.write import tombstones, twins
from lakeflow.adapters.duckdb.write.refused_values import AbsentError
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.model.schema import Field, Schema, children
from lakeflow.core.model.table import Scan, WrittenFile
from lakeflow.core.run.write import Ties, Write, WriteResult
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

Again: TypeAlias = Callable[[str], tuple[WrittenFile, ...]]
"""Writes the rows of a query on the cursor to files once more."""

_FLOATING: Final = frozenset({"float", "double"})
_A_CONDITION: Final = "write a condition over the columns that the code gives, such as deleted = \"op = 'D'\""


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
    """SQL of the rows that count: for each key those with the greatest `last_by`, equal rows once.

    Different rows that tie stay, and are refused later as a key that comes twice.
    """
    if not write.last_by:
        return rows
    by = quoted(_column(write.schema, write.last_by, "keep").name)
    keys = ", ".join(quoted(field.name) for field in (*key_fields(write), *_moments(write)))
    order = f"rank() OVER (PARTITION BY {keys} ORDER BY {by} DESC NULLS LAST)"
    once = ", ".join(exactly(quoted(field.name), field.type) for field in write.schema.fields)
    return f"SELECT DISTINCT ON ({once}) * FROM (SELECT * FROM ({rows}) QUALIFY {order} = 1)"


def _moments(write: Write) -> tuple[Field, ...]:
    """In an scd2 table, a key may come once for each moment."""
    return (_column(write.schema, write.at, "at"),) if write.at else ()


def upsert(
    write: Write, came: tuple[WrittenFile, ...], cursor: DuckDBPyConnection, fresh: Again, again: Again
) -> WriteResult:
    """What these files of new rows do to the table.

    `fresh` writes those of the rows that count, where not all do; `again` writes the rows that stay. AssetError when a
    key is NULL or came twice, or nothing says which row counts.
    """
    match = _Match(cursor, write, tuple(file.path for file in came), key_fields(write))
    refuse_nulls(write, came)
    if not came:
        return WriteResult(tombstones=write.tombstones)
    twins.refuse_twins(write, cursor, match.rows, match.columns)
    base = None if write.base is None else in_new_columns(write, write.base)
    if base is not None:
        base = replace(base, files=match.files(base))
        match = match.timely(base)
    if write.deleted and write.last_by:
        match = match.after_tombstones()
    stands = fresh(match.standing()) if match.drops else came
    written = _merged(match, base, stands, again)
    if write.deleted and write.last_by:
        written = replace(written, tombstones=match.dead_afterwards())
    if stands is not came:
        for file in came:
            Path(file.path).unlink()
    return written


def _merged(match: _Match, base: Scan | None, stands: tuple[WrittenFile, ...], again: Again) -> WriteResult:
    """The merge: these new rows replace all rows that have one of the keys that came."""
    before = None if base is None else replace(base, files=match.files(base))
    if before is None or not before.files:
        return WriteResult(stands, rows=_rows(stands))
    rest = again(match.rest(before))
    return WriteResult((*stands, *rest), before.files, _rows(stands), match.count(before))


def _rows(files: Sequence[WrittenFile]) -> int:
    return sum(file.rows for file in files)


@dataclass(frozen=True)
class _Match:
    """Matches rows of other files with the keys of the new files: with all of them, or with those in the table
    `keys`.
    """

    cursor: DuckDBPyConnection
    write: Write
    came: tuple[str, ...]
    key: tuple[Field, ...]
    keys: str = ""

    @property
    def rows(self) -> str:
        """The keys that came."""
        return self.keys or scans.by_number(self.came, self.key)

    @property
    def columns(self) -> list[str]:
        return [f"f{place}" for place in range(len(self.key))]

    @property
    def drops(self) -> bool:
        """Are there new rows that the table does not hold afterwards?"""
        if not self.keys and not self.write.deleted:
            return False
        every = scans.by_number(self.came, self.key)
        counts = f"SELECT count(*) FROM {every} UNION ALL SELECT count(*) FROM ({self.standing()})"
        (before,), (after,) = self.cursor.execute(counts).fetchall()
        return bool(before != after)

    def files(self, scan: Scan) -> tuple[str, ...]:
        """The files in which a row has a key that came."""
        files = scan.files
        if not files:
            return ()
        keys = scans.placed(self.cursor, scan, self.key)
        text = f"SELECT DISTINCT file_index FROM {keys} AS o SEMI JOIN {self._new} ON {self._on}"
        found = self.cursor.execute(text).fetchall()
        return tuple(files[index] for (index,) in sorted(found))

    def count(self, scan: Scan) -> int:
        """How many rows have a key that came."""
        keys = scans.select(self.cursor, replace(scan, schema=Schema(_numbered(self.key))))
        found = self.cursor.execute(f"SELECT count(*) FROM ({keys}) AS o SEMI JOIN {self._new} ON {self._on}")
        return int(found.fetchall()[0][0])

    def timely(self, scan: Scan) -> _Match:
        """A match without the keys whose row in the table counts more, by `keep`, than the new one.

        AssetError where both count the same and differ, and nothing says that the new row corrects the old one.
        """
        if not self.write.last_by or not scan.files:
            return self
        fields = self.write.schema.fields
        last = f"c{fields.index(_column(self.write.schema, self.write.last_by, 'keep'))}"
        same = " AND ".join(f"o.c{fields.index(field)} = n.c{fields.index(field)}" for field in self.key)
        both = f"({self._short(scans.select(self.cursor, scan))}) AS o JOIN ({self._came()}) AS n ON {same}"
        keys = ", ".join(f"n.c{fields.index(field)} AS f{place}" for place, field in enumerate(self.key))
        if self.write.ties is Ties.REFUSED:
            other = " OR ".join(self._differs(f"c{place}", field) for place, field in enumerate(fields))
            tied = f"o.{last} IS NOT DISTINCT FROM n.{last} AND ({other})"
            twins.refuse_ties(self.write, self.cursor, f"SELECT {keys} FROM {both} WHERE {tied}", self.columns)
        late = f"SELECT {keys} FROM {both} WHERE {twins.is_late(f'n.{last}', f'o.{last}')}"
        every = f"SELECT {', '.join(self.columns)} FROM {scans.by_number(self.came, self.key)}"
        self.cursor.execute(f"CREATE TEMP TABLE timely AS FROM ({every}) AS n ANTI JOIN ({late}) AS o ON {self._on}")
        return replace(self, keys="timely")

    def after_tombstones(self) -> _Match:
        """A match without the rows that are older than the tombstone of their key. AssetError as in `timely`."""
        last = _column(self.write.schema, self.write.last_by, "keep")
        self._remembered.load(self.write.tombstones)
        columns = [f"{quoted(field.name)} AS f{place}" for place, field in enumerate(self.key)]
        rows = f"SELECT * FROM {scans.named(self.came, self.write.schema.fields)}"
        is_gone = gone(self.write, self.cursor, rows)
        came = f"SELECT {', '.join(columns)}, {quoted(last.name)} AS last, {is_gone} AS gone FROM ({rows})"
        both = f"{tombstones.KEYS} AS o JOIN ({came}) AS n ON {self._on}"
        keys = ", ".join(f"n.{column}" for column in self.columns)
        if self.write.ties is Ties.REFUSED:
            tied = f"SELECT {keys} FROM {both} WHERE o.last IS NOT DISTINCT FROM n.last AND NOT n.gone"
            twins.refuse_ties(self.write, self.cursor, tied, self.columns)
        late = f"SELECT {keys} FROM {both} WHERE {twins.is_late('n.last', 'o.last')}"
        every = f"SELECT {', '.join(self.columns)} FROM {self.rows}"
        self.cursor.execute(f"CREATE TEMP TABLE counted AS FROM ({every}) AS n ANTI JOIN ({late}) AS o ON {self._on}")
        dead = f"FROM ({came}) AS o SEMI JOIN counted AS n ON {self._on} WHERE o.gone"
        self.cursor.execute(f"CREATE TEMP TABLE dead AS SELECT o.* EXCLUDE gone {dead}")
        return replace(self, keys="counted")

    def dead_afterwards(self) -> str:
        """The table's tombstones after this write."""
        before = f"SELECT o.* FROM {tombstones.KEYS} AS o ANTI JOIN {self._new} ON {self._on}"
        return self._remembered.text(f"{before} UNION ALL BY NAME FROM dead")

    @property
    def _remembered(self) -> tombstones.Remembered:
        last = _column(self.write.schema, self.write.last_by, "keep")
        return tombstones.Remembered(self.cursor, {**dict(zip(self.columns, self.key, strict=True)), "last": last})

    def standing(self) -> str:
        """SQL of the new rows that the table holds afterwards: the timely ones that do not delete their key."""
        rows = f"SELECT * FROM {scans.named(self.came, self.write.schema.fields)}"
        if self.write.deleted:
            rows += f" WHERE NOT {gone(self.write, self.cursor, rows)}"
        if not self.keys:
            return rows
        same = " AND ".join(f"n.{quoted(field.name)} = k.f{place}" for place, field in enumerate(self.key))
        return f"SELECT n.* FROM ({rows}) AS n SEMI JOIN {self.keys} AS k ON {same}"

    def rest(self, scan: Scan) -> str:
        """SQL of the rows whose key did not come."""
        same = " AND ".join(f"o.{quoted(field.name)} = n.f{place}" for place, field in enumerate(self.key))
        return f"SELECT o.* FROM ({scans.select(self.cursor, scan)}) AS o ANTI JOIN {self._new} ON {same}"

    def _came(self) -> str:
        return self._short(f"SELECT * FROM {scans.named(self.came, self.write.schema.fields)}")

    def _short(self, rows: str) -> str:
        fields = enumerate(self.write.schema.fields)
        return f"SELECT {', '.join(f'{quoted(field.name)} AS c{place}' for place, field in fields)} FROM ({rows})"

    def _differs(self, column: str, field: Field) -> str:
        sides = [exactly(f"{side}.{column}", field.type) for side in ("o", "n")]
        return f"{sides[0]} IS DISTINCT FROM {sides[1]}"

    @property
    def _new(self) -> str:
        return f"{self.rows} AS n"

    @property
    def _on(self) -> str:
        return " AND ".join(f"o.{column} = n.{column}" for column in self.columns)


def gone(write: Write, cursor: DuckDBPyConnection, rows: str) -> str:
    """SQL that tells whether a row deletes its key. AssetError for a condition that these rows cannot answer."""
    condition = f"coalesce(({write.deleted}\n), false)"
    try:
        cursor.execute(f"EXPLAIN SELECT 1 FROM ({rows}) WHERE {condition} IS TRUE")
    except duckdb.Error as error:
        first = str(error).partition("\n")[0]
        raise AssetError(
            f"deleted = {write.deleted!r} cannot be computed on these rows: {first}", hint=_A_CONDITION
        ) from None
    return condition


def _numbered(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(replace(field, name=f"f{place}") for place, field in enumerate(fields))


def in_new_columns(write: Write, base: Scan) -> Scan:
    """The base, read in the schema to write. AssetError when the key is a new column, which no row of the base has."""
    if new := [field.name for field in key_fields(write) if base.schema.find(field.name) is None]:
        raise SchemaError(
            f"the table has no column {', '.join(map(repr, new))} yet, so none of its rows has the declared key",
            hint=f"`lakeflow plan {base.key} --full-refresh` says what a rebuild would remove; or keep the key",
        )
    return replace(base, schema=write.schema)


def refuse_nulls(write: Write, came: Sequence[WrittenFile]) -> None:
    for field in key_fields(write):
        if nulls := sum(file.columns[(field.name,)].nulls or 0 for file in came):
            raise AbsentError(
                f"key column {field.name!r} is NULL in {counted(nulls, 'row')}",
                column=field.name,
                hint="fill it, or leave those rows out: a row without its key matches no other",
            )


def _column(schema: Schema, name: str, said_by: str) -> Field:
    field = schema.find(name)
    if field is None:
        raise SchemaError(f"{said_by} names column {name!r}, which is not produced", hint=f"select {name} too")
    return field
