"""By which conditions a SELECT takes rows of an input into a partition: those over one row that name the partition's
bounds.

A row that meets them for no bounds of a partition cannot change the partition, wherever else the row is used. So they
tell which partitions a new row touches. A mention of the input without such conditions may use any row: then nobody can
tell. The author's own text is what runs; the parser only finds and judges it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.sql.tokens import Token, UnclosedError, tokens
from lakeflow.core.time.timeline import BOUNDS
from lakeflow.core.time.window_filter import WindowFilter
from lakeflow.core.values import dataclass

Columns = Mapping[AssetKey, frozenset[str]]
"""The columns of each input, in lower case."""


_PURE: Final = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Placeholder, exp.Interval, exp.Var, exp.DataType, exp.DataTypeParam),
    *(exp.Cast, exp.TryCast, exp.Paren, exp.Add, exp.Sub, exp.Between, exp.And, exp.Or, exp.Neg, exp.IntervalSpan),
    *(exp.GTE, exp.GT, exp.LTE, exp.LT, exp.EQ, exp.DateTrunc, exp.TimestampTrunc, exp.AtTimeZone, exp.StrToTime),
    *(exp.Coalesce, exp.UnixToTime, exp.Concat, exp.Substring, exp.Extract, exp.Date, exp.Timestamp),
)
"""What gives the same answer for the same row whenever it is asked, and looks at nothing else."""
_BEGIN: Final = frozenset({"where", "and", "on", "("})
_END: Final = frozenset(
    {"and", ")", "group", "order", "limit", "qualify", "window", "having", "union", "except", "intersect", "where"}
    | {"join", "left", "right", "inner", "full", "cross", "natural", "asof", "semi", "anti", "positional", "using", ";"}
)
_ENDS_TRIED: Final = 4


def window_filters(sql: str, columns: Columns) -> Mapping[AssetKey, tuple[WindowFilter, ...]]:
    """For each input the filter of each place where the SELECT reads it. An input is left out where one place may use
    any row.
    """
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        found = tokens(sql)
    except (SqlglotError, RecursionError, UnclosedError):
        return {}
    read: dict[AssetKey, list[WindowFilter | None]] = {}
    for table in tree.find_all(exp.Table):
        if (key := _key(table)) is not None:
            read.setdefault(key, []).append(_filter(table, key, columns, _SqlText(sql, found)))
    return {key: tuple(each for each in places if each) for key, places in read.items() if all(places)}


@dataclass(frozen=True)
class _SqlText:
    sql: str
    tokens: tuple[Token, ...]

    def of(self, condition: exp.Expr) -> str:
        """The author's text of a condition that names a bound; empty where it is not found."""
        for place, token in enumerate(self.tokens):
            if token.text == "$":
                for text in self._around(place):
                    if _same(text, condition):
                        return text
        return ""

    def _around(self, place: int) -> Iterator[str]:
        """The texts around a bound that may be one condition: from a word that begins one to a word that ends one."""
        begins = [at + 1 for at in range(place - 1, -1, -1) if self.tokens[at].text.lower() in _BEGIN][:_ENDS_TRIED]
        ends = [at for at in range(place + 2, len(self.tokens)) if self.tokens[at].text.lower() in _END][:_ENDS_TRIED]
        for begin in begins:
            for end in (*ends, len(self.tokens)):
                yield self.sql[self.tokens[begin].start : self.tokens[end - 1].end]


def _same(text: str, condition: exp.Expr) -> bool:
    try:
        parsed = sqlglot.parse_one(f"select 1 where ({text}\n)", dialect="duckdb")
    except (SqlglotError, RecursionError):
        return False
    where = parsed.args.get("where")
    return where is not None and repr(_bare(where.this)) == repr(_bare(condition))


def _filter(table: exp.Table, key: AssetKey, columns: Columns, text: _SqlText) -> WindowFilter | None:
    """The filter of one place where an input is read."""
    place = table.parent
    select = place.parent if isinstance(place, exp.From | exp.Join) else None
    if not isinstance(select, exp.Select) or _is_cut(table, select):
        return None
    hidden = isinstance(place, exp.Join) and place.kind in {"SEMI", "ANTI"}
    where = select.args.get("where")
    conditions = [] if hidden or where is None else list(_conjuncts(where.this))
    if isinstance(place, exp.Join) and place.side in {"", "LEFT"} and place.args.get("on"):
        conditions += _conjuncts(place.args["on"])
    mine = _Owner(table.alias_or_name.lower(), key, _others(select, table), columns)
    bounded = [each for each in conditions if _bounds_in(each) and _is_pure(each) and mine.has_all(each)]
    texts = tuple(text.of(each) for each in bounded)
    if not all(texts) or set().union(*map(_bounds_in, bounded)) != set(BOUNDS):
        return None
    return WindowFilter(table.alias_or_name, texts, _plain(bounded))


def _plain(conditions: Sequence[exp.Expr]) -> str:
    """The column that two conditions compare with the bounds, each as it is: `at >= $partition_start`, `at <
    $partition_end`.
    """
    start, end = BOUNDS
    bare = [each for each in conditions if isinstance(each.expression, exp.Placeholder)]
    columns = {_moment(each.this) for each in bare}
    compared = {(type(each), str(each.expression.this).lower()) for each in bare}
    as_is = len(bare) == len(conditions) and compared == {(exp.GTE, start), (exp.LT, end)}
    return columns.pop() if as_is and len(columns) == 1 else ""


def _moment(node: exp.Expr) -> str:
    """The column whose value this is, also where it is cast to a timestamp, which changes no order."""
    if isinstance(node, exp.Cast) and node.to.is_type("timestamp", "timestamptz"):
        node = _bare(node.this)
    return node.name.lower() if isinstance(node, exp.Column) else ""


@dataclass(frozen=True)
class _Owner:
    """An input as one SELECT sees it, beside its `others`; None stands for one whose columns are not known."""

    alias: str
    key: AssetKey
    others: tuple[AssetKey | None, ...]
    columns: Columns

    def has_all(self, condition: exp.Expr) -> bool:
        """Does each column of the condition belong to the input, for certain?"""
        found = list(condition.find_all(exp.Column))
        return bool(found) and all(map(self._has, found))

    def _has(self, column: exp.Column) -> bool:
        name, table = column.name.lower(), column.table.lower()
        if name not in self.columns.get(self.key, frozenset()):
            return False
        if table:
            return table == self.alias
        known = [self.columns.get(other, None) if other else None for other in self.others]
        return all(names is not None and name not in names for names in known)


def _others(select: exp.Select, table: exp.Table) -> tuple[AssetKey | None, ...]:
    joins = select.args.get("joins") or []
    first = select.args.get("from_") or select.args.get("from")
    sources = [each.this for each in (first, *joins) if each is not None]
    laterals = [None for _ in select.args.get("laterals") or []]
    return (*(_key(each) if isinstance(each, exp.Table) else None for each in sources if each is not table), *laterals)


def _is_cut(table: exp.Table, select: exp.Select) -> bool:
    """Is something done with all rows of the input before the conditions choose among them?"""
    joins = select.args.get("joins") or []
    by_place = any(each.method.upper() in {"ASOF", "POSITIONAL"} or each.kind == "POSITIONAL" for each in joins)
    nested = table.args.get("joins") or table.args.get("pivots") or table.args.get("sample")
    return bool(by_place or nested or select.args.get("sample") or table.find_ancestor(exp.Pivot))


def _key(table: exp.Table) -> AssetKey | None:
    if table.catalog or table.db.lower() not in list(Layer):
        return None
    return AssetKey(Layer(table.db.lower()), table.name.lower())


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    node = _bare(node)
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _bounds_in(node: exp.Expr) -> set[str]:
    return {str(each.this).lower() for each in node.find_all(exp.Placeholder)} & set(BOUNDS)


def _is_pure(condition: exp.Expr) -> bool:
    return all(isinstance(node, _PURE) for node in condition.walk())
