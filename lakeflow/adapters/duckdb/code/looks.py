"""Looks a second time at what code gave, to tell which row made a write fail.

What is in memory is read again. Of a stream, which cannot be, the last batches are kept, with the one that failed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from duckdb import DuckDBPyRelation

from lakeflow.adapters.duckdb.cast.arrow_values import ArrowFault, first_fault, may_be_cut
from lakeflow.adapters.duckdb.instance.instance import StepSession
from lakeflow.core.errors import SchemaError
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    import pyarrow as pa


RowsBehind: TypeAlias = Iterable[tuple[int, DuckDBPyRelation]]
"""Relations of rows in their order, each with the number of rows before it."""


def _no_fault() -> None:
    """SQL has only values that DuckDB itself made."""


@dataclass(frozen=True)
class SecondLook:
    """`rows` gives what can be read again, `without` the rows among which is the first that lacks a value of a column,
    `fault` a value that DuckDB takes wrongly, or refuses without its place.
    """

    rows: Callable[[], RowsBehind]
    without: Callable[[str], RowsBehind]
    fault: Callable[[], ArrowFault | None] = _no_fault


def at(relation: DuckDBPyRelation) -> SecondLook:
    return SecondLook(lambda: [(0, relation)], lambda _: [(0, relation)])


def at_table(table: Callable[[], pa.Table], step: StepSession) -> SecondLook:
    def rows() -> RowsBehind:
        return [(0, step.another().from_arrow(table()))]

    return SecondLook(rows, lambda _: rows(), lambda: first_fault(table()))


def refuse(fault: ArrowFault | None) -> None:
    """SchemaError for the fault, if there is one."""
    if fault:
        raise SchemaError(f"row {fault.row}: {fault.message}", hint=fault.hint)


class WatchedStream:
    """A stream that keeps its last batches: one for each thread that may be at work on one, and some more. For each
    column it keeps the first batch in which a value is missing.
    """

    def __init__(self, stream: pa.RecordBatchReader, step: StepSession) -> None:
        self._stream, self._step = stream, step
        # The step's own cursor may have an open result, of which the stream is made.
        (threads,) = step.another().execute("SELECT current_setting('threads')").fetchall()[0]
        self._kept: deque[tuple[int, pa.RecordBatch]] = deque(maxlen=int(threads) + 2)
        self._without: dict[str, tuple[int, pa.RecordBatch]] = {}

    def reader(self) -> pa.RecordBatchReader:
        import pyarrow as pa  # noqa: PLC0415 - a third of the start of a process that only runs SQL

        return pa.RecordBatchReader.from_batches(self._stream.schema, self._batches())

    @property
    def look(self) -> SecondLook:
        return SecondLook(self._rows, self._lacking, self._fault)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        begin, is_checked = 0, any(may_be_cut(field.type) for field in self._stream.schema)
        for batch in self._stream:
            self._kept.append((begin, batch))
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if column.null_count:
                    self._without.setdefault(name.lower(), (begin, batch))
            if is_checked:
                refuse(self._fault())
            begin += batch.num_rows
            yield batch

    def _lacking(self, column: str) -> RowsBehind:
        found = self._without.get(column.lower())
        return self._relations([found]) if found else self._rows()

    def _rows(self) -> RowsBehind:
        return self._relations(tuple(self._kept))

    def _relations(self, batches: Sequence[tuple[int, pa.RecordBatch]]) -> RowsBehind:
        import pyarrow as pa  # noqa: PLC0415 - as above

        for begin, batch in batches:
            yield begin, self._step.another().from_arrow(pa.Table.from_batches([batch]))

    def _fault(self) -> ArrowFault | None:
        found = ((begin, first_fault(batch)) for begin, batch in tuple(self._kept))
        return next((replace(fault, row=begin + fault.row) for begin, fault in found if fault), None)
