"""Rows that somebody wrote down, as one Arrow table: dicts, the text of a CSV file, or a frame of any library."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
from pyarrow import csv

from lakeflow.adapters.duckdb.code.frames import as_arrow
from lakeflow.core.column_names import refuse_twins
from lakeflow.core.errors import UsageError

_FORMS: Final = (
    'give a list of dicts ([{"id": 1}]), the text of a CSV file ("id\\n1"), or a frame of pyarrow, pandas or polars'
)


def table_of(given: object, what: str) -> pa.Table:
    """The rows as a table. UsageError, which calls them `what`, for what is no table or holds values of two kinds in
    one column.
    """
    if isinstance(given, str):
        found = _of_csv(given, what)
    elif isinstance(given, Sequence) and all(isinstance(row, Mapping) for row in given):
        found = _of_dicts(given, what)
    else:
        found = _of_frame(given, what)
    refuse_twins(found.column_names)
    return found


def _of_csv(text: str, what: str) -> pa.Table:
    """Every cell is text. An empty cell is NULL, and `""` is the empty text."""
    lines = textwrap.dedent(text).strip("\n")
    options = csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""])
    names = _header(lines, what)
    if len(names) == 1 and "" in lines.split("\n"):
        raise UsageError(f"{what} has an empty line", hint="in one column it may mean NULL: give a list of dicts")
    options.column_types = dict.fromkeys(names, pa.string())
    parsing = csv.ParseOptions(newlines_in_values=True)
    try:
        return csv.read_csv(io.BytesIO(f"{lines}\n".encode()), parse_options=parsing, convert_options=options)
    except pa.ArrowInvalid as error:
        raise UsageError(f"{what} is no CSV: {error}", hint="give every line as many cells as the first") from None


def _header(text: str, what: str) -> list[str]:
    if not text:
        raise UsageError(f"{what} has no line", hint="its first line names the columns, also where there are no rows")
    import csv as plain  # noqa: PLC0415 - only for the one line that pyarrow must be told

    return next(plain.reader(io.StringIO(text), strict=True))


def _of_dicts(rows: Sequence[Mapping[str, Any]], what: str) -> pa.Table:
    """A key that a row lacks is NULL in it."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if any(not isinstance(name, str) for name in names):
        raise UsageError(f"{what} has a column whose name is no text", hint=_FORMS)
    if rows and not names:
        raise UsageError(f"{what} has rows that name no column", hint="name one, if only as NULL")
    columns = {name: _array([row.get(name) for row in rows], name, what) for name in names}
    return pa.table(columns)


def _array(values: Sequence[Any], name: str, what: str) -> pa.Array:
    values = [str(value) if isinstance(value, UUID) else value for value in values]
    _refuse_mixed(values, name, what)
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        told = f"{what}: the values of column {name!r} have no common type: {', '.join(kinds)}"
        raise UsageError(told, hint="write all of them in one type; a number of many digits as a Decimal") from None


def _refuse_mixed(values: Iterable[Any], name: str, what: str) -> None:
    """Arrow takes a date for a midnight, and a time without zone for one in UTC."""
    kinds = {_kind(value) for value in values if isinstance(value, date)}
    if len(kinds) > 1:
        told = f"{what}: column {name!r} holds {' and '.join(sorted(kinds))}"
        raise UsageError(told, hint="write all of them in one form")


def _kind(value: date) -> str:
    if not isinstance(value, datetime):
        return "dates"
    return "times without a zone" if value.tzinfo is None else "times with a zone"


def _of_frame(given: object, what: str) -> pa.Table:
    try:
        found = as_arrow(given)
        if isinstance(found, pa.RecordBatchReader):
            return found.read_all()
        return found if isinstance(found, pa.Table) else pa.RecordBatchReader.from_stream(found).read_all()
    except (AttributeError, TypeError, ValueError, pa.ArrowException) as error:
        told = f"{what} is a {type(given).__module__}.{type(given).__qualname__}, which is no table"
        raise UsageError(told, hint=_FORMS) from error
