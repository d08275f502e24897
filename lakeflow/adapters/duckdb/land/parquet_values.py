"""Values of a Parquet file that cannot be landed: text that is no UTF-8, times of no day, digits that DuckDB loses.

DuckDB silently reads decimals of more than 38 digits as doubles and cuts INT96 with nanoseconds to microseconds (see
tests/traps).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lakeflow.adapters.duckdb.cast.arrow_values import first_fault, leaves
from lakeflow.adapters.duckdb.instance.instance import StepSession
from lakeflow.adapters.duckdb.names import listed
from lakeflow.core.errors import AssetError
from lakeflow.core.plan.landing import FoundFile

if TYPE_CHECKING:
    import pyarrow as pa

_MOST: Final = 38
"""The most digits of a decimal in Iceberg."""


def refuse_lost_digits(step: StepSession, paths: Mapping[str, FoundFile]) -> None:
    """AssetError naming file and column, and the row if one value is to blame. Only INT96 columns are read."""
    text = (
        "SELECT file_name, name, type, precision FROM parquet_schema({}) "
        f"WHERE type = 'INT96' OR (coalesce(converted_type, '') = 'DECIMAL' AND precision > {_MOST})"
    ).format(listed(tuple(paths)))
    found = step.run(lambda: step.another().execute(text).fetchall())
    for path, name, type_, precision in found:
        if type_ != "INT96":
            raise AssetError(
                f"{paths[path].name}: column {name!r} has decimals of {precision} digits; a table holds {_MOST}",
                hint=f"deliver it with at most {_MOST} digits, or as text",
            )
    for path in dict.fromkeys(row[0] for row in found):
        step.run(lambda path=path: _refuse_nanoseconds(path, paths[path].name))  # type: ignore[misc]


def _refuse_nanoseconds(path: str, name: str) -> None:
    """Read both of Arrow's versions of an INT96 time: in nanoseconds, which may wrap around, and in microseconds."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - a third of the start of a process that only runs SQL

    begin = 0
    with (
        pq.ParquetFile(path, coerce_int96_timestamp_unit="ns") as fine,
        pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as coarse,
    ):
        known = (fine.schema.column(place) for place in range(len(fine.schema)))
        columns = [column.path for column in known if column.physical_type == "INT96"]
        for pair in zip(fine.iter_batches(columns=columns), coarse.iter_batches(columns=columns), strict=True):
            for place, sides in enumerate(zip(*pair, strict=True)):
                if _has_rest(*sides):
                    column = pair[0].schema.names[place]
                    row = next(
                        row for row in range(len(sides[0])) if _has_rest(*(each.slice(row, 1) for each in sides))
                    )
                    raise AssetError(
                        f"{name}, row {begin + row + 1}: column {column!r} holds parts of a microsecond",
                        hint="deliver it in microseconds, or as text",
                    )
            begin += pair[0].num_rows


def _has_rest(fine: pa.Array, coarse: pa.Array) -> bool:
    """Does a time have a part below a microsecond? Modulo 2^64 the difference of both versions is that of the true
    times.
    """
    for nano, micro in zip(_times(fine), _times(coarse), strict=True):
        left, right = (each.drop_null().view("int64").to_numpy().view("uint64") for each in (nano, micro))
        if (left != right * 1000).any():
            return True
    return False


def _times(values: pa.Array) -> Iterator[pa.Array]:
    import pyarrow as pa  # noqa: PLC0415 - as above

    return (each for _, each in leaves(values) if pa.types.is_timestamp(each.type))


def bad_parquet(path: Path) -> str:
    """Row and fault where they can be found, as the end of a message that begins with the file."""
    import pyarrow as pa  # noqa: PLC0415 - a third of the start of a process that only runs SQL
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    begin = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                if fault := first_fault(batch):
                    return f", row {begin + fault.row}: {fault.message}"
                begin += batch.num_rows
    except (pa.ArrowException, OSError):
        return ": not a whole Parquet file"
    return ": it cannot be read as declared"
