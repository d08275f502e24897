"""Refuses rows of one key where nothing says which one counts, and tells which of two rows `keep` lets count."""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from lakeflow.core.errors import AssetError
from lakeflow.core.run.write import Write
from lakeflow.core.wording import counted

_SHOWN, _LONGEST = 3, 40


def is_late(came: str, stands: str) -> str:
    """SQL that tells whether the row of the table counts more, by the column of `keep`. NULL is less than any value."""
    return f"coalesce({stands} > {came}, {stands} IS NOT NULL)"


def refuse_twins(write: Write, cursor: DuckDBPyConnection, rows: str, keys: Sequence[str], at: str = "") -> None:
    """AssetError where a key, in these columns of a FROM item, comes more than once (with `at`, at one moment)."""
    one = ", ".join((*keys, at) if at else keys)
    several = f"SELECT {', '.join(keys)}, count(*) AS n FROM {rows} GROUP BY {one} HAVING n > 1"
    twice, count = cursor.execute(f"SELECT count(*), sum(n) FROM ({several})").fetchall()[0]
    if twice:
        what = f"{_keys(write, twice)} more than once{' at one moment' if at else ''}, in {counted(count, 'row')}"
        raise AssetError(f"{what}{such_as(write, cursor, several, keys)}", hint=_one_each(write, at))


def refuse_ties(write: Write, cursor: DuckDBPyConnection, ties: str, keys: Sequence[str]) -> None:
    """AssetError where this SELECT finds keys whose new row differs from the table's row and counts the same."""
    (found,) = cursor.execute(f"SELECT count(*) FROM ({ties})").fetchall()[0]
    if found:
        what = f"{_keys(write, found)} came with other values and tie{'s'[: found == 1]} with what stands there"
        raise AssetError(f"{what} in {write.last_by!r}{such_as(write, cursor, ties, keys)}", hint=_undecided(write))


def such_as(write: Write, cursor: DuckDBPyConnection, query: str, keys: Sequence[str]) -> str:
    """The first of these keys as `: 'a', 'b'`. Empty where a column of the key is personal."""
    if any(name.lower() in write.hidden for name in write.key):
        return ""
    texts = ", ".join(f"left(CAST({key} AS VARCHAR), {_LONGEST})" for key in keys)
    rows = cursor.execute(f"SELECT {texts} FROM ({query}) ORDER BY ALL LIMIT {_SHOWN}").fetchall()
    return f", such as {', '.join(' / '.join(map(str, row)) for row in rows)}"


def _keys(write: Write, count: int) -> str:
    return f"{counted(count, 'key')} ({', '.join(write.key)})"


def _one_each(write: Write, at: str) -> str:
    if write.last_by:
        return _undecided(write)
    once = (
        "give each key one row a moment, or say which counts" if at else "give each key once, or say which row counts"
    )
    hint = f"{once}: keep = 'last by <column>'"
    dated_by_runs = write.mode.traits.versioned and not write.at
    return (
        f"{hint}; that is changed code, after which `--go-on` keeps the versions that stand" if dated_by_runs else hint
    )


def _undecided(write: Write) -> str:
    return (
        f"keep = 'last by {write.last_by}' does not decide between them: keep by a column that does, or give "
        f"the row that counts a greater {write.last_by}"
    )
