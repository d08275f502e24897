"""Do two snapshots hold the same rows? Order never matters.

First two counts and two sums of row hashes are compared, which nearly always decides. If only floats differ, the rows
that are on one side alone are sorted and compared in pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.read.sameness import but_for_floats, exactly, has_floats, nearly
from lakeflow.core.model.schema import Type
from lakeflow.core.model.table import Scan


def same_rows(cursor: DuckDBPyConnection, left: Scan, right: Scan) -> bool:
    """Do both hold the same multiset of rows, under the same column names and types, in the same order of columns?"""
    if _shape(left) != _shape(right):
        return False
    if left.deletes == right.deletes:
        left, right = apart(left, right)
    if not (left.files or right.files) or _digest(cursor, left, exactly) == _digest(cursor, right, exactly):
        return True
    if not any(has_floats(field.type) for field in left.schema.fields):
        return False
    if _digest(cursor, left, but_for_floats) != _digest(cursor, right, but_for_floats):
        return False
    return _are_near(cursor, left, right)


def apart(left: Scan, right: Scan) -> tuple[Scan, Scan]:
    """Both snapshots without the files that they share: a merge leaves most files as they are."""
    both = frozenset(each for each in left.files if left.origins.get(each) == right.origins.get(each))
    both &= frozenset(right.files)
    mine, theirs = (tuple(path for path in scan.files if path not in both) for scan in (left, right))
    return replace(left, files=mine), replace(right, files=theirs)


def _shape(scan: Scan) -> list[tuple[str, str]]:
    return [(field.name, str(field.type)) for field in scan.schema.fields]


def _digest(cursor: DuckDBPyConnection, scan: Scan, form: Callable[[str, Type], str]) -> Any:
    values = _values(scan, form)
    return cursor.execute(
        f"SELECT count(*), sum(hash({values})), sum(hash('second', {values})) FROM ({scans.select(cursor, scan)})"
    ).fetchall()


def _values(scan: Scan, form: Callable[[str, Type], str]) -> str:
    return ", ".join(form(quoted(field.name), field.type) for field in scan.schema.fields)


def _are_near(cursor: DuckDBPyConnection, left: Scan, right: Scan) -> bool:
    """Does each row that is on one side alone have a partner on the other that differs only in last bits?

    A pairing that is missed only makes a new snapshot, which is correct as well.
    """
    rows = {side: _hashed(cursor, scan) for side, scan in (("l", left), ("r", right))}
    pairs = ((f"l.c{n}", f"r.c{n}", field.type) for n, field in enumerate(left.schema.fields))
    same = " AND ".join(nearly(*pair) for pair in pairs)
    alone = "ON a.h = b.h AND a.g = b.g"
    apart = f"""
        WITH ls AS ({rows["l"]}), rs AS ({rows["r"]}),
        l AS (SELECT *, {_ORDER} FROM (SELECT a.* FROM ls AS a ANTI JOIN rs AS b {alone})),
        r AS (SELECT *, {_ORDER} FROM (SELECT a.* FROM rs AS a ANTI JOIN ls AS b {alone}))
        SELECT count(*) FROM l FULL JOIN r ON l.n = r.n WHERE l.n IS NULL OR r.n IS NULL OR NOT ({same})
    """
    return bool(cursor.execute(apart).fetchall() == [(0,)])


_ORDER = "row_number() OVER (ORDER BY s, e) AS n"
"""Brings rows together that agree except for floats, smaller floats first."""


def _hashed(cursor: DuckDBPyConnection, scan: Scan) -> str:
    columns = ", ".join(f"{quoted(field.name)} AS c{n}" for n, field in enumerate(scan.schema.fields))
    exact, skeleton = _values(scan, exactly), _values(scan, but_for_floats)
    marks = f"hash({exact}) AS h, hash('second', {exact}) AS g, hash({skeleton}) AS s, row({exact}) AS e"
    return f"SELECT {columns}, {marks} FROM ({scans.select(cursor, scan)})"
