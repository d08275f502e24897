"""Habits of DuckDB's Python package that our engine steps around."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest


def test_twin_names_are_renamed_as_soon_as_a_query_is_built_upon() -> None:
    """Worked around by looking at the names of the outermost SELECT, and of an Arrow stream, before that."""
    relation = duckdb.sql("SELECT 1 AS a, 2 AS A")
    assert relation is not None
    assert relation.columns == ["a", "A"]
    built = duckdb.sql("FROM relation")
    assert built is not None
    assert built.columns == ["a", "A_1"]
    assert duckdb.from_arrow(pa.table([[1], [2]], names=["a", "A"])).columns == ["a", "A_1"]


def test_a_semicolon_stays_in_a_relation_and_breaks_what_is_built_upon_it() -> None:
    """Worked around by blanking it in the user's text."""
    relation = duckdb.connect().sql("SELECT 1 AS a; -- the end")
    assert relation.columns == ["a"]
    with pytest.raises(duckdb.ParserException, match=";"):
        relation.query("source", "COPY (FROM source) TO '/dev/null' (FORMAT csv)")


def test_a_connection_cannot_read_a_stream_that_it_feeds_itself() -> None:
    """Worked around by reading what user code returns on a connection of its own."""
    connection = duckdb.connect()
    stream = connection.sql("FROM range(1000000)").to_arrow_reader()
    with pytest.raises(duckdb.Error, match="open result"):
        connection.from_arrow(stream).aggregate("count(*)").fetchall()


def test_a_struct_of_nulls_hashes_like_a_null_struct(tmp_path: Path) -> None:
    """Worked around by hashing a flag beside every struct when two snapshots are compared."""
    (row,) = duckdb.execute("SELECT hash(NULL::STRUCT(x DOUBLE)), hash({'x': NULL::DOUBLE})").fetchall()
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS FROM (VALUES (NULL), ({'x': NULL::DOUBLE})) v(s)")
    hashes = connection.sql("SELECT count(DISTINCT hash(s)) FROM t").fetchall()
    assert (row[0] == row[1]) or hashes == [(1,)]


def test_a_comma_ends_a_folder_of_the_search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked around by refusing a project below such a folder."""
    root = tmp_path / "a,b"
    root.mkdir()
    (root / "x.csv").write_text("n\n1\n")
    connection = duckdb.connect()
    connection.execute(f"SET GLOBAL file_search_path = '{root}'")
    with pytest.raises(duckdb.IOException, match="No files found"):
        connection.sql("FROM 'x.csv'")


def test_a_frame_of_decimals_comes_as_floats() -> None:
    """Worked around by making frames through Arrow."""
    frame = duckdb.execute("SELECT 0.1::DECIMAL(4,2) AS d, TIMESTAMPTZ '2020-01-01 00:00:00Z' AS t").df()
    assert str(frame.dtypes["d"]) == "float64"


def test_ctrl_c_during_a_query_is_no_keyboard_interrupt() -> None:
    """Worked around by running long queries in a thread that is interrupted, and by telling this error apart."""
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(RuntimeError, match="Query interrupted"):
        duckdb.execute("SELECT max(md5(i::VARCHAR)) FROM range(10000000) t(i)").fetchall()
