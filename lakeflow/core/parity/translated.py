"""A SELECT in the words of the other engine, to be compared and copied, and what of it that one has no word for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from lakeflow.core.model.asset import Computer, SparkSql, SqlCode
from lakeflow.core.spark.tokens import spark_tokens
from lakeflow.core.sql.tokens import Token, tokens
from lakeflow.core.time.timeline import BOUNDS
from lakeflow.core.values import dataclass

_ENGINE: Final = re.compile(r"""^[ \t]*engine[ \t]*=[ \t]*(["'])\w*\1[ \t]*\n?""", re.MULTILINE)
_HEADER: Final = re.compile(r"\A((?:\s+|--[^\n]*\n)*)/\*[ \t]*\n?")
_BOUND: Final = "lakeflow_bound_"
"""Begins the name that stands for a bound of a partition while the text is translated."""
_T = exp.DataType.Type
_NO_TYPES: Final = frozenset(
    {_T.INT128, _T.UINT128, _T.UTINYINT, _T.USMALLINT, _T.UINT, _T.UBIGINT, _T.TIME, _T.TIMETZ, _T.TIME_NS}
    | {_T.BIT, _T.UNION, _T.TIMESTAMP_NS, _T.TIMESTAMP_MS, _T.TIMESTAMP_S, _T.VARIANT, _T.BIGDECIMAL}
)


@dataclass(frozen=True)
class Translated:
    """The whole text of a file for `engine`, header and all. `lacks` are parts that have no word there: the text says
    something else, or nothing. `as_written` are functions that nobody here knows, which stand in it as they stood.
    """

    engine: Computer
    text: str = ""
    lacks: tuple[str, ...] = ()
    as_written: tuple[str, ...] = ()


def translated(code: SqlCode | SparkSql) -> Translated:
    """The SELECT for the other of the two engines."""
    back = isinstance(code, SparkSql)
    cut = spark_tokens(code.text) if back else tokens(code.text)
    into = Computer.DUCKDB if back else Computer.SPARK
    head, body = code.text[: cut[0].start], code.text[cut[0].start :]
    try:
        tree = sqlglot.parse_one(_unbound(body, cut, cut[0].start), dialect=str(code.engine))
        written, unsupported = _written(tree, into)
    except (SqlglotError, RecursionError) as error:
        return Translated(into, lacks=(f"the SELECT ({type(error).__name__})",))
    found = {*unsupported, *(_lacks(tree, cut) if into is Computer.SPARK else ())}
    as_written = {each.name.lower() for each in tree.find_all(exp.Anonymous)}
    text = re.sub(f"{_BOUND}(\\w+)", r"$\1", written)
    return Translated(into, f"{_header(head, into)}{text}\n", tuple(sorted(found)), tuple(sorted(as_written)))


def _written(tree: exp.Expr, into: Computer) -> tuple[str, list[str]]:
    generator = sqlglot.Dialect.get_or_raise(str(into)).generator(pretty=True, unsupported_level=ErrorLevel.IGNORE)
    return generator.generate(tree), list(generator.unsupported_messages)


def _unbound(body: str, cut: tuple[Token, ...], start: int) -> str:
    """The text with names in place of the bounds, which are no words of SQL."""
    parts, done = [], 0
    for place, token in enumerate(cut):
        name = token.text.lower().removeprefix("$")
        signed = place and cut[place - 1].text == "$"
        if name in BOUNDS and (signed or token.text.startswith("$")):
            begin = (cut[place - 1].start if signed else token.start) - start
            parts += [body[done:begin], f"{_BOUND}{name}"]
            done = token.end - start
    return "".join((*parts, body[done:]))


def _header(head: str, into: Computer) -> str:
    """The block comment of the file with the engine in it; without one, or where it is DuckDB, as few words as do."""
    line = f'engine = "{into}"\n' if into is Computer.SPARK else ""
    found = _HEADER.match(head)
    if found is None:
        return f"{head}/*\n{line}*/\n" if line else head
    fields = _ENGINE.sub("", head[found.end() :])
    return f"{found[1]}/*\n{line}{fields}" if line or fields.strip() != "*/" else found[1]


def _lacks(tree: exp.Expr, cut: tuple[Token, ...]) -> Iterator[str]:
    """What Spark SQL has no word for."""
    yield from (token.text for token in cut if token.kind == "number" and token.text[:2].lower() == "0x")
    for node in tree.walk():
        if name := _of_node(node):
            yield name


def _of_node(node: exp.Expr) -> str:
    if isinstance(node, exp.DataType) and node.this in _NO_TYPES:
        return f"type {node.sql(dialect='duckdb').replace('INT128', 'HUGEINT')}"
    return next((name for type_, name, is_so in _KINDS if isinstance(node, type_) and is_so(node)), "")


_KINDS: Final[tuple[tuple[type[exp.Expr], str, Callable[[exp.Expr], bool]], ...]] = (
    (exp.Columns, "COLUMNS(…)", bool),
    (exp.Comprehension, "[… for … in …]", bool),
    (exp.SimilarTo, "SIMILAR TO", bool),
    (exp.Slice, "list[… : …]", bool),
    (exp.LimitOptions, "LIMIT … %", bool),
    (exp.Star, "* EXCLUDE", lambda node: bool(node.args.get("except_"))),
    (exp.Star, "* REPLACE", lambda node: bool(node.args.get("replace"))),
    (exp.Star, "* RENAME", lambda node: bool(node.args.get("rename"))),
    (exp.Join, "ASOF JOIN", lambda node: node.args.get("method") == "ASOF"),
    (exp.Join, "POSITIONAL JOIN", lambda node: node.args.get("method") == "POSITIONAL"),
    (exp.Pivot, "PIVOT … ON", lambda node: not node.args.get("fields")),
    (exp.SetOperation, "UNION BY NAME", lambda node: bool(node.args.get("by_name"))),
    (exp.With, "WITH RECURSIVE", lambda node: bool(node.args.get("recursive"))),
    (exp.Bracket, "list[-1]", lambda node: any(each.sql().startswith("-") for each in node.expressions)),
)
"""Parts of DuckDB's SQL that Spark lacks, or reads as something else."""
