"""Parses a SQL text with DuckDB's own parser before anything runs, since sqlglot accepts more than DuckDB does."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final

import duckdb
from duckdb import DuckDBPyConnection

from lakeflow.core.errors import Fault
from lakeflow.core.sql.statements import Node

_ONE: Final = "write one SELECT; PIVOT needs its values listed with IN"
_LINE: Final = re.compile(r"^LINE (\d+):", re.MULTILINE)


def syntax_fault(text: str, path: str) -> Fault | None:
    """The fault of a text; None for exactly one SELECT. No table is looked up."""
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
    return Fault(path, 1, f"the SQL is {named}, not exactly one SELECT", _ONE)


def tree_of(connection: DuckDBPyConnection, text: str) -> Node | None:
    """The tree that DuckDB parses, for `lakeflow.core.sql`; None for anything but exactly one SELECT."""
    options = "skip_null := true, skip_empty := true, skip_default := true"
    found = connection.cursor().execute(f"SELECT json_serialize_sql($1::VARCHAR, {options})", [text]).fetchall()
    plain: Any = json.loads(found[0][0])
    statements: list[Node] = plain.get("statements", [])
    return statements[0] if len(statements) == 1 else None


def parsed(text: str) -> Node | None:
    """The tree of a text, parsed without a connection: nothing is looked up, and nothing runs."""
    try:
        return tree_of(_parser(), text)
    except (duckdb.Error, UnicodeEncodeError):
        return None


@cache
def _parser() -> DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"})
