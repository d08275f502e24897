"""Compute on DuckDB: reads a pinned snapshot's Parquet files itself and writes Parquet itself, in bounded memory.

`DuckEngine` stands in `engine`, `LockedDuckDB` in `locked`: who wants one does not pay for importing the other.
"""
