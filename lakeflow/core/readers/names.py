"""The names of the engines for which lines exist."""

from __future__ import annotations

from typing import Final

READERS: Final = ("spark", "trino", "snowflake", "dremio", "duckdb", "pyiceberg", "polars")
