"""Trap: sqlglot calls some table functions by other names than the text does.

`lakeflow.core.sql.reader` therefore reads a function's name from the text, at the position that the parser gives.
"""

import sqlglot
from sqlglot import exp


def test_sqlglot_calls_range_generate_series() -> None:
    """When this fails, `_Reader._word_at` may ask the tree for the name."""
    table = sqlglot.parse_one("select * from range(3)", dialect="duckdb").find(exp.Table)
    assert table is not None
    assert table.this.sql_name() == "GENERATE_SERIES"
