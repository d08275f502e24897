"""Puts into a text of Spark SQL what stands for its tables and bounds, token by token; all else runs as it is written.

A table `silver.orders` becomes a view under the alias `orders`, so that `orders.id` and `silver.orders.id` still mean
its column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from lakeflow.core.spark.tokens import spark_tokens
from lakeflow.core.sql.tokens import Token
from lakeflow.core.time.timeline import BOUNDS, Window

_INTRODUCE: Final = frozenset({"from", "join", "table", "only", "(", ","})
_SIZES: Final = (5, 3)
"""Words of a table's name, dots among them: `published.layer.name` and `layer.name`."""
_NO_ALIAS: Final = frozenset(
    {"where", "group", "having", "order", "sort", "cluster", "distribute", "limit", "offset", "window", "qualify"}
    | {"join", "inner", "left", "right", "full", "cross", "semi", "anti", "natural", "on", "using", "lateral", "union"}
    | {"except", "minus", "intersect", "pivot", "unpivot", "tablesample", "select", "insert", "map", "reduce", "from"}
    | {"version", "timestamp", "for"}
)


def bound(sql: str, window: Window | None) -> str:
    """The text with the bounds of the window in place of `$partition_start` and `$partition_end`."""
    if window is None:
        return sql
    values = {name: _moment(at) for name, at in zip(BOUNDS, (window.start, window.end), strict=True)}
    found = spark_tokens(sql)
    edits = (
        (sign.start, word.end, values[word.text.lower()])
        for sign, word in pairwise(found)
        if sign.text == "$" and word.start == sign.end and word.text.lower() in values
    )
    return _edited(sql, edits)


def with_views(sql: str, views: Mapping[str, str]) -> str:
    """The text with a view in place of each table; `views` has them by `layer.name`, or `published.layer.name`."""
    return _edited(sql, _places(spark_tokens(sql), views))


def _places(found: Sequence[Token], views: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    for place in range(len(found) - 2):
        before = found[place - 1].text.lower() if place else ""
        size = next((size for size in _SIZES if _key(found[place : place + size], size) in views), 0)
        if not size or before == ".":
            continue
        first, name = found[place], found[place + size - 1]
        after = found[place + size] if place + size < len(found) else Token("sign", "", 0, 0)
        if after.text == ".":  # a column of the table: the alias is its name
            yield first.start, name.end, name.text
        elif before in _INTRODUCE:
            alias = "" if _is_alias(after) else f" AS `{_plain(name)}`"
            yield first.start, name.end, f"`{views[_key(found[place : place + size], size)]}`{alias}"


def _key(found: Sequence[Token], size: int) -> str:
    """Names with dots between them; empty where there are not so many words."""
    return "".join(_plain(token) for token in found) if len(found) == size else ""


def _is_alias(after: Token) -> bool:
    word = after.text.lower()
    return word == "as" or after.kind == "name" or (after.kind == "word" and word not in _NO_ALIAS)


def _plain(token: Token) -> str:
    return token.text.strip("`").lower()


def _edited(sql: str, edits: Iterator[tuple[int, int, str]]) -> str:
    parts, done = [], 0
    for start, end, text in edits:
        parts += [sql[done:start], text]
        done = end
    return "".join((*parts, sql[done:]))


def _moment(at: object) -> str:
    return f"TIMESTAMP_NTZ '{at:%Y-%m-%d %H:%M:%S}'"
