"""Each write mode as files: what an asset gave is written first, then merged with what stands in the table.

Rows that came are on disk, in their final form, before anything is compared with them. So what the code gives is read
once, whatever it is, memory stays bounded, and an upsert in which nothing matches has cost no more than an append.
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
from lakeflow.adapters.duckdb.write.partitions import partitioning
from lakeflow.adapters.duckdb.write.quarantine import write_split
from lakeflow.adapters.duckdb.write.scd2 import keep_history, staged
from lakeflow.adapters.duckdb.write.upsert import chosen, refuse_no_key, refuse_nulls, upsert
from lakeflow.adapters.duckdb.write.write import write_files
from lakeflow.core.model.layout import PLAIN
from lakeflow.core.model.table import WrittenFile
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.write import Write, WriteResult


def carry_out(
    write: Write, relations: Sequence[DuckDBPyRelation], cursor: DuckDBPyConnection, target: Path
) -> WriteResult:
    """Files in folders whose names begin with `target`; whoever calls drops them when this fails.

    Reads each relation once, and takes their rows together. AssetError and duckdb.Error pass.
    """
    with partitioning(cursor, write.layout, write.schema) as parts:

        def came(choose: Callable[[str], str] = str) -> tuple[WrittenFile, ...]:
            folders = (target.with_name(f"{target.name}-{number}") for number in range(len(relations)))
            each = zip(relations, folders, strict=True)
            return tuple(file for rows, folder in each for file in write_files(rows, write, parts, folder, choose))

        def fresh(text: str) -> tuple[WrittenFile, ...]:
            return write_files(cursor.sql(text), write, parts, target)

        def again(text: str) -> tuple[WrittenFile, ...]:
            return write_files(cursor.sql(text), write, parts, target.with_name(f"{target.name}-rest"))

        if write.refused is not None:
            (relation,) = relations  # what has a quarantine has no partitions in time
            return write_split(write, write.refused, relation, parts, target)
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
                (relation,) = relations  # a history has no partitions in time
                with _for_a_while(relation, write, cursor, target) as rows:
                    return keep_history(write, rows, cursor, fresh, again)
            case other:
                assert_never(other)


@contextmanager
def _for_a_while(
    relation: DuckDBPyRelation, write: Write, cursor: DuckDBPyConnection, target: Path
) -> Iterator[tuple[WrittenFile, ...]]:
    """The rows that come, as files that are gone afterwards."""
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
