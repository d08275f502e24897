"""Compute on DuckDB: reads a pinned snapshot's Parquet files itself and writes Parquet itself, in bounded memory."""

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.adapters.duckdb.masks import Privacy

__all__ = ["DuckEngine", "Privacy"]
