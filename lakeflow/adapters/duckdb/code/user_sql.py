"""Proves that a user's text is exactly one SELECT, and reports what DuckDB says when it refuses one.

DuckDB also calls a text a SELECT if its WITH deletes rows, so the tree is examined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import duckdb
from duckdb import DuckDBPyConnection, StatementType

from lakeflow.adapters.duckdb.code.syntax import tree_of
from lakeflow.adapters.duckdb.store.faults import said_by_store
from lakeflow.core.errors import AssetError, UsageError
from lakeflow.core.sql.statements import Doubt, below, doubts, function_of, path_of


def only_select(connection: DuckDBPyConnection, sql: str) -> str:
    """The text of the one SELECT. AssetError, naming what it is, for any other text."""
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise AssetError(first_line(error)) from error
    if len(statements) != 1:
        raise AssetError(f"a check is one SELECT, this is {len(statements)} statements")
    kind = statements[0].type
    if kind != StatementType.SELECT:
        raise AssetError(f"a check is one SELECT, this is {kind.name}")
    for doubt in doubts_of(connection, sql):
        if not doubt.reads_outside:
            raise AssetError(doubt.message, hint=doubt.hint)
    return _without_semicolon(sql)


def only_of_tables(connection: DuckDBPyConnection, sql: str) -> str:
    """The text of the one SELECT, which opens no file and asks nothing of this process. AssetError for any other
    text.
    """
    text = only_select(connection, sql)
    for doubt in (*doubts_of(connection, sql), *_of_the_session(connection, sql)):
        raise AssetError(doubt.message, hint=_BY_NAME)
    return text


_BY_NAME: Final = "a query of the lake reads its assets, by `layer.name`"
_NO_FILE: Final = re.compile(r"[\w $-]+")
"""DuckDB takes a name with a dot or a slash for a file where it knows no table of that name, a WITH's either."""
_SESSION: Final = frozenset(
    {"current_setting", "current_database", "current_catalog", "current_schema", "current_schemas", "txid_current"}
)
"""What these give is of this process, folders and logins among it, and none of it is in the lake."""


def _of_the_session(connection: DuckDBPyConnection, sql: str) -> Iterator[Doubt]:
    for node in below(tree_of(connection, sql)):
        if node.get("class") == "FUNCTION" and function_of(node) in _SESSION:
            yield Doubt(f"{function_of(node)}() tells of the connection", "")
        elif "class" not in node and node.get("type") == "BASE_TABLE" and not _NO_FILE.fullmatch(path_of(node)[-1]):
            yield Doubt(f"{path_of(node)[-1]!r} may be the name of a file", "")


def doubts_of(connection: DuckDBPyConnection, sql: str) -> Iterator[Doubt]:
    """What the SELECT does that not every SELECT may do."""
    tree = tree_of(connection, sql)
    return iter((_UNKNOWN,)) if tree is None else doubts(tree)


_UNKNOWN: Final = Doubt("DuckDB does not say what the SELECT does", "simplify it")


def _without_semicolon(sql: str) -> str:
    """The text without the semicolons that end it; a comment may follow them. Tokens are located by byte."""
    text = sql.encode()
    places = [place for place, kind in duckdb.tokenize(sql) if kind != duckdb.token_type.comment]
    while places and text[places[-1] :].startswith(b";"):
        text = text[: places.pop()]
    return text.decode()


@contextmanager
def refused() -> Iterator[None]:
    """Turn what DuckDB raises inside into an AssetError with its first line."""
    try:
        yield
    except duckdb.Error as error:
        raise AssetError(first_line(error), hint=_meant(error)) from error


@contextmanager
def misread() -> Iterator[None]:
    """The same where a text is only looked at: what is wrong then is what was typed, so it is a UsageError."""
    try:
        yield
    except duckdb.Error as error:
        raise UsageError(first_line(error), hint=_meant(error)) from error


_NEAR: Final = re.compile(r"^(?:Candidate bindings|Did you mean)[: ]+(\".*\")\??$", re.MULTILINE)


def _meant(error: Exception) -> str | None:
    """The names that DuckDB finds near an unknown one."""
    found = _NEAR.search(str(error))
    return f"did you mean {found[1]}?" if found else None


def first_line(error: Exception) -> str:
    """The first line of what DuckDB says, or what a store said through it."""
    store = said_by_store(str(error))
    return store[0] if store else str(error).partition("\n")[0]
