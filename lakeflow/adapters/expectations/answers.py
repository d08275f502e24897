"""The values of metrics: most from one scan over the table, the rest from queries that are asked once each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lakeflow.adapters.expectations.metrics import Aggregate, Keys, Known, Plan, Query
from lakeflow.adapters.expectations.pervalue import PerValue, Tally, judge
from lakeflow.adapters.expectations.table import Answer, Audited, Queries, Returned
from lakeflow.core.errors import AssetError


class Answers:
    """What was found out about one table so far. Equal SQL is asked once."""

    def __init__(self, queries: Queries, table: Audited) -> None:
        self.table = table
        self._queries = queries
        self._relation = table.relation
        self._shared: dict[str, Any] = {}
        self._asked: dict[str, Answer] = {}
        self._refused: dict[str, AssetError] = {}
        self._tallies: dict[str, Tally] = {}

    def scan(self, plans: Iterable[Plan]) -> None:
        """Answer all aggregates among `plans` in one scan. One bad expression does not sink the others:
        then each is asked alone when it is wanted.
        """
        wanted = tuple(dict.fromkeys(plan.sql for plan in plans if isinstance(plan, Aggregate)))
        if not wanted:
            return
        try:
            row = self._queries.execute(f"SELECT {', '.join(wanted)} FROM {self._relation}").rows[0]
        except AssetError:
            return
        self._shared.update(zip(wanted, row, strict=True))

    def refuse(self, plans: Iterable[Plan], reason: str) -> None:
        """Never ask these aggregates: the shared scan took too long, so would they."""
        self._refused.update((plan.sql, AssetError(reason)) for plan in plans if isinstance(plan, Aggregate))

    def value(self, plan: Plan) -> Any:
        """AssetError when the engine cannot answer."""
        match plan:
            case Known(value):
                return value
            case Query(sql, read):
                return read.of(self.ask(sql).rows)
            case Keys():
                return self.repeated(plan)[0]
            case PerValue():
                return self.tally(plan).rows
            case Aggregate(sql):
                if sql in self._refused:
                    raise self._refused[sql]
                if sql not in self._shared:
                    self._shared[sql] = self.ask(f"SELECT {sql} FROM {self._relation}").rows[0][0]
                return self._shared[sql]

    def repeated(self, keys: Keys) -> tuple[int, int]:
        """How many rows share their key with another, and in how many groups."""
        if self.ask(keys.proof).rows[0][0]:
            return 0, 0
        rows, groups = self.ask(keys.sql).rows[0]
        return rows, groups

    def tally(self, plan: PerValue) -> Tally:
        """What the library's own code says of each distinct value; CannotCheck when it cannot be asked so."""
        if repr(plan) not in self._tallies:
            self._tallies[repr(plan)] = judge(plan, self._queries.batches(plan.sql))
        return self._tallies[repr(plan)]

    def ask(self, sql: str) -> Answer:
        if sql not in self._asked:
            self._asked[sql] = self._queries.execute(sql)
        return self._asked[sql]

    def call(self, function: Callable[..., Any], inputs: Mapping[str, str]) -> Returned:
        return self._queries.call(function, inputs)

    def select(self, sql: str) -> str:
        return self._queries.select(sql)
