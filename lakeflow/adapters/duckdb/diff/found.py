"""Counts and shows what the pairs of two snapshots tell.

In the table of pairs, `b0`, `b1`, … are a row before and `a0`, `a1`, … the same row after; `b` and `a` say on which
sides it is, and `n` how often.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.diff.values import is_number
from lakeflow.core.compare.comparison import Asked, ColumnChange, Mean, Samples
from lakeflow.core.model.table import Rows
from lakeflow.core.values import dataclass

PAIRS: Final = "temp.main.lakeflow_pairs"
_ADDED: Final = "NOT b"
_REMOVED: Final = "NOT a"
_CHANGED: Final = "b AND a"


@dataclass(frozen=True)
class Found:
    cursor: DuckDBPyConnection
    asked: Asked

    def counts(self) -> tuple[int, int, int]:
        """Rows added, removed and changed."""
        counts = (f"coalesce(sum(n) FILTER ({kind}), 0)" for kind in (_ADDED, _REMOVED, _CHANGED))
        added, removed, changed = self._run(f"SELECT {', '.join(counts)} FROM {PAIRS}")[0]
        return int(added), int(removed), int(changed)

    def columns(self, of: int) -> tuple[ColumnChange, ...]:
        """The columns that changed in rows that both sides have, `of` of them as `count` has them; most changed
        first.
        """
        key = self.asked.key_places
        compared = [place for place in range(len(self.asked.pairs)) if key and place not in key]
        if not compared:
            return ()
        figures = ", ".join(f"({self._figures(place)})" for place in compared)
        (found,) = self._run(f"SELECT {figures} FROM {PAIRS}")
        changes = (self._change(place, of, figures) for place, figures in zip(compared, found, strict=True))
        return tuple(sorted((each for each in changes if each.changed), key=lambda each: -each.changed))

    def samples(self) -> Samples:
        return Samples(
            added=self._rows("a", _ADDED),
            removed=self._rows("b", _REMOVED),
            before=self._rows("b", _CHANGED),
            after=self._rows("a", _CHANGED),
        )

    def _figures(self, place: int) -> str:
        """SQL: how many values changed, and the means of those that are numbers on both sides."""
        changed = f"{_CHANGED} AND b{place} IS DISTINCT FROM a{place}"
        figures = [f"count(*) FILTER ({changed})"]
        if self._has_mean(place):
            before, after = (f"TRY_CAST({side}{place} AS DOUBLE)" for side in "ba")
            numbers = f"{changed} AND isfinite({before}) AND isfinite({after})"
            figures += [f"favg({each}) FILTER ({numbers})" for each in (before, after)]
        return f"row({', '.join(figures)})"

    def _has_mean(self, place: int) -> bool:
        pair = self.asked.pairs[place]
        numbers = is_number(pair.before.type) and is_number(pair.after.type)
        return numbers and pair.name.lower() not in self.asked.personal

    def _change(self, place: int, of: int, figures: tuple[Any, ...]) -> ColumnChange:
        changed, *means = figures
        known = len(means) == 2 and all(each is not None and isfinite(each) for each in means)
        return ColumnChange(self.asked.pairs[place].name, changed, of, Mean(*means) if known else None)

    def _rows(self, side: str, which: str) -> Rows:
        """The first rows by key, as text."""
        pairs, limit = self.asked.pairs, int(self.asked.samples)
        types = tuple("string" if pair.as_text else str(pair.after.type) for pair in pairs)
        names = tuple(pair.name for pair in pairs)
        if not limit:
            return Rows(names, (), types)
        # Changed rows stand in one order on both sides, so that the same row is in the same place.
        order = ", ".join(f"{each}{place}" for each in ("b", "a") for place in self._order())
        each = f"SELECT *, unnest(range(least(n, {limit}))) FROM {PAIRS} WHERE {which} ORDER BY {order} LIMIT {limit}"
        texts = ", ".join(f"CAST({side}{place} AS VARCHAR)" for place in range(len(pairs)))
        return Rows(names, tuple(self._run(f"SELECT {texts} FROM ({each}) ORDER BY {order}")), types)

    def _order(self) -> tuple[int, ...]:
        key = self.asked.key_places
        return (*key, *(place for place in range(len(self.asked.pairs)) if place not in key))

    def _run(self, text: str) -> list[Any]:
        return self.cursor.execute(text).fetchall()
