"""Reads Parquet files in place: their footers before the asset's code runs, their rows when the output is written.

A value that cannot be kept exactly ends the query that meets it. Only then are its file, row and column searched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import duckdb
from duckdb.sqltypes import DuckDBPyType

from lakeflow.adapters.duckdb.cast.exact import exact, refusing
from lakeflow.adapters.duckdb.cast.leaf import Cast, CastFault
from lakeflow.adapters.duckdb.failures import is_failure_of_machine, is_refusal
from lakeflow.adapters.duckdb.instance.instance import StepSession
from lakeflow.adapters.duckdb.instance.spill import OwnFolder
from lakeflow.adapters.duckdb.land import sql as reading
from lakeflow.adapters.duckdb.land.parquet_digits import refuse_lost_digits
from lakeflow.adapters.duckdb.land.sql import HINT, PATH, POSITION, Delivered
from lakeflow.adapters.duckdb.land.unpacked import readable
from lakeflow.adapters.duckdb.names import listed, literal
from lakeflow.adapters.duckdb.types import type_of
from lakeflow.core.column_names import PROVENANCE, fault_of, twins
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.model.file_source import FileSource
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.plan.landing import FoundFile
from lakeflow.core.wording import differences

_FEW: Final = 20
"""How many columns a message shows in full."""
Column = tuple[str, str]
"""The name of a column, and its type as DuckDB reads it."""


@contextmanager
def in_place(step: StepSession, source: FileSource, files: Sequence[FoundFile], spill: Path) -> Iterator[Delivered]:
    """The rows of the files. AssetError naming the first file that is not as declared.

    Unpacked files are in a folder of their own in `spill` until this is closed.
    """
    own = OwnFolder(spill, "landing")
    try:
        own.path.mkdir(parents=True)
        paths = {_readable(step, file, source, own.path / str(number)): file for number, file in enumerate(files)}
        yield _delivered(step, source, paths)
    finally:
        own.release()


def _readable(step: StepSession, file: FoundFile, source: FileSource, target: Path) -> str:
    return str(readable(step.root / file.name, file.name, source, target))


def _delivered(step: StepSession, source: FileSource, paths: Mapping[str, FoundFile]) -> Delivered:
    with reading.explained(source, paths):
        columns = _compared(_asked(step, _schemas(tuple(paths))), source, paths)
        rows = _rows(columns, tuple(paths))
        types = step.another().sql(rows).types
        refuse_lost_digits(step, paths)
        counts = dict(_asked(step, f"SELECT file_name, num_rows FROM parquet_file_metadata({listed(tuple(paths))})"))
    casts = {
        name: _cast(source, number, name, type_)
        for number, ((name, _), type_) in enumerate(zip(columns, types, strict=False))
    }
    values = {name: refusing(cast) for name, cast in casts.items()}
    faults = tuple(fault for cast in casts.values() for fault in cast.faults)
    reading_ = partial(_blaming, step, source, _CheckedColumns(columns, faults), paths)
    return Delivered(values, rows, paths, dict.fromkeys(paths, 0), counts, reading_)


def _cast(source: FileSource, number: int, name: str, type_: DuckDBPyType) -> Cast:
    """A column in its declared type, or in the type that a table will hold. A value that does not fit is refused when
    it is written.
    """
    if declared := source.columns.get(name):
        return exact(f"c{number}", type_, parse_type(declared), name)
    try:
        return exact(f"c{number}", type_, type_of(type_, name), name)
    except SchemaError:
        return Cast(f"c{number}")


def _rows(columns: Sequence[Column], paths: tuple[str, ...]) -> str:
    """The rows with columns found by name and numbered, so that a column called `file_row_number` does not hide
    DuckDB's own.
    """
    entries = (
        f"{literal(name)}: {{'name': 'c{number}', 'type': {literal(type_)}, 'default_value': NULL}}"
        for number, (name, type_) in enumerate(columns)
    )
    return (
        f"SELECT *, file_row_number AS {POSITION} FROM read_parquet({listed(paths)}, "
        f"schema=MAP{{{', '.join(entries)}}}, hive_partitioning=false, filename={literal(PATH)})"
    )


@dataclass(frozen=True)
class _CheckedColumns:
    """The columns of the files, and the faults that their values may have."""

    columns: Sequence[Column]
    faults: tuple[CastFault, ...]


def _refuse_fault(step: StepSession, rows: _CheckedColumns, path: str, name: str) -> None:
    """AssetError for the first row of the file with a fault, if it has one."""
    text = _rows(rows.columns, (path,))
    for fault in rows.faults:
        bad = f"SELECT {POSITION} FROM ({text}) WHERE {fault.condition} ORDER BY ALL LIMIT 1"
        for (position,) in _asked(step, bad):
            raise AssetError(f"{name}, row {position + 1}: {fault.message}", hint=HINT)


@contextmanager
def _blaming(
    step: StepSession, source: FileSource, rows: _CheckedColumns, paths: Mapping[str, FoundFile]
) -> Iterator[None]:
    """If a query over the rows fails because of a file that cannot be read or a row that cannot be kept: AssetError for
    that one.
    """
    try:
        yield
    except duckdb.Error as error:
        if not is_failure_of_machine(error):
            for path in paths:
                with reading.explained(source, {path: paths[path]}):
                    if is_refusal(error):
                        _refuse_fault(step, rows, path, paths[path].name)
                    else:
                        _asked(step, f"SELECT sum(hash(rows)) FROM ({_rows(rows.columns, (path,))}) AS rows")
        raise


def _asked(step: StepSession, sql: str) -> list[tuple[Any, ...]]:
    return step.run(lambda: step.another().execute(sql).fetchall())


def _schemas(paths: tuple[str, ...]) -> str:
    """The columns of each Parquet file, nested fields after what holds them, in the order of file and column."""
    return f"SELECT file_name, name, duckdb_type, num_children FROM parquet_schema({listed(paths)})"


def _compared(
    rows: Sequence[tuple[Any, ...]], source: FileSource, paths: Mapping[str, FoundFile]
) -> tuple[Column, ...]:
    """The columns. AssetError unless all files have those of the first, and these are the declared ones.

    Types are compared as DuckDB reads them, since writers spell one type in several ways.
    """
    described = dict[str, list[Column]]()
    for path, of_file in groupby(rows, key=lambda row: row[0]):
        all_levels = [row[1:] for row in of_file]
        _refuse_names(paths[path].name, all_levels)
        described[path] = _top(all_levels[1:])
    expected: list[Column] | None = None
    for path, found in described.items():
        names = [name for name, _ in found]
        if source.columns and names != list(source.columns):
            raise _columns_error(paths[path].name, list(source.columns), names)
        if taken := next((name for name in names if name.lower() in PROVENANCE), None):
            raise AssetError(f"{paths[path].name}: column {taken!r} is added to every landed row", hint=HINT)
        if expected is not None and found != expected:
            raise _columns_error(
                paths[path].name, [" ".join(one) for one in expected], [" ".join(one) for one in found]
            )
        expected = found
    return tuple(expected or ())


def _refuse_names(file: str, described: Sequence[tuple[Any, ...]]) -> None:
    """AssetError for names that DuckDB takes for one, at any level: it would read the first one's values twice."""
    levels: list[tuple[str, list[str], int]] = []
    for name, _, inside in described:
        if levels:
            levels[-1][1].append(str(name))
        levels.append((str(name), [], inside or 0))
        while levels and len(levels[-1][1]) == levels[-1][2]:
            within, names, _ = levels.pop()
            for number, each in enumerate(names, 1):
                if fault := fault_of(each):
                    raise AssetError(f"{file}: column {number} {fault}", hint=_TWINS)
            if found := twins(names):
                where = f" in {within!r}" if levels else ""
                raise AssetError(f"{file}: two columns{where} are named {found[0]!r} and {found[1]!r}", hint=_TWINS)


_TWINS: Final = (
    "let its writer give every column a name that differs in more than letter case; nothing of it has landed"
)


def _top(described: Sequence[tuple[Any, ...]]) -> list[Column]:
    """The columns that are not nested in others, each with its whole type."""
    columns, inside = list[Column](), 0
    for name, type_, children in described:
        if not inside:
            columns.append((str(name), str(type_)))
        inside += (children or 0) - bool(inside)
    return columns


def _columns_error(name: str, expected: list[str], found: list[str]) -> AssetError:
    many = len(expected) + len(found) > _FEW
    shown = f"expected the columns {', '.join(expected)}; found {', '.join(found)}"
    return AssetError(
        f"{name}: {f'its columns differ: {differences(expected, found)}' if many else shown}",
        hint="mend the file, or declare its columns in the order that they have",
    )
