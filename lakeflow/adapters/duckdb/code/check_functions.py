"""Calls a check that is written as a Python function, and reads what it returns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from lakeflow.adapters.duckdb.code.forms import InputForm, form_of, in_form
from lakeflow.adapters.duckdb.code.returned import stream_of
from lakeflow.adapters.duckdb.code.user_sql import only_select
from lakeflow.adapters.duckdb.failures import ErrorContext
from lakeflow.adapters.duckdb.names import quoted
from lakeflow.core.values import dataclass

_BATCH: Final = 10_000
_ALLOWED: Final = (
    "return the bad rows (a DuckDB relation, a SELECT, a frame, anything that is an Arrow stream), "
    "or True when all is well"
)


@dataclass(frozen=True)
class CheckFunctionResult:
    """The number of bad rows (None for a plain yes or no), and the first of them as text."""

    good: bool
    failed: int | None = None
    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[str | None, ...]] = ()


def arguments(
    connection: DuckDBPyConnection, function: Callable[..., Any], inputs: Mapping[str, str], place: ErrorContext
) -> dict[str, Any]:
    """The function's arguments: each view in the form that its parameter asks for. AssetError for an unknown form."""
    return {name: _input(connection, form_of(function, name), name, view, place) for name, view in inputs.items()}


def taken(connection: DuckDBPyConnection, value: object, place: ErrorContext, shown: int) -> CheckFunctionResult:
    """Read the function's result. Bad rows are counted as a stream; only the first `shown` are kept.

    AssetError for a result that cannot be used.
    """
    numpy = sys.modules.get("numpy")
    if isinstance(value, bool) or (numpy is not None and isinstance(value, numpy.bool_)):
        return CheckFunctionResult(bool(value))
    if value is None:
        raise place.error("the check returned nothing (None)", _ALLOWED)
    return _counted(connection, _reader(connection, value, place), shown)


def _input(connection: DuckDBPyConnection, form: InputForm | None, name: str, view: str, place: ErrorContext) -> Any:
    if form is None:
        raise place.error(f"the annotation of {name!r} is no form that a relation can take", "leave it out")
    return in_form(connection.sql(f"SELECT * FROM {'.'.join(map(quoted, view.split('.')))}"), form)


def _reader(connection: DuckDBPyConnection, value: object, place: ErrorContext) -> pa.RecordBatchReader:
    if isinstance(value, str):
        return connection.sql(only_select(connection, value)).to_arrow_reader(_BATCH)
    if isinstance(value, DuckDBPyRelation):
        return value.to_arrow_reader(_BATCH)
    found = stream_of(value, place)
    return found if isinstance(found, pa.RecordBatchReader) else found.to_reader(_BATCH)


def _counted(connection: DuckDBPyConnection, reader: pa.RecordBatchReader, shown: int) -> CheckFunctionResult:
    first: list[pa.RecordBatch] = []
    failed = 0
    for batch in reader:
        if failed < shown and batch.num_rows:
            first.append(batch.slice(0, shown - failed))
        failed += batch.num_rows
    if not first:
        return CheckFunctionResult(good=True, failed=0)
    sample = connection.from_arrow(pa.Table.from_batches(first)).project("CAST(COLUMNS(*) AS VARCHAR)")
    return CheckFunctionResult(False, failed, tuple(sample.columns), sample.fetchall())
