"""Compute on DuckDB: reads a pinned snapshot's Parquet files itself and writes Parquet itself, in bounded memory."""

from lakeflow.adapters.duckdb.engine import DuckEngine

__all__ = ["DuckEngine"]
