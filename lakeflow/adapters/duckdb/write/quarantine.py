"""Splits what an asset gave: rows that its checks refuse go to files of their own.

All rows are computed once, into a table that may spill to disk, so that no row is lost or doubled between the two
writes, whatever the code does. The counts of both are compared with all rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from duckdb import DuckDBPyRelation

from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.adapters.duckdb.write.partitions import Parts
from lakeflow.adapters.duckdb.write.refused_values import telling
from lakeflow.adapters.duckdb.write.write import query, selected, write_files
from lakeflow.core.column_names import PROVENANCE
from lakeflow.core.errors import AssetError
from lakeflow.core.model.quarantine import CHECK, INPUTS, LINE, MALFORMED, REASON, RUN, TEXT, Refusal
from lakeflow.core.model.table import WrittenFile
from lakeflow.core.run.write import RefusedRows, Write, WriteResult
from lakeflow.core.wording import counted


@dataclass(frozen=True)
class _RefusalColumn:
    """A column that says of each row whether it fails a check."""

    column: str
    refusal: Refusal

    @property
    def named(self) -> str:
        return f"CASE WHEN {self.column} THEN {literal(self.refusal.check)} END"


def write_split(write: Write, into: RefusedRows, relation: DuckDBPyRelation, parts: Parts, target: Path) -> WriteResult:
    """Files of good rows in `target`, of refused ones in a folder of that name in the directory of the other table.

    AssetError unless both together are all rows that came. Drops the second folder when it fails.
    """
    table = f"temp.main.{quoted(f'lakeflow_{uuid4().hex}')}"
    marks = [_RefusalColumn(quoted(f"lakeflow {place}"), refusal) for place, refusal in enumerate(into.refusals)]
    columns = ", ".join(["*", *(f"coalesce(({mark.refusal.bad}), FALSE) AS {mark.column}" for mark in marks)])
    text = selected(relation, write.schema, telling(write.key, write.hidden, relation.columns))
    made = query(relation, f"CREATE TEMP TABLE {table} AS SELECT {columns} FROM ({text})")
    other = Path(into.directory) / target.name
    try:
        came = made.fetchall()[0][0]
        kept = _within_bounds(relation, table, marks)
        refused = " OR ".join(mark.column for mark in kept) or "FALSE"
        names = ", ".join(map(quoted, write.schema.names))
        taken = query(relation, f"SELECT {names} FROM {table} WHERE NOT ({refused})")
        good = write_files(taken, write, parts, target)
        text = f"SELECT {_told(into, kept, write.schema.names)} FROM {table} WHERE {refused}"
        if into.malformed:
            came += query(relation, f"SELECT count(*) FROM ({into.malformed})").fetchall()[0][0]
            text = f"{text} UNION ALL SELECT {_told_malformed(into)} FROM ({into.malformed})"
        told = query(relation, text)
        beside = Write(write.mode, into.schema, into.directory)
        return _accounted(came, good, write_files(told, beside, replace(parts, fields=(), names=(), values=()), other))
    except BaseException:
        shutil.rmtree(other, ignore_errors=True)
        raise
    finally:
        query(relation, f"DROP TABLE {table}")


def _within_bounds(relation: DuckDBPyRelation, table: str, marks: Sequence[_RefusalColumn]) -> list[_RefusalColumn]:
    """The checks that refuse rows: those that no larger share of the rows fails than they allow. Rows that fail any
    other check stay, and are audited.
    """
    counts = ", ".join(["count(*)", *(f"count(*) FILTER ({mark.column})" for mark in marks)])
    rows, *failed = query(relation, f"SELECT {counts} FROM {table}").fetchall()[0]
    return [mark for mark, bad in zip(marks, failed, strict=True) if bad <= mark.refusal.max_fraction * rows]


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


def _accounted(came: int, good: tuple[WrittenFile, ...], bad: tuple[WrittenFile, ...]) -> WriteResult:
    rows, refused = (sum(file.rows for file in files) for files in (good, bad))
    if rows + refused != came:
        raise AssetError(
            f"of {counted(came, 'row')} that came {rows:,} were written and {refused:,} put into quarantine"
        )
    return WriteResult(good, rows=rows, refused=bad)
