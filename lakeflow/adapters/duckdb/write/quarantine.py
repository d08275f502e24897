"""Splits what an asset gave: rows that its checks refuse go to files of their own.

All rows are computed once, into a table that may spill to disk, so that no row is lost or doubled between the two
writes, whatever the code does. The counts of both are compared with all rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.adapters.duckdb.write.partition_mode import among
from lakeflow.adapters.duckdb.write.partitions import Parts
from lakeflow.adapters.duckdb.write.refused_values import telling
from lakeflow.adapters.duckdb.write.spans import inside
from lakeflow.adapters.duckdb.write.write import query, selected, write_files
from lakeflow.core.column_names import PROVENANCE
from lakeflow.core.errors import AssetError
from lakeflow.core.model.quarantine import CHECK, INPUTS, LINE, MALFORMED, REASON, RUN, TEXT, Refusal
from lakeflow.core.model.scd2_columns import unversioned
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import WrittenFile
from lakeflow.core.run.write import RefusedRows, Write, WriteResult
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted


@dataclass(frozen=True)
class _RefusalColumn:
    """A column that says of each row whether it fails a check."""

    column: str
    refusal: Refusal

    @property
    def named(self) -> str:
        return f"CASE WHEN {self.column} THEN {literal(self.refusal.check)} END"


@dataclass(frozen=True)
class _Marked:
    """All rows of a relation in a table, each with what the checks say of it."""

    relation: DuckDBPyRelation
    table: str
    rows: int


@dataclass(frozen=True)
class Split:
    """The rows that no check refuses, as relations; how many rows came, and the files of those that were refused.

    `earlier` are files of rows that were refused before and stay so.
    """

    good: tuple[DuckDBPyRelation, ...]
    came: int
    refused: tuple[WrittenFile, ...]
    earlier: tuple[WrittenFile, ...]
    keyed: bool

    def accounted(self, result: WriteResult) -> WriteResult:
        """The result of writing the good rows, with the refused ones. AssetError unless both are all rows that came;
        of rows with one key a merge may take one.
        """
        refused = sum(file.rows for file in self.refused)
        lost = result.rows + refused != self.came
        if lost and not self.keyed:
            came = counted(self.came, "row")
            raise AssetError(f"of {came} that came {result.rows:,} were written and {refused:,} put into quarantine")
        return replace(result, refused=(*self.refused, *self.earlier))


@contextmanager
def split_off(
    write: Write, relations: Sequence[DuckDBPyRelation], cursor: DuckDBPyConnection, parts: Parts, target: Path
) -> Iterator[Split]:
    """Write refused rows to folders of that name in the directory of the other table, and give the others.

    A row that says that its key is gone is no row of the table, so that no check refuses it. Drops the folders where
    this, or what is done with the good rows, fails.
    """
    into = write.refused
    assert into is not None, "asked for only where checks refuse rows"
    marks = [_RefusalColumn(quoted(f"lakeflow {place}"), refusal) for place, refusal in enumerate(into.refusals)]
    beside = _RefusedFiles(
        into, Write(write.mode, into.schema, into.directory), parts, Path(into.directory) / target.name
    )
    sides = list[_Marked]()
    try:
        for relation in relations:
            sides.append(_marked(write, marks, relation))
        kept = _within_bounds(sides, marks)
        is_refused = " OR ".join(mark.column for mark in kept) or "FALSE"
        malformed = _malformed(into, relations[0])
        refused = beside.written(sides, is_refused, _told(into, kept, _given(write).names))
        names = ", ".join(map(quoted, _given(write).names))
        good = (query(each.relation, f"SELECT {names} FROM {each.table} WHERE NOT ({is_refused})") for each in sides)
        stay = _staying(write, into, sides, cursor, parts)
        earlier = beside.rows(stay, "rest") if stay else ()
        came = sum(side.rows for side in sides) + malformed
        yield Split(tuple(good), came, refused, earlier, write.mode.traits.keyed)
    except BaseException:
        beside.drop()
        raise
    finally:
        for side in sides:
            query(side.relation, f"DROP TABLE {side.table}")


@dataclass(frozen=True)
class _RefusedFiles:
    """Folders beside the table's own for what is put into quarantine: their names begin with that of `target`."""

    into: RefusedRows
    write: Write
    parts: Parts
    target: Path

    def written(self, sides: Sequence[_Marked], is_refused: str, told: str) -> tuple[WrittenFile, ...]:
        """The refused rows of all sides, and with those of the first the rows that could not be read."""
        texts = [f"SELECT {told} FROM {side.table} WHERE {is_refused}" for side in sides]
        if self.into.malformed:
            texts[0] += f" UNION ALL SELECT {_told_malformed(self.into)} FROM ({self.into.malformed})"
        found = zip(sides, texts, strict=True)
        return tuple(
            f for place, (side, sql) in enumerate(found) for f in self.rows(query(side.relation, sql), str(place))
        )

    def rows(self, rows: DuckDBPyRelation, name: str) -> tuple[WrittenFile, ...]:
        plain = replace(self.parts, fields=(), names=(), values=())
        return write_files(rows, self.write, plain, self.target.with_name(f"{self.target.name}-{name}"))

    def drop(self) -> None:
        for folder in self.target.parent.glob(f"{self.target.name}*"):
            shutil.rmtree(folder, ignore_errors=True)


def _malformed(into: RefusedRows, relation: DuckDBPyRelation) -> int:
    """How many rows could not be read."""
    if not into.malformed:
        return 0
    found: int = query(relation, f"SELECT count(*) FROM ({into.malformed})").fetchall()[0][0]
    return found


def _given(write: Write) -> Schema:
    """The columns that the code gives: the table of an scd2 asset has more."""
    return Schema(unversioned(write.schema).fields) if write.mode.traits.versioned else write.schema


def _marked(write: Write, marks: Sequence[_RefusalColumn], relation: DuckDBPyRelation) -> _Marked:
    table = f"temp.main.{quoted(f'lakeflow_{uuid4().hex}')}"
    spared = f" AND NOT coalesce(({write.deleted}\n), FALSE)" if write.deleted else ""
    columns = ", ".join(["*", *(f"coalesce(({mark.refusal.bad}), FALSE){spared} AS {mark.column}" for mark in marks)])
    text = selected(relation, _given(write), telling(write.key, write.hidden, relation.columns))
    made = query(relation, f"CREATE TEMP TABLE {table} AS SELECT {columns} FROM ({text})")
    return _Marked(relation, table, made.fetchall()[0][0])


def _within_bounds(sides: Sequence[_Marked], marks: Sequence[_RefusalColumn]) -> list[_RefusalColumn]:
    """The checks that refuse rows: those that no larger share of the rows fails than they allow. Rows that fail any
    other check stay, and are audited.
    """
    counts = ", ".join(["count(*)", *(f"count(*) FILTER ({mark.column})" for mark in marks)])
    found = [query(side.relation, f"SELECT {counts} FROM {side.table}").fetchall()[0] for side in sides]
    rows, *failed = (sum(column) for column in zip(*found, strict=True))
    return [mark for mark, bad in zip(marks, failed, strict=True) if bad <= mark.refusal.max_fraction * rows]


def _staying(
    write: Write, into: RefusedRows, sides: Sequence[_Marked], cursor: DuckDBPyConnection, parts: Parts
) -> DuckDBPyRelation | None:
    """The rows that were refused before, of partitions that this write leaves alone."""
    if into.stood is None or not into.stood.files:
        return None
    stood = f"({scans.select(cursor, replace(into.stood, schema=into.schema))})"
    if write.spans:
        return cursor.sql(f"SELECT * FROM {stood} WHERE NOT {inside(write)}")
    came = (query(side.relation, f"SELECT DISTINCT {parts.texts} FROM {side.table}").fetchall() for side in sides)
    written = write.asked or {parts.partition(texts) for some in came for texts in some}
    known = cursor.execute(f"SELECT DISTINCT {parts.texts} FROM {stood}").fetchall()
    gone = [texts for texts in known if parts.partition(texts) in written]
    return cursor.sql(f"SELECT * FROM {stood} WHERE NOT {among(parts, gone)}" if gone else f"SELECT * FROM {stood}")


def _told(into: RefusedRows, marks: Sequence[_RefusalColumn], own: Sequence[str]) -> str:
    """SQL of each column of the quarantine. A column that the asset no longer has is NULL."""
    named = ", ".join(mark.named for mark in marks) or "NULL"
    said = {
        CHECK: f"coalesce({named}, NULL)",
        REASON: f"concat_ws('; ', {named})",
        RUN: literal(into.run),
        INPUTS: literal(into.inputs),
    }
    return _as_quarantined(into, {name.lower(): quoted(name) for name in own} | said)


def _told_malformed(into: RefusedRows) -> str:
    """SQL of each column of the quarantine, for a row of which only its place, its text and the reason are known."""
    own = {name: quoted(name) for name in (*PROVENANCE, LINE, TEXT, REASON)}
    return _as_quarantined(
        into, {**own, CHECK: literal(MALFORMED), RUN: literal(into.run), INPUTS: literal(into.inputs)}
    )


def _as_quarantined(into: RefusedRows, known: Mapping[str, str]) -> str:
    values = ((field, known.get(field.name.lower(), "NULL")) for field in into.schema.fields)
    return ", ".join(f"CAST({value} AS {spelled(field.type)}) AS {quoted(field.name)}" for field, value in values)
