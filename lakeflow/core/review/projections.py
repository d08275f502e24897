"""Which columns of a SELECT may come out otherwise after its text has changed. In doubt, all of them and all rows."""

from __future__ import annotations

from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lakeflow.core.model.asset import Asset, SqlCode

ALL_COLUMNS: Final = None
"""Any column may change, and which rows there are."""
_ROWS: Final = ("distinct", "group", "limit", "offset", "qualify", "order", "sample", "windows")
"""Parts of a SELECT that may look at its columns by place or by name, or count rows."""


def changed_columns(before: str, asset: Asset) -> frozenset[str] | None:
    """The columns, in lower case, whose expression changed, came or went, where nothing else of the SELECT did. Rows
    stay the same then.
    """
    if not isinstance(asset.code, SqlCode):
        return ALL_COLUMNS
    try:
        was, now = _read(before), _read(asset.code.text)
    except (SqlglotError, RecursionError):
        return ALL_COLUMNS
    if was is None or now is None or _around(was) != _around(now):
        return ALL_COLUMNS
    first, second = _named(was), _named(now)
    if first is None or second is None:
        return ALL_COLUMNS
    moved = {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}
    return _with_followers(now, moved)


def _read(text: str) -> exp.Select | None:
    """The SELECT, if it is one whose rows do not hang on its columns."""
    parsed = [each for each in sqlglot.parse(text, dialect="duckdb") if each and type(each) is not exp.Semicolon]
    (found,) = parsed if len(parsed) == 1 else (None,)
    if not isinstance(found, exp.Select) or any(found.args.get(part) for part in _ROWS):
        return None
    if any(found.find_all(exp.Unnest, exp.Explode)):
        return None  # in a projection it makes rows
    aggregates = any(each.find(exp.AggFunc) for each in found.expressions)
    return None if aggregates else found


def _around(select: exp.Select) -> str:
    """All of the SELECT but its columns."""
    rest = select.copy()
    rest.set("expressions", [])
    for node in rest.walk():
        node.comments = None
    return repr(rest)


def _named(select: exp.Select) -> dict[str, str] | None:
    """Each column by its name; None where one has none that the text tells, or several have it."""
    found: dict[str, str] = {}
    for each in select.expressions:
        name = each.alias_or_name.lower()
        if not name or name == "*" or name in found or isinstance(each, exp.Star) or each.find(exp.Star):
            return None
        copied = each.copy()
        for node in copied.walk():
            node.comments = None
        found[name] = repr(copied)
    return found


def _with_followers(select: exp.Select, moved: set[str]) -> frozenset[str] | None:
    """The columns that are made from moved ones by their alias, too; all, where the rest of the SELECT names one."""
    rest = select.copy()
    rest.set("expressions", [])
    if any(each.name.lower() in moved and not each.table for each in rest.find_all(exp.Column)):
        return ALL_COLUMNS
    found = set(moved)
    for _ in select.expressions:
        for each in select.expressions:
            if any(column.name.lower() in found and not column.table for column in each.find_all(exp.Column)):
                found.add(each.alias_or_name.lower())
    return frozenset(found)
