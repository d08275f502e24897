"""The parameters of a SQL text, `$partition_start` and `$partition_end`: values replace them, and nothing else
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from lakeflow.core.sql.tokens import Token, tokens
from lakeflow.core.time.timeline import BOUNDS, Window


class Parameter(NamedTuple):
    """`start` and `end` are offsets in the text, the dollar sign included; `name` is in lower case."""

    name: str
    start: int
    end: int


def parameters(sql: str, cut: Callable[[str], Sequence[Token]] = tokens) -> tuple[Parameter, ...]:
    """Every `$name` of the text, in order, except in strings and comments. Raises UnclosedError as `cut` does."""
    return tuple(_parameters(cut(sql)))


def bind(sql: str, window: Window | None) -> str:
    """The text with the bounds of the window as timestamps; the unchanged text without a window."""
    if window is None:
        return sql
    values = dict(zip(BOUNDS, (timestamp(window.start), timestamp(window.end)), strict=True))
    return replaced(sql, values)


def _parameters(found: Sequence[Token]) -> Iterator[Parameter]:
    for sign, word in pairwise(found):
        if sign.text == "$" and word.start == sign.end:
            yield Parameter(word.text.lower(), sign.start, word.end)


def replaced(sql: str, values: Mapping[str, str]) -> str:
    parts, done = [], 0
    for found in parameters(sql):
        if found.name in values:
            parts += [sql[done : found.start], values[found.name]]
            done = found.end
    return "".join((*parts, sql[done:]))


def timestamp(moment: datetime) -> str:
    """The moment as a SQL literal; in UTC, as the engine's session is."""
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}'"
