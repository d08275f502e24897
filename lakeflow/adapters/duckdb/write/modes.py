"""Writes files in each write mode: first the rows that an asset gave, then their merge with the rows of the table.

The new rows are on disk in their final form before anything is compared with them. So the code's result is read only
once, memory stays bounded, and an upsert without a match costs no more than an append.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import assert_never

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from lakeflow.adapters.duckdb.write.partition_mode import overwrite
from lakeflow.adapters.duckdb.write.partitions import Parts, partitioning
from lakeflow.adapters.duckdb.write.quarantine import split_off
from lakeflow.adapters.duckdb.write.scd2 import keep_versions, staged
from lakeflow.adapters.duckdb.write.upsert import chosen, refuse_no_key, refuse_nulls, upsert
from lakeflow.adapters.duckdb.write.write import write_files
from lakeflow.core.model.layout import PLAIN
from lakeflow.core.model.table import WrittenFile
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.write import Write, WriteResult


def carry_out(
    write: Write, relations: Sequence[DuckDBPyRelation], cursor: DuckDBPyConnection, target: Path
) -> WriteResult:
    """Write the rows of all relations, each of which is read once.

    Files go to folders whose names begin with `target`; the caller drops them when this fails. AssetError and
    duckdb.Error pass through.
    """
    with partitioning(cursor, write.layout, write.schema) as parts:
        if write.refused is None:
            return _merged(write, relations, cursor, target, parts)
        with split_off(write, relations, cursor, parts, target) as split:
            return split.accounted(_merged(write, split.good, cursor, target, parts))


def _merged(
    write: Write, relations: Sequence[DuckDBPyRelation], cursor: DuckDBPyConnection, target: Path, parts: Parts
) -> WriteResult:
    """What the rows do to those of the table."""

    def came(choose: Callable[[str], str] = str) -> tuple[WrittenFile, ...]:
        folders = (target.with_name(f"{target.name}-{number}") for number in range(len(relations)))
        each = zip(relations, folders, strict=True)
        return tuple(file for rows, folder in each for file in write_files(rows, write, parts, folder, choose))

    def fresh(text: str) -> tuple[WrittenFile, ...]:
        return write_files(cursor.sql(text), write, parts, target)

    def again(text: str) -> tuple[WrittenFile, ...]:
        return write_files(cursor.sql(text), write, parts, target.with_name(f"{target.name}-rest"))

    match write.mode:
        case WriteMode.APPEND | WriteMode.REPLACE:
            return _alone(came())
        case WriteMode.UPSERT:
            refuse_no_key(write)
            return upsert(write, came(partial(chosen, write)), cursor, fresh, again)
        case WriteMode.PARTITION:
            return overwrite(write, came(), cursor, parts, again)
        case WriteMode.SCD2:
            refuse_no_key(write)
            (relation,) = relations  # an scd2 table has no partitions in time
            with _for_a_while(relation, write, cursor, target) as rows:
                return keep_versions(write, rows, cursor, fresh, again)
        case other:
            assert_never(other)


@contextmanager
def _for_a_while(
    relation: DuckDBPyRelation, write: Write, cursor: DuckDBPyConnection, target: Path
) -> Iterator[tuple[WrittenFile, ...]]:
    """The new rows as files, which are removed afterwards."""
    rows, folder = staged(write), target.with_name(f"{target.name}-came")
    with partitioning(cursor, PLAIN, rows.schema) as parts:
        came = write_files(relation, replace(rows, layout=PLAIN), parts, folder, partial(chosen, rows))
    refuse_nulls(rows, came)
    try:
        yield came
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alone(files: tuple[WrittenFile, ...]) -> WriteResult:
    return WriteResult(files, rows=sum(file.rows for file in files))
