"""Finds the rows that only one of two snapshots has, and pairs them by key.

First the rows of both sides are counted against each other, as bags: what is left is on one side alone, however often.
With a key, each row that is left before meets one that is left after; rows that share a key are taken in the order of
their values, so that a key which occurs twice never multiplies.
"""

from __future__ import annotations

from typing import Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.diff.condition import require_steady
from lakeflow.adapters.duckdb.diff.found import PAIRS, Found
from lakeflow.adapters.duckdb.diff.sides import Sides, sides
from lakeflow.core.compare.comparison import Asked, Compared, RowCounts
from lakeflow.core.model.table import Scan
from lakeflow.core.values import dataclass

_LEFT: Final = "temp.main.lakeflow_left"


def difference(cursor: DuckDBPyConnection, before: Scan, after: Scan, asked: Asked) -> Compared:
    """See `Engine.difference`. The cursor must be a new one: what this makes on it goes with it. In its one transaction
    `now()` is one time.
    """
    if asked.where:
        require_steady(cursor, asked.where)
    cursor.begin()
    both = sides(cursor, before, after, asked)
    stood, stands = both.count(cursor, both.before), both.count(cursor, both.after)
    if not asked.pairs:
        return Compared(RowCounts(stood, stands, added=stands, removed=stood))
    matching = _Matching(cursor, both, asked)
    matching.leave()
    matching.pair()
    found = Found(cursor, asked)
    added, removed, changed = found.counts()
    rows = RowCounts(stood, stands, added, removed, changed)
    return Compared(rows, found.columns(stood - removed), found.samples())


@dataclass(frozen=True)
class _Matching:
    cursor: DuckDBPyConnection
    sides: Sides
    asked: Asked

    def leave(self) -> None:
        """Keep the rows of which one side has more, and how many more: `n` is positive before, negative after."""
        before, after = (self.sides.rows(self.cursor, each) for each in (self.sides.before, self.sides.after))
        rows = f"SELECT *, 1 AS n FROM ({before}) UNION ALL SELECT *, -1 AS n FROM ({after})"
        columns = self._columns()
        counted = f"SELECT {columns}, CAST(sum(n) AS BIGINT) AS n FROM ({rows}) GROUP BY {columns} HAVING sum(n) <> 0"
        self.cursor.execute(f"CREATE TEMP TABLE {_LEFT} AS {counted}")

    def pair(self) -> None:
        """Make the table of pairs, of which `Found` tells."""
        pairs = self._by_key() if self.asked.key else self._alone()
        self.cursor.execute(f"CREATE TEMP TABLE {PAIRS} AS {pairs}")
        self.cursor.execute(f"DROP TABLE {_LEFT}")

    def _by_key(self) -> str:
        same = " AND ".join(f"b.c{place} IS NOT DISTINCT FROM a.c{place}" for place in self.asked.key_places)
        sides = f"({self._ranked('n > 0')}) AS b FULL JOIN ({self._ranked('n < 0')}) AS a ON {same} AND b.n = a.n"
        values = ", ".join(f"{side}.c{place} AS {side}{place}" for side in "ba" for place in self._places)
        return f"SELECT {values}, b.n IS NOT NULL AS b, a.n IS NOT NULL AS a, 1 AS n FROM {sides}"

    def _alone(self) -> str:
        """Without a key no row before is the same as one after."""
        values = ", ".join(
            f"CASE WHEN n {sign} 0 THEN c{place} END AS {side}{place}"
            for side, sign in (("b", ">"), ("a", "<"))
            for place in self._places
        )
        return f"SELECT {values}, n > 0 AS b, n < 0 AS a, abs(n) AS n FROM {_LEFT}"

    def _ranked(self, side: str) -> str:
        """Each row of that side as often as it is left, with its place `n` among the rows of its key."""
        columns = self._columns()
        if not self._has_twins():
            return f"SELECT {columns}, 1 AS n FROM {_LEFT} WHERE {side}"
        each = f"SELECT {columns}, unnest(range(abs(n))) AS copy FROM {_LEFT} WHERE {side}"
        return f"SELECT {columns}, row_number() OVER (PARTITION BY {self._key()} ORDER BY {columns}) AS n FROM ({each})"

    def _has_twins(self) -> bool:
        """Has a side two rows of one key left?"""
        twins = f"SELECT 1 FROM {_LEFT} GROUP BY {self._key()}, n > 0 HAVING sum(abs(n)) > 1 LIMIT 1"
        return bool(self.cursor.execute(twins).fetchall())

    @property
    def _places(self) -> range:
        return range(len(self.asked.pairs))

    def _columns(self) -> str:
        return ", ".join(f"c{place}" for place in self._places)

    def _key(self) -> str:
        return ", ".join(f"c{place}" for place in self.asked.key_places)
