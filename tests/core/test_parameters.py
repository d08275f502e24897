"""Parameters of SQL: found as DuckDB finds them, and nothing else of the text changes."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from lakeflow.core.declare.parameters import bind, parameters
from lakeflow.core.time.timeline import Window

SQL = """select '$partition_start' as said, $Partition_Start as low, "$partition_end" as named -- $partition_end
from (select 1 as "$partition_end") where $partition_end > $partition_start and $$ $partition_start $$ <> ''"""
YEAR = Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC))


def test_only_parameters_are_bound_not_texts_names_and_comments() -> None:
    assert [each.name for each in parameters(SQL)] == ["partition_start", "partition_end", "partition_start"]
    rows = duckdb.execute(bind(SQL, YEAR)).fetchall()
    assert rows == [("$partition_start", datetime(2013, 1, 1), 1)]


def test_duckdb_finds_the_same_parameters() -> None:
    known = duckdb.extract_statements(SQL)[0].named_parameters
    assert {name.lower() for name in known} == {each.name for each in parameters(SQL)}


def test_a_text_without_a_window_stays_as_it_is() -> None:
    assert bind(SQL, None) == SQL
    assert bind("select 1", YEAR) == "select 1"
