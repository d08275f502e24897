"""Decides from its syntax tree whether a SELECT over new rows is right, whatever rows came before. Nothing is run.

Over *new rows* its answer about a row may not depend on other rows: no total, no window, no comparison between rows.
Over *the keys that have new rows* it sees all rows of such a key, so it may compute anything about one key, as long as
it keeps keys apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlglot import exp

from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.sql.aggregates import own, queries, totals_of
from lakeflow.core.sql.partners import NO_PARTNERS, Partners, filters, joined, misses, projected, turned, without_names
from lakeflow.core.values import dataclass

Tell = Callable[[exp.Expr, str, str], None]
"""Reports a node: what the SELECT does to new rows, and what to write instead."""


@dataclass(frozen=True)
class _CarriedRows:
    """The new rows that a relation carries, and the names under which it shows the columns of their key.

    `by` is empty where the rows come one by one.
    """

    of: frozenset[AssetKey]
    by: tuple[str, ...] = ()
    shown: Mapping[str, str] | None = None
    """By lower-case name; None: every column under its own name."""
    partners: Partners = NO_PARTNERS

    @property
    def names(self) -> str:
        return " and ".join(sorted(map(str, self.of)))

    def column(self, name: str) -> str | None:
        """The key column that this column shows."""
        lowered = name.lower()
        return (lowered if lowered in self.by else None) if self.shown is None else self.shown.get(lowered)

    def keeps(self, columns: Iterable[exp.Expr | None]) -> bool:
        """Are all key columns among these?"""
        names = {self.column(each.name) for each in columns if isinstance(each, exp.Column)}
        return bool(self.by) and set(self.by) <= names


_Known = Mapping[str, _CarriedRows | None]
_NOTHING: Final[_Known] = {}


def look(query: exp.Expr, new: Mapping[AssetKey, tuple[str, ...]], tell: Tell) -> None:
    """Report everything in the SELECT that would be wrong for a part of the rows. `new` maps each input with new rows
    to its key columns; without any, it is read row by row.
    """
    _NewRowsReview(new, tell).query(query, _NOTHING)


@dataclass(frozen=True)
class _NewRowsReview:
    new: Mapping[AssetKey, tuple[str, ...]]
    tell: Tell

    def query(self, node: exp.Expr, known: _Known) -> _CarriedRows | None:
        known = self._with(node, known)
        match node:
            case exp.Select():
                return self._select(node, known)
            case exp.SetOperation():
                given = self._set(node, known)
            case exp.Subquery():
                given = self._inside(node, known)
            case _:
                given = self._opaque(node, known)
        if given:
            self._cut(node, given)
        return given

    def _with(self, node: exp.Expr, known: _Known) -> _Known:
        with_ = node.args.get("with_") or node.args.get("with")
        if not isinstance(with_, exp.With):
            return known
        found = dict(known)
        for cte in with_.expressions:
            name = cte.alias.lower()
            repeats = (not table.db and table.name.lower() == name for table in cte.this.find_all(exp.Table))
            if with_.args.get("recursive") and any(repeats):
                found[name] = None
                if given := self._opaque(cte.this, found, "repeats"):
                    found[name] = given
            else:
                found[name] = _renamed(self.query(cte.this, found), cte)
        return found

    def _inside(self, node: exp.Subquery, known: _Known) -> _CarriedRows | None:
        inner = node.this
        given = self.query(inner, known) if isinstance(inner, exp.Query) else self._from(inner, known)
        if node.args.get("pivots") and given:
            self._tell_pivot(node, given)
        return _renamed(given, node)

    def _opaque(self, node: exp.Expr, known: _Known, verb: str = "pivots") -> _CarriedRows | None:
        """A PIVOT or a recursion, in which new rows are not followed."""
        tables = (self._table(table, known) for table in node.find_all(exp.Table))
        given = next((each for each in tables if each), None)
        if given:
            self.tell(node, f"{verb} the new rows of {given.names}", _whole(given))
        return given

    def _set(self, node: exp.SetOperation, known: _Known) -> _CarriedRows | None:
        sides = [self.query(each, known) for each in (node.left, node.right)]
        given = next((each for each in sides if each), None)
        if given is None:
            return None
        if not isinstance(node, exp.Union) or node.args.get("distinct"):
            word = type(node).__name__.upper()
            hint = f"write UNION ALL; or read {given.names} whole"
            self.tell(node, f"compares the new rows of {given.names} with others by {word}", hint)
        elif not all(sides):
            hint = "write them as two assets, or read all of them as new rows"
            self.tell(node, f"gives other rows beside the new ones of {given.names}, again in each run", hint)
        both = frozenset(key for side in sides if side for key in side.of)
        partners = without_names(*(side.partners for side in sides if side))
        return replace(given, of=both, shown=given.shown if sides[0] == sides[1] else {}, partners=partners)

    def _select(self, node: exp.Select, known: _Known) -> _CarriedRows | None:
        given = self._sources(node, known)
        for query in queries(node):
            self._subquery(query, known)
        if given is None:
            return None
        self._cut(node, given)
        self._grouped(node, given)
        self._windows(node, given)
        self._filtered(node, given)
        return _projected(node, given)

    def _subquery(self, node: exp.Expr, known: _Known) -> None:
        """A subquery in an expression: EXISTS, IN, or one value. It sees only the new rows."""
        asked = node.this if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query) else node
        quiet = _NewRowsReview(self.new, lambda *_: None)
        if given := quiet.query(asked, known):
            self.tell(node, f"asks the new rows of {given.names} in a subquery, as if they were all", _whole(given))

    # FROM

    def _sources(self, node: exp.Select, known: _Known) -> _CarriedRows | None:
        from_ = node.args.get("from_") or node.args.get("from")
        given = self._from(from_.this, known) if isinstance(from_, exp.From) else None
        for join in (*(node.args.get("joins") or ()), *(node.args.get("laterals") or ())):
            given = self._join(given, join, known)
        return given

    def _from(self, node: exp.Expr, known: _Known) -> _CarriedRows | None:
        given = self._source(node, known)
        for join in node.args.get("joins") or ():
            given = self._join(given, join, known)
        return given

    def _source(self, node: exp.Expr, known: _Known) -> _CarriedRows | None:
        if isinstance(node, exp.Table):
            given = self._table(node, known)
        elif isinstance(node, exp.Subquery):
            return self._inside(node, known)
        elif isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
            given = self.query(node.this, known)
        elif isinstance(node, exp.Pivot):
            given = self._from(node.this, known) if node.args.get("unpivot") else self._opaque(node, known)
        else:
            return None
        if given and node.args.get("sample"):
            self.tell(
                node, f"takes a sample of the new rows of {given.names}", "drop it, or sample what is made of them"
            )
        if given and node.args.get("pivots"):
            self._tell_pivot(node, given)
        return _renamed(given, node)

    def _tell_pivot(self, node: exp.Expr, given: _CarriedRows) -> None:
        if any(not pivot.args.get("unpivot") for pivot in node.args["pivots"]):
            self.tell(node, f"pivots the new rows of {given.names}", _whole(given))

    def _table(self, node: exp.Table, known: _Known) -> _CarriedRows | None:
        if not isinstance(node.this, exp.Identifier):
            return None
        if not node.db:
            return known.get(node.name.lower())
        if node.catalog or node.db.lower() not in list(Layer):
            return None
        key = AssetKey(Layer(node.db.lower()), node.name.lower())
        return (
            _CarriedRows(frozenset({key}), tuple(name.lower() for name in self.new[key])) if key in self.new else None
        )

    def _join(self, left: _CarriedRows | None, join: exp.Expr, known: _Known) -> _CarriedRows | None:
        right = self._from(join.this if isinstance(join, exp.Join) else join, known)
        if left and right:
            one, other = min(left.of), max(right.of)
            hint = f"read one of them whole, and new rows of the other: drop {other} from new_rows"
            self.tell(
                join, f"joins the new rows of {one} with the new rows of {other}, whose partners may come later", hint
            )
        elif right and not _keeps_right(join):
            self.tell(join, f"looks among the new rows of {right.names} for the partners of other rows", _whole(right))
        elif left and not _keeps_left(join):
            self.tell(join, f"gives rows that have no partner among the new rows of {left.names}", _whole(left))
        elif left and _word(join, "kind") == "ANTI":
            self._tell_missing(join, left)
        if left:
            return replace(left, partners=left.partners | joined(join, left.partners))
        return replace(right, partners=right.partners | turned(join)) if right else None

    # SELECT

    def _filtered(self, node: exp.Select, given: _CarriedRows) -> None:
        for condition in filters(node):
            if found := next(misses(condition, given.partners), None):
                self._tell_missing(found if isinstance(found, exp.Column) else condition, given)

    def _tell_missing(self, node: exp.Expr, given: _CarriedRows) -> None:
        what = f"keeps new rows of {given.names} for what is not found in another table, where it may come later"
        hint = f"give what is found as a column, and filter where this table is read; or {_whole(given)}"
        self.tell(node, what, hint)

    def _cut(self, node: exp.Expr, given: _CarriedRows) -> None:
        for name in ("limit", "offset", "fetch", "sample"):
            if part := node.args.get(name):
                hint = f"drop {name.upper()}, or read {given.names} whole"
                self.tell(part, f"takes some of the new rows of {given.names} by {name.upper()}", hint)

    def _grouped(self, node: exp.Select, given: _CarriedRows) -> None:
        distinct, group = node.args.get("distinct"), node.args.get("group")
        if distinct:
            on = distinct.args.get("on")
            columns = node.expressions if on is None else getattr(on, "expressions", None) or [on]
            if not _keeps(given, columns):
                self.tell(
                    node,
                    f"takes the new rows of {given.names} once each by DISTINCT",
                    _per_key(given, columns, once=True),
                )
        if group:
            if not given.keeps(_group_columns(node, group)):
                columns = _group_columns(node, group)
                self.tell(
                    group,
                    f"aggregates the new rows of {given.names}, which are a part of each group",
                    _per_key(given, columns),
                )
        elif total := next(totals_of(node), None):
            self.tell(total, f"aggregates the new rows of {given.names}, which are a part of all", _per_key(given, ()))

    def _windows(self, node: exp.Select, given: _CarriedRows) -> None:
        named = {str(each.this.name).lower(): each for each in node.args.get("windows") or ()}
        for window in own(node, exp.Window):
            if window.parent is node and window.arg_key == "windows":
                continue
            meant = named.get(window.alias.lower(), window)
            columns = meant.args.get("partition_by") or ()
            if not given.keeps(columns):
                what = f"compares the new rows of {given.names} with one another in a window"
                self.tell(window, what, _per_key(given, columns, once=True))


def _keeps_left(join: exp.Expr) -> bool:
    side, method = _word(join, "side"), _word(join, "method")
    return side not in {"RIGHT", "FULL"} and method != "POSITIONAL"


def _keeps_right(join: exp.Expr) -> bool:
    """Does each row of the right side stay whatever other rows come?"""
    words = {_word(join, name) for name in ("side", "kind", "method")}
    return not words & {"LEFT", "FULL", "ANTI", "SEMI", "ASOF", "POSITIONAL"}


def _word(node: exp.Expr, name: str) -> str:
    return str(node.args.get(name) or "").upper()


def _keeps(given: _CarriedRows, columns: Sequence[exp.Expr]) -> bool:
    starred = any(isinstance(each, exp.Star) for each in columns)
    return given.keeps(each.this if isinstance(each, exp.Alias) else each for each in columns) or (
        bool(given.by) and starred and all(given.column(name) == name for name in given.by)
    )


def _group_columns(node: exp.Select, group: exp.Expr) -> list[exp.Expr]:
    """The columns that are grouped by; none is certain where there are grouping sets."""
    if any(group.args.get(name) for name in ("rollup", "cube", "grouping_sets")):
        return []
    plain = [each.this if isinstance(each, exp.Alias) else each for each in node.expressions]
    if group.args.get("all"):
        return plain
    columns: list[exp.Expr] = []
    for each in group.expressions:
        place = int(each.name) - 1 if isinstance(each, exp.Literal) and each.is_int else -1
        columns.append(plain[place] if 0 <= place < len(plain) else each)
    return columns


def _projected(node: exp.Select, given: _CarriedRows) -> _CarriedRows:
    """The names under which the SELECT shows the key columns."""
    shown: dict[str, str] = {}
    for each in node.expressions:
        if isinstance(each, exp.Star) or (isinstance(each, exp.Column) and isinstance(each.this, exp.Star)):
            shown |= {name: name for name in given.by} if given.shown is None else given.shown
            continue
        column = each.this if isinstance(each, exp.Alias) else each
        if isinstance(column, exp.Column) and (told := given.column(column.name)):
            shown[each.alias_or_name.lower()] = told
    return replace(given, shown=shown if given.by else given.shown, partners=projected(node, given.partners))


def _renamed(given: _CarriedRows | None, node: exp.Expr) -> _CarriedRows | None:
    """Column aliases hide which columns belong to the key, and which were looked up."""
    alias = node.args.get("alias")
    columns = alias.columns if isinstance(alias, exp.TableAlias) else ()
    if given is None or not columns:
        return given
    return replace(given, shown={} if given.by else None, partners=without_names(given.partners))


def _whole(given: _CarriedRows) -> str:
    return f"read {given.names} whole: drop it from {'new_keys' if given.by else 'new_rows'}"


def _per_key(given: _CarriedRows, columns: Iterable[exp.Expr | None], *, once: bool = False) -> str:
    if given.by:
        return f"keep keys apart: by {', '.join(given.by)}"
    names = [each.name for each in columns if isinstance(each, exp.Column)]
    key = names[0] if len(names) == 1 else "[" + ", ".join(f'"{name}"' for name in names) + "]" if names else "customer"
    spelled = key if key.startswith("[") else f'"{key}"'
    form = f'new_keys = {{"{min(given.of)}" = {spelled}}}'
    hint = f'{form} gives all rows of each key that has new ones, to write = "upsert"'
    return f'{hint}; to choose between rows of one key, keep = "last by <column>" does' if once else hint
