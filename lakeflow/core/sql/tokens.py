"""SQL cut into words, as DuckDB cuts it. Only this tells which changes of a SQL text can change its data.

It is our own and short, because the code version of every SQL asset hangs on it: a release of a parser library
that learns a keyword must not rebuild a lake. Comments nest and end at a line feed or a carriage return, as measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

_OPERATORS: Final = (
    *("!~~*", "<=>", "->>", "~~*", "!~~", "!~*", "<->", "<=", ">=", "<>", "!=", "==", "||", "->", "::", ":=", "**"),
    *("//", "<<", ">>", "~~", "~*", "!~", "@>", "<@", "&&", "^@", "=>", ".."),
)
_TOKEN: Final = re.compile(
    r"""
      (?P<skip> \s+ | --[^\n\r]* )
    | (?P<comment> /\* )
    | (?P<text> [eE]'(?:[^'\\]|\\.|'')*' | [xXbB]?'(?:[^']|'')*' | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$ )
    | (?P<name> "(?:[^"]|"")*" )
    | (?P<number> 0[xX][\da-fA-F_]+ | (?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)? )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<open> ['"] )
    | (?P<sign> OPERATORS | . )
    """.replace("OPERATORS", "|".join(re.escape(operator) for operator in _OPERATORS)),
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")

_KEYWORDS: Final = frozenset(
    """
    all and any anti array as asc asof between bigint blob boolean both by case cast collate column create cross
    current_date current_timestamp date decimal default desc describe distinct double else end escape except exclude
    exists extract false fetch filter first float following for from full glob group having hugeint if ilike in inner
    int integer intersect interval into is isnull join last lateral leading left like limit list map materialized
    natural not notnull null nulls offset on only or order outer over partition pivot positional preceding qualify
    range real recursive rename replace right row rows sample select semi similar smallint some struct table
    tablesample then time timestamp timestamptz tinyint to trailing true try_cast unbounded union unnest unpivot using
    uuid values varchar when where window with within without zone
    """.split()  # noqa: SIM905  a hundred literals in a list would be a page
)
"""Fixed for ever with the algorithm of `fingerprint`: these words mean the same in either letter case."""


class UnclosedError(ValueError):
    """A text, name or comment that never ends; `start` is where it begins."""

    def __init__(self, what: str, start: int) -> None:
        super().__init__(what)
        self.what = what
        self.start = start


class Token(NamedTuple):
    """`kind` is text, name (quoted), number, word or sign; `start` and `end` are offsets."""

    kind: str
    text: str
    start: int
    end: int


@lru_cache(maxsize=16)
def tokens(sql: str) -> tuple[Token, ...]:
    """The tokens of a SQL text without comments and white space; UnclosedError at what never ends.

    The last few texts are remembered: loading a file asks twice.
    """
    return tuple(tokens_by(sql, _TOKEN, '"'))


def tokens_by(sql: str, grammar: re.Pattern[str], names: str) -> Iterator[Token]:
    """The tokens of a text by the groups of this grammar, in which that mark quotes names."""
    position = 0
    while match := grammar.match(sql, position):
        position = match.end()
        kind = match.lastgroup or ""
        if kind == "comment":
            position = comment_end(sql, match.start())
        elif kind == "open":
            raise UnclosedError("quoted name" if match[0] == names else "text", match.start())
        elif kind != "skip":
            # `tag` is the last group to match inside a dollar-quoted text.
            yield Token("text" if kind == "tag" else kind, match[0], match.start(), position)


def comment_end(sql: str, start: int) -> int:
    """Where the comment that begins at `start` ends, with all comments inside it. UnclosedError where it never does."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise UnclosedError("comment", start)


def normalised(sql: str) -> str:
    """The text that stays the same when only comments, white space or the case of keywords and functions change.

    Names keep their case, since a result column is named as it was written.
    """
    return joined(tokens(sql))


def joined(cut: Sequence[Token]) -> str:
    """The tokens as `normalised` spells them."""
    found = list(cut)
    while found and found[-1].text == ";":
        found.pop()
    following = [token.text for token in found[1:]] + [""]
    return "\n".join(_plain(token, after) for token, after in zip(found, following, strict=True))


def _plain(token: Token, after: str) -> str:
    if token.kind == "word" and (after == "(" or token.text.lower() in _KEYWORDS):
        return token.text.lower()
    return token.text


def line_at(text: str, offset: int) -> int:
    """The line, counted from 1, on which that offset stands."""
    return text.count("\n", 0, offset) + 1
