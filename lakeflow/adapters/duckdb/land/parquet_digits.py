"""Refuses Parquet columns whose last digits DuckDB would lose: decimals of more than 38 digits, and INT96 with
nanoseconds.

DuckDB silently reads the former as doubles and cuts the latter to microseconds (see tests/traps).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from lakeflow.adapters.duckdb.cast.arrow_values import leaves
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
