"""Reads text files as SQL, and finds with SQL what is wrong in the rows of any file.

Everything is read as it stands: CSV as text, NDJSON as one JSON text for each row. Declared types are cast afterwards,
so that a value that cannot be kept exactly is reported with its file, line and column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final

import duckdb

from lakeflow.adapters.duckdb.cast.from_json import MARK, RESERVED, keeps_text, marked, may_change, pointer, unmarked
from lakeflow.adapters.duckdb.failures import is_failure_of_machine
from lakeflow.adapters.duckdb.land.json_files import ARRAYS, bad_array, bad_json
from lakeflow.adapters.duckdb.land.parquet_values import bad_parquet
from lakeflow.adapters.duckdb.land.text.text_files import bad_row, line_of_object, line_of_row
from lakeflow.adapters.duckdb.names import listed, literal
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.file_source import NO_CAPS, FileSource, Format
from lakeflow.core.model.schema import Type, children
from lakeflow.core.plan.landing import FoundFile, Landed, LandedSet
from lakeflow.core.values import dataclass

HINT: Final = "mend the file and deliver it again, or declare it as it is; nothing of it has landed"
TABLE: Final = "lakeflow_staged"
PATH: Final = "lakeflow_path"
POSITION: Final = "lakeflow_at"


@dataclass(frozen=True)
class Delivered:
    """The rows of a load as SQL, with the `PATH` and the `POSITION` of each row. Columns are called `c0`, `c1`, …: so
    no name in a file (`rowid`, `filename`, `path`) can hide one of lakeflow's own. `columns` maps each name to the SQL,
    over these, of what lands.

    `files` are the files at each path, `first` the positions of their first rows, `counts` their numbers of rows.
    `undeclared` are landed columns that the contract does not name, with their types. `apart` is the table of rows that
    are malformed, by path and ordinal, empty where a malformed row stops the load. The SQL runs within `reading`, which
    explains why a file cannot be read.
    """

    columns: Mapping[str, str]
    rows: str
    files: Mapping[str, FoundFile]
    first: Mapping[str, int]
    counts: Mapping[str, int]
    undeclared: Mapping[str, str] = EMPTY
    apart: str = ""
    reading: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def landed(self) -> LandedSet:
        files = (Landed(file.name, file.hash, file.size, self.counts.get(path, 0)) for path, file in self.files.items())
        return LandedSet(tuple(files), self.undeclared)


def select_csv(source: FileSource, paths: tuple[str, ...]) -> str:
    """All rows of CSV files in their order, with the path of each in `PATH`. `columns` of the source are those of these
    files.
    """
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(source.columns)))
    return (
        f"SELECT * FROM read_csv({listed(paths)}, auto_detect=false, header={source.has_header_line}, "
        f"columns={{{columns}}}, "
        f"delim={literal(source.delimiter)}, quote={literal(source.quote)}, escape={literal(source.escape)}, "
        f"nullstr='', allow_quoted_nulls=false, strict_mode=true, ignore_errors=false, null_padding=false, "
        f"hive_partitioning=false, filename={literal(PATH)}{_line_size(source)})"
        # A blank line is no row, but DuckDB makes one of it where rows have one column. An empty quoted text is a row.
        f"{' WHERE c0 IS NOT NULL' if len(source.columns) == 1 else ''}"
    )


def _line_size(source: FileSource) -> str:
    """DuckDB's own limit of a line, and a buffer that holds several."""
    line = source.caps.line
    return f", max_line_size={line}" + (f", buffer_size={16 * line}" if line > NO_CAPS.line else "")


def json_objects(source: FileSource, paths: tuple[str, ...]) -> str:
    """The objects of JSON files as a table function, each as `json`, with its path."""
    shape = "array" if source.format is Format.JSON else "newline_delimited"
    return (
        f"read_json_objects({listed(paths)}, format='{shape}', hive_partitioning=false, filename={literal(PATH)}, "
        f"maximum_object_size={source.caps.object})"
    )


def doubtful(source: FileSource, paths: tuple[str, ...]) -> str:
    """The files with a line of which DuckDB may silently drop something.

    It drops the empty value after a delimiter at the end of a line, where that has as many delimiters as rows have
    columns or ends a row begun in an earlier line; and blanks beside quotes. Quotes may hold delimiters and quotes, so
    a line found here may still be as declared.
    """
    delimiter, quote = literal(source.delimiter), literal(source.quote)
    held = f"length(line) - length(replace(line, {delimiter}, ''))"
    quotes = f"(length(line) - length(replace(line, {quote}, ''))) % 2 = 1"
    # A line that begins inside quotes and ends outside has an odd number of quotes, if no other sign escapes them.
    begun = quotes if source.escape in {"", source.quote} else f"contains(line, {quote})"
    quoted_ = f" OR {begun}" if source.quote else ""
    return (
        f"SELECT DISTINCT {PATH} FROM read_csv({listed(paths)}, auto_detect=false, header=false, "
        f"columns={{'line': 'VARCHAR'}}, delim={literal(NO_DELIMITER)}, quote='', escape='', nullstr='', "
        f"strict_mode=false, ignore_errors=true, hive_partitioning=false, "
        f"filename={literal(PATH)}{_line_size(source)}) "
        f"WHERE (ends_with(line, {delimiter}) AND ({held} >= {len(source.columns)}{quoted_})){_blanks(source)}"
    )


def _blanks(source: FileSource) -> str:
    """SQL: or does a blank stand beside a quote, where a value may begin or end?"""
    if not source.quote or " " in {source.quote, source.delimiter}:
        return ""
    quote, delimiter = (re.escape(sign) for sign in (source.quote, source.delimiter))
    before, after = literal(f" {source.quote}"), literal(f"{source.quote} ")
    begins, ends = literal(f"(^|{delimiter}) +{quote}"), literal(f"{quote} +({delimiter}|$)")
    return (
        f" OR (contains(line, {before}) AND regexp_matches(line, {begins}))"
        f" OR (contains(line, {after}) AND regexp_matches(line, {ends}))"
    )


NO_DELIMITER: Final = "".join(map(chr, (31, 30, 29, 28)))
"""A delimiter that separates nothing. A file that contains it nevertheless is read by other means."""


@dataclass(frozen=True)
class JsonColumn:
    """A landed column of JSON objects: staged in `at`, from the first of the keys `names` that an object has."""

    at: str
    names: tuple[str, ...]
    type: Type


def select_json(source: FileSource, columns: Sequence[JsonColumn], paths: tuple[str, ...], *, strict: bool) -> str:
    """The columns of JSON. Each text is parsed once for all columns that hold plain values, which become texts, and
    once for all nested columns. `fault` is the number of what is wrong with an object; `strict` allows no other keys.
    """
    nested = [name for column in columns if children(column.type) for name in column.names]
    plain = [name for column in columns if not children(column.type) for name in column.names]
    texts = [name for column in columns if keeps_text(column.type) for name in column.names]
    shown = {name: unmarked(f"plain[{place}]") for place, name in enumerate(plain, 1)}
    shown |= {name: f"nested[{place}]" for place, name in enumerate(nested, 1)}
    selected = ", ".join(f"{_first([shown[name] for name in each.names])} AS {each.at}" for each in columns)
    faults = " ".join(
        f"WHEN {check} THEN {number}"
        for number, (check, _) in enumerate(object_faults(source, columns))
        if strict or number != UNKNOWN_KEY
    )
    parsed = [
        f"json_extract_string(json, [{', '.join(map(pointer, plain))}]::VARCHAR[]) AS plain",
        f"json_extract(json, [{', '.join(map(pointer, nested))}]::VARCHAR[]) AS nested",
        f"CASE {faults} END AS fault",
    ]
    json = marked("json", may_change("json", texts))
    rows, size = json_objects(source, paths), f"strlen(CAST(json AS VARCHAR)) > {source.caps.object}"
    told = f"contains(json, {literal(MARK)}) AS reserved, {size} AS long"
    found = f"SELECT {json} AS json, {told}, {PATH} FROM {rows}"
    return f"SELECT {selected}, fault, {PATH} FROM (SELECT {', '.join(parsed)}, {PATH} FROM ({found}))"


def _first(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"


OTHER_KEYS: Final = "keys other than"
UNKNOWN_KEY: Final = 1
"""The number of the fault of an object with keys that nothing declares."""


def object_faults(source: FileSource, columns: Sequence[JsonColumn]) -> Iterator[tuple[str, str]]:
    """The conditions of objects that are no rows, each with what is wrong. Their numbers are their places."""
    names = [name for column in columns for name in column.names]
    other = f"; {ARRAYS}" if source.format is Format.NDJSON else ""
    several = [each.names for each in columns if len(each.names) > 1]
    counts = (f"len(list_intersect(json_keys(json), [{', '.join(map(literal, each))}])) > 1" for each in several)
    yield "json_type(json) <> 'OBJECT'", f"not a JSON object{other}"
    known = f"[{', '.join(map(literal, names))}]"
    yield f"NOT list_has_all({known}, json_keys(json))", f"{OTHER_KEYS} {', '.join(names)}"
    yield "NOT list_unique(json_keys(json)) = len(json_keys(json))", "a key that comes twice"
    yield "reserved", RESERVED
    yield "long", f"an object longer than {source.caps.object:,} bytes (see max_object)"
    yield " OR ".join(counts) or "false", "one column under two of its names"


@contextmanager
def explained(source: FileSource, paths: Mapping[str, FoundFile]) -> Iterator[None]:
    """DuckDB's error about a file, in words that name the file as the user knows it and hold nothing from it."""
    try:
        yield
    except duckdb.Error as error:
        if is_failure_of_machine(error):
            raise
        text = str(error)
        path = next((path for path in sorted(paths, key=len, reverse=True) if path in text or len(paths) == 1), None)
        if path is None:
            raise AssetError("the files cannot be read as declared", hint=HINT) from None
        raise AssetError(f"{paths[path].name}{_cause(source, path, text)}", hint=HINT) from None


def line(source: FileSource, path: str, ordinal: int) -> int | None:
    """The line in which the n-th row of a file begins; None for Parquet, which has no lines."""
    match source.format:
        case Format.CSV:
            return line_of_row(Path(path), source, ordinal)
        case Format.NDJSON:
            return line_of_object(Path(path), ordinal)
    return None


def _cause(source: FileSource, path: str, said: str) -> str:
    """Line and fault where they can be found, as the end of a message that begins with the file."""
    match source.format:
        case Format.CSV:
            row = bad_row(Path(path), source)
            found = (f"line {row[0]}", row[1]) if row else None
        case Format.NDJSON:
            found = bad_json(Path(path), source)
        case Format.JSON:
            found = bad_array(Path(path), source)
        case Format.PARQUET:
            return bad_parquet(Path(path))
    if found:
        return f", {found[0]}: {found[1]}"
    if "maximum_object_size" in said:
        return f": an object is longer than {source.caps.object:,} bytes (see max_object)"
    if "state machine" in said:
        return ": its line ends are mixed, or its quotes are not as declared"
    long = f": a line is longer than {source.caps.line:,} bytes (see max_line)"
    return long if "Maximum line size" in said else ": it cannot be read as declared"
