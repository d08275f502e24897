"""How text files are read as SQL, and what SQL can find wrong in the rows of any file.

Everything is read as it stands: text for CSV, one JSON text a row for NDJSON. Declared types are cast afterwards, so
that a value that does not fit is told with its file and line, and a cast that would round is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from lakeflow.adapters.duckdb.failures import is_failure_of_machine
from lakeflow.adapters.duckdb.land.text_files import bad_json, bad_row, line_of_object, line_of_row
from lakeflow.adapters.duckdb.names import listed, literal, quoted
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import FileSource, Format
from lakeflow.core.model.schema import Decimal, Primitive, Type
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.plan.landing import Found, Landed

HINT: Final = "mend the file and deliver it again, or declare it as it is; nothing of it has landed"
TABLE: Final = "lakeflow_staged"
PATH: Final = "lakeflow_path"
POSITION: Final = "lakeflow_at"
_WHOLE: Final = frozenset({"int", "long"})


@dataclass(frozen=True)
class Delivered:
    """The rows of a load as SQL: the columns `names` as `c0`, `c1`, …, and of each row the `PATH` that was read and its
    `POSITION`. Under numbers no name that a file has (`rowid`, `filename`, `path`) can hide one of ours.

    `files` are those at each path, `first` the positions of their first rows, `counts` how many they have. What runs
    the SQL does it within `reading`, which explains why a file cannot be read.
    """

    names: tuple[str, ...]
    rows: str
    files: Mapping[str, Found]
    first: Mapping[str, int]
    counts: Mapping[str, int]
    reading: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def landed(self) -> tuple[Landed, ...]:
        return tuple(
            Landed(file.name, file.hash, file.size, self.counts.get(path, 0)) for path, file in self.files.items()
        )


def select(source: FileSource, paths: tuple[str, ...]) -> str:
    """All rows of text files, in their order, and the path of each in `PATH`."""
    files, path = listed(paths), literal(PATH)
    if source.format is Format.NDJSON:
        return f"SELECT json AS c0, {PATH} FROM read_ndjson_objects({files}, hive_partitioning=false, filename={path})"
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(source.columns)))
    return (
        f"SELECT * FROM read_csv({files}, auto_detect=false, header={source.header}, columns={{{columns}}}, "
        f"delim={literal(source.delimiter)}, quote={literal(source.quote)}, escape={literal(source.escape)}, "
        f"nullstr='', allow_quoted_nulls=false, strict_mode=true, ignore_errors=false, null_padding=false, "
        f"hive_partitioning=false, filename={path})"
    )


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
    """Each column of the delivered rows as it lands, under its name."""
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


def checks(source: FileSource) -> Iterator[tuple[str, str]]:
    """The conditions that a bad row meets, as SQL, each with what is wrong with it."""
    if source.format is Format.NDJSON:
        yield from _object_checks(source)
    for number, (name, type_) in enumerate(source.columns.items()):
        if type_:
            yield misfit(_value(source, number, name), name, type_)


def misfit(value: str, name: str, type_: str) -> tuple[str, str]:
    """The same for one column of a declared type."""
    return f"{value} IS NOT NULL AND {_misfit(value, parse_type(type_))}", f"column {name!r} holds no {_duckdb(type_)}"


def _object_checks(source: FileSource) -> Iterator[tuple[str, str]]:
    names = f"[{', '.join(map(literal, source.columns))}]"
    yield "json_type(c0) <> 'OBJECT'", "not a JSON object"
    yield f"NOT list_has_all({names}, json_keys(c0))", f"keys other than {', '.join(source.columns)}"
    yield "NOT list_unique(json_keys(c0)) = len(json_keys(c0))", "a key that comes twice"


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


@contextmanager
def explained(source: FileSource, paths: Mapping[str, Found]) -> Iterator[None]:
    """What DuckDB says of a file, in words that name the file as the user knows it and hold nothing out of it."""
    try:
        yield
    except duckdb.Error as error:
        if is_failure_of_machine(error):
            raise
        text = str(error)
        path = next((path for path in sorted(paths, key=len, reverse=True) if path in text), None)
        if path is None:
            raise AssetError("the files cannot be read as declared", hint=HINT) from None
        raise AssetError(f"{paths[path].name}{_cause(source, path, text)}", hint=HINT) from None


def line(source: FileSource, path: str, ordinal: int) -> int | None:
    """The line in which the n-th row of a file begins; None for Parquet, which has none."""
    match source.format:
        case Format.CSV:
            return line_of_row(Path(path), source, ordinal)
        case Format.NDJSON:
            return line_of_object(Path(path), ordinal)
    return None


def _cause(source: FileSource, path: str, said: str) -> str:
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
