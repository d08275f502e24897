"""Finds with Arrow why DuckDB could not read a Parquet file: text that is no UTF-8, or a time of no day."""

from __future__ import annotations

from pathlib import Path

from lakeflow.adapters.duckdb.cast.arrow_values import first_fault


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
