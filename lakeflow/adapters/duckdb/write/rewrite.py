"""Writes rows of a table again as they are, into fewer and sorted files, and proves that they are the same."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import is_in_store
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.read.content import content
from lakeflow.adapters.duckdb.write.partitions import Parts, partitioning
from lakeflow.adapters.duckdb.write.staged import LocalFirst
from lakeflow.adapters.duckdb.write.write import write_files
from lakeflow.core.compact.stored import MovedFiles, MovedRows, Rewrite
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.table import Scan, WrittenFile
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.store_files import StoreFiles
from lakeflow.core.run.write import Write
from lakeflow.core.wording import counted

_DEEPEST = 3
"""Folders above a file at most that a write makes: its own, and one for each partition field."""


def rewritten(cursor: DuckDBPyConnection, scan: Scan, asked: Rewrite, staging: LocalFirst) -> MovedRows:
    """See `Engine.rewrite`. One group after the other, so that no more is open at a time than one partition."""
    if not asked.groups:
        return MovedRows()
    with staging.folder(asked.directory) as (near, placed):
        made = _written(cursor, scan, replace(asked, directory=near))
        (files,) = placed(made.files)
        return replace(made, files=files, folder=made.folder.replace(near, asked.directory, 1))


def _written(cursor: DuckDBPyConnection, scan: Scan, asked: Rewrite) -> MovedRows:
    folder = Path(asked.directory) / f"compacted-{uuid4().hex}"
    files: list[WrittenFile] = []
    rows = 0
    try:
        for number, group in enumerate(asked.groups):
            found, new = _group(cursor, scan, group, asked, folder / str(number))
            files += new
            rows += found
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return MovedRows(tuple(files), rows, str(folder))


def are_there(made: MovedRows, stores: StoreFiles | None) -> bool:
    """Is every file there as it was written?"""
    return all(_size(file.path, stores) == file.bytes for file in made.files)


def _size(path: str, stores: StoreFiles | None) -> int | None:
    try:
        return stores.opened(path).size if stores and is_in_store(path) else Path(path).stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


def drop(made: MovedRows, stores: StoreFiles | None) -> None:
    """Remove what was written, with the folders that were made for it."""
    far = [file.path for file in made.files if is_in_store(file.path)]
    for location in far:
        assert stores is not None, "what wrote to a store has it"
        stores.remove(location)
    if is_in_store(made.folder):
        return
    if made.folder:
        shutil.rmtree(made.folder, ignore_errors=True)
    for path in (Path(file.path) for file in made.files if file.path not in far):
        path.unlink(missing_ok=True)
        with suppress(OSError):  # something is in it
            for folder in path.parents[:_DEEPEST]:
                folder.rmdir()


def _group(
    cursor: DuckDBPyConnection, scan: Scan, group: MovedFiles, asked: Rewrite, target: Path
) -> tuple[int, tuple[WrittenFile, ...]]:
    """How many rows the files of the group hold, and the new files with these rows."""
    old = replace(scan, files=group.paths, rows=sum(file.rows for file in group.files), bytes=group.bytes)
    write = Write(WriteMode.APPEND, scan.schema, asked.directory, layout=asked.layout, file_bytes=asked.file_bytes)
    target.parent.mkdir(parents=True, exist_ok=True)
    before = content(cursor, old)
    rows = cursor.sql(scans.select(cursor, old))
    if group.partition is None:
        with partitioning(cursor, asked.layout, scan.schema) as parts:
            files = write_files(rows, write, parts, target)
    else:
        files = write_files(rows, write, Parts((), (), (), scan.schema, group.partition), target)
    _refuse_others(scan, before, content(cursor, _of(scan, files)))
    return before[0], files


def _of(scan: Scan, files: tuple[WrittenFile, ...]) -> Scan:
    """The new files as a reader of the table would read them: by field ids, without anything to hide."""
    paths, rows = tuple(file.path for file in files), sum(file.rows for file in files)
    return replace(scan, files=paths, rows=rows, deletes=(), unmarked=False, origins=EMPTY, defaults=EMPTY)


def _refuse_others(scan: Scan, before: object, after: object) -> None:
    """AssetError unless both are the same content."""
    if before != after:
        raise AssetError(
            f"{scan.key}: its rows, written again, are not the very same rows ({_told(before)} before, "
            f"{_told(after)} after); nothing was changed",
            hint="this is a fault of lakeflow or of the disk: `lakeflow doctor --deep` reads what stands there",
            asset=scan.key,
        )


def _told(found: object) -> str:
    assert isinstance(found, tuple)
    return counted(int(found[0]), "row")
