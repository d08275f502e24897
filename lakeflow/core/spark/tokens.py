"""Spark SQL cut into words, as Spark cuts it: which changes of a text can change its data, and where its names stand.

As for DuckDB's SQL it is our own and short, because the code version of every such asset hangs on it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from lakeflow.core.sql.tokens import Token, joined, tokens_by

_OPERATORS: Final = ("<=>", ">>>", "<=", ">=", "<>", "!=", "==", "||", "->", "=>", "::", "<<", ">>", "*/")
_TOKEN: Final = re.compile(
    r"""
      (?P<skip> \s+ | --(?:\\\n|[^\n\r])* )
    | (?P<comment> /\* )
    | (?P<text> [rR]'[^']*' | [rR]"[^"]*" | [xX]?'(?:[^'\\]|\\.)*' | [xX]?"(?:[^"\\]|\\.)*" )
    | (?P<name> `(?:[^`]|``)*` )
    | (?P<number> (?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[a-zA-Z]* )
    | (?P<word> [^\W\d]\w* )
    | (?P<open> ['"`] )
    | (?P<sign> OPERATORS | . )
    """.replace("OPERATORS", "|".join(re.escape(operator) for operator in _OPERATORS)),
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=16)
def spark_tokens(sql: str) -> tuple[Token, ...]:
    """The tokens of a text of Spark SQL without comments and white space; UnclosedError at what never ends."""
    return tuple(tokens_by(sql, _TOKEN, "`"))


def spark_normalised(sql: str) -> str:
    """The text that stays the same when only comments, white space or the case of keywords and functions change."""
    return joined(spark_tokens(sql))
