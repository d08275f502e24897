"""DuckDB's lock-down alone does not make a connection read-only."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest


@pytest.fixture
def locked(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"copy (select 1 as a) to '{tmp_path}/audited.parquet'")
    connection.execute(f"set allowed_paths = ['{tmp_path}/audited.parquet']")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def test_duckdb_copy_overwrites_a_file_that_was_allowed_for_reading(
    locked: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    locked.execute(f"copy (select 2 as a) to '{tmp_path}/audited.parquet' (use_tmp_file false)")
    assert locked.execute(f"select a from '{tmp_path}/audited.parquet'").fetchall() == [(2,)]


def test_duckdb_tokens_are_placed_by_byte_not_by_character() -> None:
    sql = "select 'é';"
    assert duckdb.tokenize(sql)[-1][0] == sql.encode().index(b";") != sql.index(";")
