"""What DuckDB's parser refuses is told with its line, and nothing is run."""

from __future__ import annotations

import pytest

from lakeflow.adapters.duckdb.code.syntax import syntax_fault


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("select 1 as", 1, 'syntax error at or near "as"'),
        ("/*\nkey = ['id']\n*/\nselect id from silver.s group", 4, 'syntax error at or near "group"'),
        ("select 1; select 2", 1, "the SQL is SELECT, SELECT, not exactly one SELECT"),
        ("copy t to 'x'", 1, "the SQL is COPY, not exactly one SELECT"),
    ],
)
def test_a_text_that_duckdb_does_not_read_as_one_select_is_a_fault(text: str, line: int, said: str) -> None:
    fault = syntax_fault(text, "layers/gold/a.sql")
    assert fault is not None
    assert (fault.path, fault.line, fault.message) == ("layers/gold/a.sql", line, said)


def test_one_select_is_no_fault_whatever_it_reads() -> None:
    assert syntax_fault("select * from silver.nowhere", "a.sql") is None
