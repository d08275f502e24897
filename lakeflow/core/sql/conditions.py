"""Checks a condition over one row that an author writes in SQL. It is only read here; the author's own text is what
runs.
"""

from __future__ import annotations

from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lakeflow.core.sql.tokens import UnclosedError, tokens

_BEYOND: Final = (exp.Query, exp.AggFunc, exp.Window, exp.Star)
"""Expressions that look at more than one row."""


def fault_in(text: str) -> str:
    """What is wrong with the text, as the end of a sentence; empty when it is one condition over one row."""
    try:
        found = tokens(text)
        parsed = sqlglot.parse_one(f"select 1 where ({text}\n)", dialect="duckdb") if found else None
    except (SqlglotError, UnclosedError, RecursionError):
        return "cannot be read"
    if parsed is None or any(token.text == ";" for token in found):
        return "is no condition"
    where = parsed.args.get("where")
    if {name for name, value in parsed.args.items() if value} - {"kind", "expressions", "where"} or where is None:
        return "is more than a condition"
    if any(where.find(kind) for kind in _BEYOND):
        return "looks at more than one row"
    return "" if where.find(exp.Column) else "names no column"
