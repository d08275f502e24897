"""Trap: sqlglot's message for a text that ends too early is a dump of its own token object.

`lakeflow.core.sql.reader._unreadable` puts words in its place.
"""

import pytest
import sqlglot
from sqlglot.errors import ParseError


def test_sqlglot_prints_its_token_when_the_text_ends_too_early() -> None:
    """When this fails, the replacement in `_unreadable` can go."""
    with pytest.raises(ParseError) as caught:
        sqlglot.parse("select 1 from", dialect="duckdb")
    assert "<Token" in caught.value.errors[0]["description"]
