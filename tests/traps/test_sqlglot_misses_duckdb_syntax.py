"""Trap: sqlglot refuses some SQL that DuckDB runs, so an asset that uses it is told as a fault.

Nothing can be done but to write it in another way; the faults say so.
"""

import duckdb
import pytest
import sqlglot
from sqlglot.errors import ParseError

from lakeflow.core.sql.reader import read_query


@pytest.mark.parametrize("text", ["select x'ab'", "select 5!"])
def test_sqlglot_refuses_what_duckdb_runs(text: str) -> None:
    """When this fails, the text has become usable: take it off the list."""
    assert duckdb.execute(text).fetchall()
    with pytest.raises(ParseError):
        sqlglot.parse(text, dialect="duckdb")
    assert read_query(text, "x.sql").faults
