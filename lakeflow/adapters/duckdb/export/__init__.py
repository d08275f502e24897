"""Copies of tables for others to read: Parquet files or a DuckDB file, replaced at once."""
