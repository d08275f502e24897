"""Turns what a Python asset returned into a lazy relation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import duckdb
from duckdb import DuckDBPyRelation

from lakeflow.adapters.duckdb.cast.arrow_values import may_be_cut
from lakeflow.adapters.duckdb.code import looks
from lakeflow.adapters.duckdb.code.frames import as_arrow, is_held, lacks, refuse_unreadable
from lakeflow.adapters.duckdb.code.looks import SecondLook, WatchedStream
from lakeflow.adapters.duckdb.code.paths import refuse_shadowed
from lakeflow.adapters.duckdb.code.user_sql import doubts_of
from lakeflow.adapters.duckdb.failures import ErrorContext
from lakeflow.adapters.duckdb.instance.instance import StepSession, query
from lakeflow.adapters.duckdb.types import NOTHING
from lakeflow.core.column_names import refuse_twins
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    import pyarrow as pa

ALLOWED: Final = (
    "return a DuckDB relation, a pyarrow Table or RecordBatchReader, a pandas or polars frame, "
    "anything with __arrow_c_stream__, or a SQL string"
)


@dataclass(frozen=True)
class ReturnedRelation:
    """The rows, not yet read. A frame lacks some types of a table, as its form says; any other result lacks none."""

    relation: DuckDBPyRelation
    look: SecondLook
    lacks: frozenset[str] = frozenset()


def returned(value: object, step: StepSession, place: ErrorContext) -> ReturnedRelation:
    """The relation of what the asset returned. AssetError when `value` is no table. SQL binds to the views of the step;
    a stream is not read yet.

    A stream has a connection of its own, because it may itself read from an open result of the step.
    """
    if isinstance(value, DuckDBPyRelation):
        return ReturnedRelation(value, looks.at(value))
    if isinstance(value, str):
        asked = one_select(value, step, place)
        return ReturnedRelation(asked, looks.at(asked))
    stream, cursor = stream_of(value, place), step.another()
    refuse_twins(stream.schema.names)
    refuse_unreadable(stream.schema)
    if not stream.schema.names:
        if getattr(stream, "num_rows", 0):
            raise place.error("the function returned rows without columns", ALLOWED)
        nothing = cursor.sql(f"SELECT NULL AS {NOTHING} WHERE false")
        return ReturnedRelation(nothing, looks.at(nothing), lacks(value))
    if is_held(value):
        look = looks.at_table(lambda: table_of(value, place), step)
        if any(may_be_cut(field.type) for field in stream.schema):
            looks.refuse(look.fault())
        return ReturnedRelation(cursor.from_arrow(stream), look, lacks(value))
    watched = WatchedStream(stream, step)
    return ReturnedRelation(cursor.from_arrow(watched.reader()), watched.look, lacks(value))


def one_select(text: str, step: StepSession, place: ErrorContext) -> DuckDBPyRelation:
    """The user's own text, bound and not yet run. AssetError unless it is exactly one SELECT."""
    statements = step.cursor.extract_statements(text)
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise place.error(
            f"the SQL is {kinds}, not exactly one SELECT", "write one SELECT; PIVOT needs its values listed with IN"
        )
    for doubt in doubts_of(step.cursor, text):
        if not (doubt.reads_outside and isinstance(place.key, AssetKey) and place.key.layer is Layer.BRONZE):
            hint = doubt.hint or "land the file with a bronze asset and read that one"
            raise place.error(f"{doubt.message}, which only bronze may" if doubt.reads_outside else doubt.message, hint)
    refuse_shadowed(text, step.root, place)
    relation = query(step.cursor, _without_semicolons(text))
    refuse_twins(relation.columns)
    return relation


def _without_semicolons(text: str) -> str:
    """The one statement, with blanks for the semicolons at its end: a relation is used inside another query, comments
    included.
    """
    spelled = bytearray(text.encode())
    for start, kind in duckdb.tokenize(text):
        if kind == duckdb.token_type.operator and spelled[start] == ord(";"):
            spelled[start] = ord(" ")
    return spelled.decode()


def table_of(value: Any, place: ErrorContext) -> pa.Table:
    """What is in memory, as one table."""
    import pyarrow as pa  # noqa: PLC0415 - a third of the start of a process that only runs SQL

    stream = stream_of(value, place)
    return stream if isinstance(stream, pa.Table) else stream.read_all()


def stream_of(value: Any, place: ErrorContext) -> pa.Table | pa.RecordBatchReader:
    """A frame, or any other Arrow stream, as Arrow; AssetError for anything else."""
    import pyarrow as pa  # noqa: PLC0415 - a third of the start of a process that only runs SQL

    value = _converted(lambda: as_arrow(value), value, place)
    if isinstance(value, pa.Table | pa.RecordBatchReader):
        return value
    if not hasattr(value, "__arrow_c_stream__"):
        raise place.error(f"the function returned {_described(value)}, which is not a table", ALLOWED)
    return _converted(lambda: pa.RecordBatchReader.from_stream(value), value, place)


def _converted(convert: Any, value: object, place: ErrorContext) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - as above

    try:
        return convert()
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        why = "" if place.personal else f": {error}"
        raise place.error(f"the function returned {_described(value)} that Arrow cannot take{why}", ALLOWED) from None


def _described(value: object) -> str:
    return "nothing (None)" if value is None else f"a {type(value).__module__}.{type(value).__qualname__}"
