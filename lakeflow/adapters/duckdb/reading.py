"""How files of each format are read as SQL, and what SQL can find wrong in their rows.

Everything is read as it stands: text for CSV, one JSON text a row for NDJSON. Declared types are cast afterwards, so
that a value that does not fit is told with its file and line, and a cast that would round is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.duckdb.names import listed, literal, quoted
from lakeflow.adapters.duckdb.texts import bad_json, bad_row, line_of_object, line_of_row
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.errors import AssetError
from lakeflow.core.landing import Found
from lakeflow.core.schema import Decimal, Primitive, Type
from lakeflow.core.source import PROVENANCE, FileSource, Format
from lakeflow.core.spelling import parse_type

HINT: Final = "mend the file and deliver it again, or declare it as it is; nothing of it has landed"
TABLE: Final = "lakeflow_staged"
PATH: Final = "lakeflow_path"
_WHOLE: Final = frozenset({"int", "long"})
Rows = Sequence[tuple[Any, ...]]


def select(source: FileSource, names: Sequence[str], paths: tuple[str, ...]) -> str:
    """All rows of the files, in their order: columns `c0`, `c1`, … and the path of each in `PATH`.

    Under numbers no name that a file has (`rowid`, `filename`, `path`) can hide one of ours.
    """
    files, path = listed(paths), literal(PATH)
    match source.format:
        case Format.CSV:
            columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(names)))
            return (
                f"SELECT * FROM read_csv({files}, auto_detect=false, header={source.header}, columns={{{columns}}}, "
                f"delim={literal(source.delimiter)}, quote={literal(source.quote)}, escape={literal(source.escape)}, "
                f"nullstr='', allow_quoted_nulls=false, strict_mode=true, ignore_errors=false, null_padding=false, "
                f"hive_partitioning=false, filename={path})"
            )
        case Format.NDJSON:
            return (
                f"SELECT json AS c0, {PATH} FROM read_ndjson_objects({files}, hive_partitioning=false, filename={path})"
            )
        case Format.PARQUET:
            numbered = ", ".join(f"{quoted(name)} AS c{number}" for number, name in enumerate(names))
            return f"SELECT {numbered}, {PATH} FROM read_parquet({files}, hive_partitioning=false, filename={path})"


def overlong(source: FileSource, paths: tuple[str, ...]) -> str:
    """The files in which a line ends with a delimiter and holds as many as rows have columns, or more.

    DuckDB drops the empty value behind such a delimiter and says nothing. Quotes are not looked at here: they may
    hold delimiters, so that a line found so may yet be as declared.
    """
    delimiter = literal(source.delimiter)
    held = f"length(line) - length(replace(line, {delimiter}, ''))"
    return (
        f"SELECT DISTINCT {PATH} FROM read_csv({listed(paths)}, auto_detect=false, header=false, "
        f"columns={{'line': 'VARCHAR'}}, delim={literal(_NO_DELIMITER)}, quote='', escape='', nullstr='', "
        f"strict_mode=false, ignore_errors=true, hive_partitioning=false, filename={literal(PATH)}) "
        f"WHERE ends_with(line, {delimiter}) AND {held} >= {len(source.columns)}"
    )


_NO_DELIMITER: Final = chr(31)
"""Unit separator: a line that holds one is still looked at, up to there."""


def columns(source: FileSource, names: Sequence[str]) -> Iterator[str]:
    """Each column of the staged rows as it lands, under its name."""
    for number, name in enumerate(names):
        value, type_ = _value(source, number, name), source.columns.get(name, "")
        yield f"{f'CAST({value} AS {_duckdb(type_)})' if type_ else value} AS {quoted(name)}"


def _value(source: FileSource, number: int, name: str) -> str:
    """The value as it was read. In JSON a text without its quotes, anything nested as JSON."""
    if source.format is not Format.NDJSON:
        return f"c{number}"
    pointer = literal("/" + name.replace("~", "~0").replace("/", "~1"))
    type_ = source.columns[name]
    nested = bool(type_) and not isinstance(parse_type(type_), Primitive | Decimal)
    return f"json_extract{'' if nested else '_string'}(c0, {pointer})"


def _duckdb(type_: str) -> str:
    return spelled(parse_type(type_))


def checks(source: FileSource) -> Iterator[str]:
    """SELECTs of path, rowid and fault of bad rows; each can be continued with AND."""
    if source.format is Format.NDJSON:
        yield from _object_checks(source)
    for number, (name, type_) in enumerate(source.columns.items()):
        if type_:
            value = _value(source, number, name)
            fault = f"column {name!r} holds no {_duckdb(type_)}"
            yield _bad(f"{value} IS NOT NULL AND {_misfit(value, parse_type(type_))}", fault)


def _bad(condition: str, fault: str) -> str:
    return f"SELECT {PATH}, rowid, {literal(fault)} FROM {TABLE} WHERE ({condition})"


def _object_checks(source: FileSource) -> Iterator[str]:
    names = f"[{', '.join(map(literal, source.columns))}]"
    yield _bad("json_type(c0) <> 'OBJECT'", "not a JSON object")
    yield _bad(f"NOT list_has_all({names}, json_keys(c0))", f"keys other than {', '.join(source.columns)}")
    yield _bad("NOT list_unique(json_keys(c0)) = len(json_keys(c0))", "a key that comes twice")


def _misfit(value: str, type_: Type) -> str:
    """Text that has no such value, or one that the cast would round."""
    misfit = f"TRY_CAST({value} AS {spelled(type_)}) IS NULL"
    match type_:
        case Primitive(name) if name in _WHOLE:
            pattern = r"\s*[+-]?\d+\s*"
        case Decimal(_, scale):
            pattern = rf"\s*[+-]?\d*(\.\d{{0,{scale}}}0*)?\s*"
        case _:
            return misfit
    return f"({misfit} OR NOT regexp_full_match(CAST({value} AS VARCHAR), {literal(pattern)}))"


def schemas(paths: tuple[str, ...]) -> str:
    """The columns of each Parquet file, nested ones after what holds them, in the order of file and column."""
    return f"SELECT file_name, name, duckdb_type, num_children FROM parquet_schema({listed(paths)})"


def compare_schemas(rows: Rows, source: FileSource, paths: Mapping[str, Found]) -> tuple[str, ...]:
    """The names of the columns; AssetError unless all files have those of the first, and they are the declared ones.

    Types are compared as they are read: two writers spell one type in several ways.
    """
    described = {
        path: _top([row[1:] for row in of_file][1:]) for path, of_file in groupby(rows, key=lambda row: row[0])
    }
    expected: list[_Column] | None = None
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
    return tuple(name for name, _ in expected or ())


def _top(described: Sequence[tuple[Any, ...]]) -> list[_Column]:
    """The columns that are not nested in others, each with its whole type."""
    columns, inside = list[_Column](), 0
    for name, type_, children in described:
        if not inside:
            columns.append((str(name), str(type_)))
        inside += (children or 0) - bool(inside)
    return columns


_Column = tuple[str, str]


def _columns_error(name: str, expected: list[str], found: list[str]) -> AssetError:
    return AssetError(
        f"{name}: expected the columns {', '.join(expected)}; found {', '.join(found)}",
        hint="mend the file, or declare its columns in the order that they have",
    )


def line(source: FileSource, path: str, ordinal: int) -> int | None:
    """The line in which the n-th row of a file begins; None for Parquet, which has none."""
    match source.format:
        case Format.CSV:
            return line_of_row(Path(path), source, ordinal)
        case Format.NDJSON:
            return line_of_object(Path(path), ordinal)
    return None


def cause(source: FileSource, path: str, said: str) -> str:
    """Line and fault where they can be found, for the end of a message that begins with the file."""
    match source.format:
        case Format.CSV:
            found = bad_row(Path(path), source)
        case Format.NDJSON:
            found = bad_json(Path(path))
        case Format.PARQUET:
            return ": not a whole Parquet file"
    if found:
        return f", line {found[0]}: {found[1]}"
    if "state machine" in said:
        return ": its line ends are mixed, or its quotes are not as declared"
    return ": a line is longer than 2 MB" if "Maximum line size" in said else ": it cannot be read as declared"
