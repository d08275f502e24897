"""Finds filters that keep a row because something is *not* found in another table: NOT EXISTS, NOT IN, a LEFT JOIN and
NULL.

Such a row stays only until its partner comes, and an incremental write would never look at it again. So a filter may
keep a row only because of what it found in other tables. Every form that is not known to do so is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sqlglot import exp

from lakeflow.core.sql.totals import TOTALS
from lakeflow.core.values import dataclass

EVERY: Final = "*"
"""Stands for columns with unknown names."""
_NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class Partners:
    """The columns of a relation that come from tables that were looked up, by lower-case names.

    The columns of `tables`, and those in `found`, are NULL where there is no partner. The columns in `told` are
    computed from such a look-up, and may reveal that there is none.
    """

    tables: frozenset[str] = _NONE
    found: frozenset[str] = _NONE
    told: frozenset[str] = _NONE

    def __or__(self, other: Partners) -> Partners:
        return Partners(self.tables | other.tables, self.found | other.found, self.told | other.told)

    def finds(self, column: exp.Column) -> bool:
        """May the expression be NULL for want of a partner? A column without its table's name may, where there is such
        a table.
        """
        table, name = column.table.lower(), column.name.lower()
        return table in self.tables or (bool(self.tables) and not table) or bool({name, EVERY} & self.found)

    def tells(self, column: exp.Column) -> bool:
        return bool({column.name.lower(), EVERY, f"{column.table.lower()}.{EVERY}"} & self.told)


NO_PARTNERS: Final = Partners()


def joined(join: exp.Expr, left: Partners) -> Partners:
    """The partners after a join of new rows with a table that is read whole; `left` describes the side before it."""
    side = str(join.args.get("side") or "").upper()
    looked_up = join.this if isinstance(join, exp.Join) else join
    name = looked_up.alias_or_name.lower()
    if not reads_tables(looked_up):
        return NO_PARTNERS
    on = join.args.get("on")
    if any(map(_always_answers, looked_up.find_all(exp.Select))) or (
        side == "LEFT" and on is not None and any(misses(on, left))
    ):
        return Partners(told=frozenset({f"{name}.{EVERY}", *_shown(looked_up)}))
    return Partners(tables=frozenset({name})) if side == "LEFT" else NO_PARTNERS


def turned(join: exp.Expr) -> Partners:
    """The partners of a RIGHT JOIN, whose right side has the new rows: all tables before it."""
    around = join.parent
    if str(join.args.get("side") or "").upper() != "RIGHT" or around is None:
        return NO_PARTNERS
    from_ = around.args.get("from_") or around.args.get("from")
    before = [from_.this] if isinstance(from_, exp.From) else [around]
    before += [each.this for each in around.args.get("joins") or () if each is not join]
    return Partners(tables=frozenset(each.alias_or_name.lower() for each in before if reads_tables(each)))


def _shown(node: exp.Expr) -> Iterator[str]:
    selects = list(node.find_all(exp.Select))
    yield from (each.alias_or_name.lower() for each in (selects[0].expressions if selects else ()))


def projected(node: exp.Select, partners: Partners) -> Partners:
    """The partners as readers of the SELECT see them."""
    found, told = set[str](), set[str]()
    for each in node.expressions:
        if isinstance(each, exp.Star) or (isinstance(each, exp.Column) and isinstance(each.this, exp.Star)):
            table = each.table.lower() if isinstance(each, exp.Column) else ""
            found |= partners.found | (
                {EVERY} if (table in partners.tables or not table) and partners.tables else _NONE
            )
            told |= {name if name.rpartition(".")[2] != EVERY else EVERY for name in partners.told}
            continue
        plain = each.this if isinstance(each, exp.Alias) else each
        if any(misses(plain, partners)) or _asks(plain):
            told.add(each.alias_or_name.lower())
        elif _mentions(plain, partners.finds):
            found.add(each.alias_or_name.lower())
    return Partners(found=frozenset(found), told=frozenset(told))


def without_names(*partners: Partners) -> Partners:
    """The partners after columns got other names."""
    found, told = any(each.found or each.tables for each in partners), any(each.told for each in partners)
    every = frozenset({EVERY})
    return Partners(found=every if found else _NONE, told=every if told else _NONE)


def filters(node: exp.Select) -> Iterator[exp.Expr]:
    """Every condition that a row must pass, and every list that repeats it."""
    for name in ("where", "having", "qualify"):
        if part := node.args.get(name):
            yield part.this
    from_ = node.args.get("from_") or node.args.get("from")
    nested = from_.this.args.get("joins") or () if isinstance(from_, exp.From) else ()
    for join in (*nested, *(node.args.get("joins") or ())):
        if (on := join.args.get("on")) and str(join.args.get("side") or "").upper() != "LEFT":
            yield on
    for each in node.expressions:
        yield from (found.this for found in each.find_all(exp.Explode) if _is_of(found, node))


def _is_of(each: exp.Expr, node: exp.Select) -> bool:
    return each.find_ancestor(exp.Select) is node


def misses(condition: exp.Expr, partners: Partners) -> Iterator[exp.Expr]:
    """The parts of a condition that may be true because something is not found."""
    match condition:
        case exp.And() | exp.Or() | exp.Paren():
            for each in condition.iter_expressions():
                yield from misses(each, partners)
        case exp.Exists():
            yield from _in_query(condition.this)
        case exp.In() if condition.args.get("query") is not None:
            yield from _strict(condition.this, partners)
            yield from _in_query(condition.args["query"])
        case exp.EQ() if isinstance(condition.expression, exp.Any):
            yield from _strict(condition.this, partners)
            yield from _in_query(condition.expression.this)
        case exp.Not() if isinstance(condition.this, exp.Is) and isinstance(condition.this.expression, exp.Null):
            yield from _strict(condition.this.this, partners)
        case _:
            yield from _strict(condition, partners)


_STRICT: Final = (
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike, exp.Between, exp.Not, exp.Neg, exp.Paren),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Cast, exp.Lower, exp.Upper, exp.Trim, exp.Literal, exp.Column),
    *(exp.Abs, exp.Round, exp.Length, exp.Substring, exp.TimestampTrunc, exp.DateTrunc, exp.Extract, exp.Year, exp.Var),
)
"""Expressions that are NULL where one of their parts is."""


def _strict(node: exp.Expr, partners: Partners) -> Iterator[exp.Expr]:
    """The parts that may be something other than NULL although a partner is missing."""
    if not _mentions(node, lambda column: partners.finds(column) or partners.tells(column)) and not _asks(node):
        return
    if isinstance(node, exp.Column):
        yield from (node,) if partners.tells(node) else ()
    elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Select):
        yield from _value(node.this)
    elif isinstance(node, _STRICT) or (isinstance(node, exp.In) and node.args.get("query") is None):
        inner = node.this if isinstance(node, exp.Not) else None
        if isinstance(inner, exp.Exists) or (isinstance(inner, exp.In) and inner.args.get("query")):
            yield node
            return
        for each in node.iter_expressions():
            if not isinstance(each, exp.DataType):
                yield from _strict(each, partners)
    else:
        yield node


def _value(query: exp.Select) -> Iterator[exp.Expr]:
    """A scalar subquery on another table: it is NULL where the table has no row, unless it counts or replaces NULL."""
    plain = [each.this if isinstance(each, exp.Alias) else each for each in query.expressions]
    if _asks_of_each(query) and not all(isinstance(each, exp.Column) for each in plain):
        yield query
    yield from _in_query(query)


def _in_query(query: exp.Expr) -> Iterator[exp.Expr]:
    """What a subquery on other tables asks about the current row. If it asks nothing about it, it is a look-up."""
    for select in query.find_all(exp.Select):
        around = _tables_of(query)
        if _always_answers(select):
            yield select
        for each in (found for condition in filters(select) for found in misses(condition, _own(select))):
            if any(column.table.lower() not in _tables_of(each) for column in _columns(each)):
                yield each
        for join in select.args.get("joins") or ():
            outer = (column for column in _columns(join.args.get("on")) if column.table.lower() not in around)
            if str(join.args.get("kind") or "").upper() == "ANTI" and any(outer):
                yield join
    yield from (each for each in query.find_all(exp.Except) if _columns_of_others(each))


def _own(select: exp.Select) -> Partners:
    found = NO_PARTNERS
    for join in select.args.get("joins") or ():
        found |= joined(join, found)
    return found


def _columns_of_others(query: exp.Expr) -> bool:
    return any(column.table and column.table.lower() not in _tables_of(query) for column in _columns(query))


def _columns(node: exp.Expr | None) -> Iterator[exp.Column]:
    if node is not None:
        yield from (each for each in node.find_all(exp.Column) if not isinstance(each.this, exp.Star))


def _tables_of(query: exp.Expr) -> frozenset[str]:
    relations = query.find_all(exp.Table, exp.Subquery, exp.Unnest, exp.Lateral)
    return frozenset(each.alias_or_name.lower() for each in relations if each.alias_or_name)


def _always_answers(select: exp.Select) -> bool:
    """Is it a total without groups over the rows that one row finds? It gives a row even if nothing is found."""
    return reads_tables(select) and _has_total(select) and _asks_of_each(select)


def _asks_of_each(select: exp.Select) -> bool:
    """Does it name columns of the current row? A condition on a column without a table's name may."""
    own, conditions = _tables_of(select), [*filters(select)]
    loose = any(not column.table for condition in conditions for column in _columns(condition))
    return loose or any(column.table and column.table.lower() not in own for column in _columns(select))


def _has_total(select: exp.Select) -> bool:
    return select.args.get("group") is None and any(
        isinstance(each, exp.AggFunc) or (isinstance(each, exp.Anonymous) and each.name.lower() in TOTALS)
        for each in select.find_all(exp.Func)
        if _is_of(each, select) and each.find_ancestor(exp.Window) is None
    )


def _mentions(node: exp.Expr, which: Callable[[exp.Column], bool]) -> bool:
    return any(which(column) for column in node.find_all(exp.Column))


def _asks(node: exp.Expr) -> bool:
    """Does it read another table?"""
    return any(reads_tables(query) for query in node.find_all(exp.Query))


def reads_tables(node: exp.Expr) -> bool:
    """Does it read tables? A list inside the row itself is no other table."""
    return any(isinstance(table.this, exp.Identifier) for table in node.find_all(exp.Table))
