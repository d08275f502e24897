"""Rows of text files in a table of the step's own database, each with its place in its file.

The order of rows is the order of the table: DuckDB keeps it while it reads in parallel, and `rowid` counts through all
files of a load, so the ordinal of a row in its file is exact (`row_number()` over a partition is not).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.duckdb.failures import ErrorContext
from lakeflow.adapters.duckdb.instance.instance import StepSession
from lakeflow.adapters.duckdb.instance.spill import OwnFolder
from lakeflow.adapters.duckdb.land import sql as reading
from lakeflow.adapters.duckdb.land.prepared import prepared
from lakeflow.adapters.duckdb.land.sql import PATH, POSITION, TABLE, Delivered
from lakeflow.adapters.duckdb.land.text_files import bad_row, compare_header
from lakeflow.adapters.duckdb.land.unpacked import readable
from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import FileSource, Format
from lakeflow.core.plan.landing import FoundFile

_BATCH: Final = 1000
"""Files that are read at a time: their unpacked copies are on disk together."""


@dataclass
class Staged:
    """The rows of files in `TABLE`. `paths` maps each path that was read to its file, `first` to the rowid of its first
    row.
    """

    step: StepSession
    source: FileSource
    place: ErrorContext
    paths: dict[str, FoundFile] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def delivered(self) -> Delivered:
        rows = f"SELECT *, rowid AS {POSITION} FROM {TABLE}"
        values = (cast.value for cast in reading.casts(self.source))
        columns = dict(zip(self.source.columns, values, strict=True))
        return Delivered(columns, rows, self.paths, self.first, self.counts)

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query on the step's connection; Ctrl-C ends it."""
        return self.step.run(lambda: self.step.cursor.execute(sql).fetchall())

    def error(self, path: str, ordinal: int, cause: str) -> AssetError:
        """The fault of the n-th row of a file, with its line where the file has lines."""
        line = reading.line(self.source, path, ordinal)
        where = f"row {ordinal}" if line is None else f"line {line}"
        return AssetError(f"{self.paths[path].name}, {where}: {cause}", hint=reading.HINT)


def stage(
    step: StepSession, source: FileSource, files: Sequence[FoundFile], spill: Path, place: ErrorContext
) -> Delivered:
    """Read every row of the files, in their order. AssetError naming the first file that is not as declared.

    Unpacked files are in a folder of their own in `spill`, which is removed afterwards.
    """
    staged = Staged(step, source, place)
    for start in range(0, len(files), _BATCH):
        own = OwnFolder(spill, "landing")
        try:
            own.path.mkdir(parents=True)
            _stage_batch(staged, files[start : start + _BATCH], own.path)
        finally:
            own.release()
    return staged.delivered


def _stage_batch(staged: Staged, files: Sequence[FoundFile], folder: Path) -> None:
    source, begin = staged.source, sum(staged.counts.values())
    paths = {str(_checked(staged, file, folder / str(number))): file for number, file in enumerate(files)}
    staged.paths |= paths
    with reading.explained(source, paths):
        into = f"INSERT INTO {TABLE}" if begin or len(staged.paths) > len(paths) else f"CREATE TABLE {TABLE} AS"
        staged.run(f"{into} {reading.select(source, tuple(paths))}")
        if source.format is Format.CSV:
            _refuse_overlong(staged, tuple(paths))
    _count(staged, begin)
    _refuse_faults(staged, begin)


def _refuse_faults(staged: Staged, begin: int) -> None:
    """AssetError for the first row with a fault. One query asks for all faults; the row is searched only if there is
    one.
    """
    checks = list(reading.checks(staged.source))
    if not checks:
        return
    found = ", ".join(f"bool_or({condition})" for condition, _ in checks)
    (answers,) = staged.run(f"SELECT {found} FROM {TABLE} WHERE rowid >= {begin}")
    for (condition, fault), answer in zip(checks, answers, strict=True):
        if answer:
            bad = f"SELECT {PATH}, rowid FROM {TABLE} WHERE ({condition}) AND rowid >= {begin} ORDER BY rowid LIMIT 1"
            ((path, rowid),) = staged.run(bad)
            raise staged.error(path, rowid - staged.first[path] + 1, fault)


def _refuse_overlong(staged: Staged, paths: tuple[str, ...]) -> None:
    """AssetError for a row with one value more than declared, an empty one, which DuckDB would silently drop."""
    looked = {path for (path,) in staged.run(reading.overlong(staged.source, paths))}
    for path in (path for path in paths if path in looked or _holds(path, reading.NO_DELIMITER)):
        if found := bad_row(Path(path), staged.source):
            raise AssetError(f"{staged.paths[path].name}, line {found[0]}: {found[1]}", hint=reading.HINT)


def _holds(path: str, text: str) -> bool:
    if not Path(path).stat().st_size:  # all of it was skipped
        return False
    with Path(path).open("rb") as content, mmap(content.fileno(), 0, access=ACCESS_READ) as whole:
        return whole.find(text.encode()) >= 0


def _checked(staged: Staged, file: FoundFile, target: Path) -> Path:
    """The file, ready to be read, with its header compared."""
    source = staged.source
    path = readable(staged.step.root / file.name, file.name, source, target)
    if path.stat().st_size == 0:
        raise AssetError(f"{file.name}: the file is empty", hint="deliver it whole; a header alone lands no rows")
    if source.format is Format.CSV and source.header:
        compare_header(path, file.name, source, personal=staged.place.personal)
    return prepared(path, file.name, source, target.with_suffix(".rows"))


def _count(staged: Staged, begin: int) -> None:
    rows = staged.run(
        f"SELECT {PATH}, count(*), min(rowid), max(rowid) FROM {TABLE} WHERE rowid >= {begin} GROUP BY ALL"
    )
    for path, count, first, last in rows:
        assert last - first + 1 == count, "the rows of a file stand together, in the order of the file"
        staged.counts[path], staged.first[path] = count, first
