"""Reads a SELECT of Spark SQL: the tables that it names, and everything that it does besides reading them.

Its column lineage is read in the same SELECT as sqlglot spells it for DuckDB, which is never run: names and nesting are
what a flow of values follows, and where DuckDB cannot parse that spelling, a value may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from lakeflow.core.errors import Fault
from lakeflow.core.spark.names import bound
from lakeflow.core.spark.tokens import spark_tokens
from lakeflow.core.sql.column_lineage import flows_of
from lakeflow.core.sql.column_origins import Flows, Rest, everything
from lakeflow.core.sql.query import NO_OTHERS, Allowed, ParsedQuery
from lakeflow.core.sql.reader import Dialect, read_query
from lakeflow.core.sql.statements import Node, key_of, tables
from lakeflow.core.sql.tokens import Token, UnclosedError, line_at
from lakeflow.core.time.timeline import Window

SPARK: Final = Dialect("spark", "Spark SQL", spark_tokens)
_ANY_WINDOW: Final = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC))
_OF_THE_CLUSTER: Final = frozenset(
    {"reflect", "try_reflect", "java_method", "current_user", "user", "session_user", "current_catalog", "version"}
    | {"current_database", "current_schema", "input_file_name", "input_file_block_start", "input_file_block_length"}
    | {"spark_partition_id", "monotonically_increasing_id"}
)
"""Functions that run anything, or whose value depends on more than the rows: the cluster, or how they lie in files."""
_PURE: Final = frozenset({"range", "explode", "explode_outer", "posexplode", "posexplode_outer", "inline"} | {"stack"})
_PURE_TOO: Final = _PURE | {"inline_outer", "json_tuple", "sequence", "unnest", "values"}
_HINT: Final = "leave it out: what an asset gives comes from the tables that it reads"


def read_spark_query(text: str, path: str, allowed: Allowed = NO_OTHERS) -> ParsedQuery:
    """What a text of exactly one SELECT reads, its flows not yet known; otherwise the faults."""
    try:
        found = spark_tokens(text)
        query = read_query(bound(text, _ANY_WINDOW), path, allowed, SPARK)
    except UnclosedError as error:
        return ParsedQuery(
            faults=(Fault(path, line_at(text, error.start), f"a {error.what} is never closed", "close it"),)
        )
    if query.faults:
        return query
    tree = sqlglot.parse_one(bound(text, _ANY_WINDOW), dialect="spark")
    faults = [*_effects(text, path, found), *_functions(text, path, tree, row_by_row=bool(allowed.new))]
    return replace(query, faults=tuple(sorted(set(faults))))


def shadow(text: str) -> str:
    """The SELECT in DuckDB's words, to be parsed and never run; empty where there are none."""
    try:
        return sqlglot.parse_one(bound(text, _ANY_WINDOW), dialect="spark").sql(
            dialect="duckdb", unsupported_level=ErrorLevel.IGNORE
        )
    except (SqlglotError, RecursionError, UnclosedError):
        return ""


def with_flows(query: ParsedQuery, tree: Node | None) -> ParsedQuery:
    """Add where values come from, by the tree of the shadow; from anywhere where there is no such tree, or where it
    reads other tables.
    """
    keys = [each.key for each in query.references]
    known = tree is not None and {key for each in tables(tree) if (key := key_of(each))} <= set(keys)
    return replace(query, flows=flows_of(tree) if tree is not None and known else Flows((Rest(everything(keys)),)))


def _effects(text: str, path: str, found: Sequence[Token]) -> Iterator[Fault]:
    for token, after in pairwise(found):
        name = token.text.lower()
        if token.kind == "word" and after.text == "(" and name in _OF_THE_CLUSTER:
            message = f"{name}() tells of the cluster, or has an effect"
            yield Fault(path, line_at(text, token.start), message, _HINT)
        if token.kind == "word" and name == "using" and after.kind == "text":
            message = "TRANSFORM … USING runs a program"
            yield Fault(path, line_at(text, token.start), message, "write the SELECT that gives these rows")


def _functions(text: str, path: str, tree: exp.Expr, *, row_by_row: bool) -> Iterator[Fault]:
    """Tables that are functions and not known to be pure; over new rows, functions that may be totals."""
    for table in tree.find_all(exp.Table):
        name = table.this.name.lower() if isinstance(table.this, exp.Anonymous) else table.this.key
        if isinstance(table.this, exp.Func) and name not in _PURE_TOO:
            message = f"{name}() stands for a table, and is none that lakeflow knows"
            yield Fault(path, _line(text, table), message, f"it knows {', '.join(sorted(_PURE))}")
    for each in tree.find_all(exp.Anonymous) if row_by_row else ():
        if each.name.lower() not in _PURE_TOO:
            message = f"nobody knows whether {each.name}() looks at one row alone, and only new rows are read"
            yield Fault(path, _line(text, each), message, "use a function that sqlglot knows, or read all rows")


def _line(text: str, node: exp.Expr) -> int:
    return next((line_at(text, each.meta["start"]) for each in node.walk() if "start" in each.meta), 1)
