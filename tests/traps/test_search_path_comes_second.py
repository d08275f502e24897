"""DuckDB looks for a relative file where the process stands before it looks in `file_search_path`.

Only a pattern with `*` goes to the search path first. So the search path alone does not make a project's paths start
at its root: run from another folder that holds the same relative path, it silently reads that one.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest


@pytest.fixture
def connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    """The same file name below the folder where one stands and below the search path."""
    for folder in ("here", "root"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "data.csv").write_text(f"{folder}\n")
    monkeypatch.chdir(tmp_path / "here")
    connection = duckdb.connect()
    connection.execute("set file_search_path = $1", [str(tmp_path / "root")])
    return connection


def read(connection: duckdb.DuckDBPyConnection, path: str) -> list[tuple[str]]:
    text = f"select * from read_csv('{path}', header = false, auto_detect = false, columns = {{'v': 'varchar'}})"
    return connection.sql(text).fetchall()


def test_a_plain_path_is_taken_from_the_working_folder(connection: duckdb.DuckDBPyConnection) -> None:
    assert read(connection, "data.csv") == [("here",)]


def test_a_pattern_is_taken_from_the_search_path(connection: duckdb.DuckDBPyConnection) -> None:
    assert read(connection, "*.csv") == [("root",)]
