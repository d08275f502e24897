"""Proves that a user's text is exactly one SELECT, and reports what DuckDB says when it refuses one.

DuckDB also calls a text a SELECT if its WITH deletes rows, so the tree is examined.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import duckdb
from duckdb import DuckDBPyConnection, StatementType

from lakeflow.adapters.duckdb.code.syntax import tree_of
from lakeflow.core.errors import AssetError
from lakeflow.core.sql.statements import Doubt, doubts


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
    """The text of the one SELECT, which opens no file. AssetError for any other text."""
    text = only_select(connection, sql)
    for doubt in doubts_of(connection, sql):
        raise AssetError(doubt.message, hint="a query of the lake reads its assets, by `layer.name`")
    return text


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
        raise AssetError(first_line(error)) from error


def first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
