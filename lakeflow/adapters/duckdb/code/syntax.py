"""What DuckDB's own parser says of a SQL text, before anything runs: sqlglot reads more than DuckDB does."""

from __future__ import annotations

import re
from typing import Final

import duckdb

from lakeflow.core.errors import Fault

_LINE: Final = re.compile(r"^LINE (\d+):", re.MULTILINE)


def syntax_fault(text: str, path: str) -> Fault | None:
    """None for exactly one SELECT; no table is looked up."""
    try:
        kinds = [statement.type for statement in duckdb.extract_statements(text)]
    except duckdb.ParserException as error:
        said = str(error)
        line = found[1] if (found := _LINE.search(said)) else "1"
        cause = said.partition("\n")[0].removeprefix("Parser Error: ")
        return Fault(path, int(line), cause, "mend the SQL; it is DuckDB's")
    if kinds == [duckdb.StatementType.SELECT]:
        return None
    named = ", ".join(kind.name for kind in kinds) or "nothing"
    return Fault(path, 1, f"the SQL is {named}, not exactly one SELECT", "write one SELECT")
