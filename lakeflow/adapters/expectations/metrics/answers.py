"""The values of metrics: most come from one scan of the table, the rest from queries that run once each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from lakeflow.adapters.expectations.metrics.from_metadata import answers_of
from lakeflow.adapters.expectations.metrics.keys import FIRST, Keys
from lakeflow.adapters.expectations.metrics.marks import Marks
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.metrics.per_value import PerValue, Tally, judge
from lakeflow.adapters.expectations.metrics.plans import Aggregate, Dated, FromSchema, MetricQuery
from lakeflow.adapters.expectations.table import Audited, CannotCheck, FunctionResult, Queries, QueryResult
from lakeflow.core.errors import AssetError
from lakeflow.core.model.run import ReadScope
from lakeflow.core.model.table import Statistics


class Answers:
    """What is known about one table so far. Equal SQL runs only once.

    Aggregates are over all rows, or with `scope` over the rows that an append added. `used` says what the answers since
    it was last cleared were read from.
    """

    def __init__(self, queries: Queries, table: Audited, scope: ReadScope = ReadScope.ALL) -> None:
        self.table = table
        self._queries = queries
        self.scope = scope
        self.relation = table.added if scope is ReadScope.ADDED else table.relation
        self.used: set[ReadScope] = set()
        self._certain: dict[str, Any] = {}
        self._shared: dict[str, Any] = {}
        self._asked: dict[str, QueryResult] = {}
        self._refused: dict[str, AssetError] = {}
        self._tallies: dict[str, Tally] = {}

    def consult(self, statistics: Statistics, plans: Iterable[Plan], queries: Queries) -> None:
        """Take over the answers that metadata can give without reading data; a query of `queries` names no relation."""
        hints = {one.sql: one.hint for plan in plans for one in _aggregates(plan) if one.hint}
        self._certain.update(answers_of(hints, statistics, self.table, queries))

    def scan(self, plans: Iterable[Plan]) -> None:
        """Answer all aggregates among `plans` in one scan. One bad expression does not sink the others."""
        asked = (plan for plan in plans if isinstance(plan, Aggregate) and not self._is_certain(plan))
        wanted = dict.fromkeys(plan.sql for plan in asked)
        # What cannot be asked says so when its value is needed; in the scan it would cost all others a second one.
        self._learn(tuple(sql for sql in wanted if self._queries.knows(self._over_rows(sql))))

    def _over_rows(self, *aggregates: str) -> str:
        return f"SELECT {', '.join(aggregates)} FROM {self.relation}"

    def _learn(self, wanted: tuple[str, ...]) -> None:
        """Compute aggregates in one scan. If the scan fails, each half is tried, so one bad expression among thousands
        costs only a few more scans. The bad one is computed again, alone, when its value is needed, and then says what
        is wrong.
        """
        if not wanted:
            return
        try:
            row = self._queries.execute(self._over_rows(*wanted)).rows[0]
        except (AssetError, CannotCheck):
            half = len(wanted) // 2
            if half:
                self._learn(wanted[:half])
                self._learn(wanted[half:])
        else:
            self._shared.update(zip(wanted, row, strict=True))

    def refuse(self, plans: Iterable[Plan], reason: str) -> None:
        """Never compute these aggregates: the shared scan took too long, so each of them would, too."""
        self._refused.update((plan.sql, AssetError(reason)) for plan in plans if isinstance(plan, Aggregate))

    def value(self, plan: Plan) -> Any:
        """The value of a metric. AssetError when the engine cannot answer."""
        match plan:
            case FromSchema(value):
                return value
            case MetricQuery(sql, read):
                return read.of(self.ask(sql).rows)
            case Dated(sql):
                moment = f"TIMESTAMP '{self.table.moment.isoformat(sep=' ')}'"
                return self.ask(f"SELECT {sql.replace('{moment}', moment)} FROM {self.relation}").rows[0][0]
            case Keys():
                return self.repeated(plan)[0]
            case PerValue():
                return self.tally(plan).rows
            case Aggregate():
                return self._certainly(plan.sql) if self._is_certain(plan) else self._aggregate(plan.sql)

    def are_certain(self, plans: Iterable[Plan]) -> bool:
        """Can metadata answer all of these plans?"""
        return all(
            isinstance(plan, FromSchema) or (isinstance(plan, Aggregate) and self._is_certain(plan)) for plan in plans
        )

    def _is_certain(self, plan: Aggregate) -> bool:
        """Metadata answers only aggregates that carry a hint."""
        return plan.hint is not None and plan.sql in self._certain

    def _certainly(self, sql: str) -> Any:
        self.used.add(ReadScope.METADATA)
        return self._certain[sql]

    def _aggregate(self, sql: str) -> Any:
        self.used.add(self.scope)
        if sql in self._refused:
            raise self._refused[sql]
        if sql not in self._shared:
            self._shared[sql] = self.ask(self._over_rows(sql)).rows[0][0]
        return self._shared[sql]

    def repeated(self, keys: Keys) -> tuple[int, int]:
        """How many rows share their key with another row, and in how many groups.

        For added rows only the answer "none" is possible; otherwise CannotCheck, and all rows must be read.
        """
        if self.scope is ReadScope.ADDED:
            if self.ask(keys.added).rows[0][0]:
                return 0, 0
            raise CannotCheck("an added row shares its key with another")
        if self._queries.proves_keys() and (self._is_marked(keys.marks) or self._rise(keys)):
            return 0, 0
        rows, groups = self.ask(keys.sql).rows[0]
        return rows, groups

    def _is_marked(self, marks: Marks | None) -> bool:
        if marks is None:
            return False
        # Nothing is proved where a value lies out of what metadata says, or where memory does not do for the marks.
        with suppress(AssetError):
            self.scan(marks.plans)
            ends = [(self.value(least), self.value(greatest)) for least, greatest in marks.ends]
            proof = marks.proof(self.value(marks.count), ends)
            return bool(proof and self.ask(proof).rows[0][0])
        return False

    def _rise(self, keys: Keys) -> bool:
        rise, rows = self.ask(keys.hope).rows[0]
        return bool(rise and (rows < FIRST or self.ask(keys.proof).rows[0][0]))

    def tally(self, plan: PerValue) -> Tally:
        """Count the values by the library's own judgement of each distinct one. CannotCheck when it cannot judge them
        one by one.
        """
        self.used.add(self.scope)
        if repr(plan) not in self._tallies:
            self._tallies[repr(plan)] = judge(plan, self._queries.batches(plan.sql))
        return self._tallies[repr(plan)]

    def ask(self, sql: str) -> QueryResult:
        self.used.add(self.scope)
        if sql not in self._asked:
            self._asked[sql] = self._queries.execute(sql)
        return self._asked[sql]

    def call(self, function: Callable[..., Any], inputs: Mapping[str, str]) -> FunctionResult:
        return self._queries.call(function, inputs, self.table.shown)

    def select(self, sql: str) -> str:
        return self._queries.select(sql)

    def bad_rows(self, sql: str, shown: int) -> FunctionResult:
        self.used.add(self.scope)
        return self._queries.bad_rows(sql, shown)

    @property
    def asked(self) -> str:
        """Who answered since `used` was last cleared, if it was not the lake's own engine, and why."""
        other = self._queries.why if self.used - {ReadScope.METADATA} else ""
        return f"asked of Spark: {other}" if other else ""


def _aggregates(plan: Plan) -> tuple[Aggregate, ...]:
    match plan:
        case Aggregate():
            return (plan,)
        case Keys(marks=Marks() as marks):
            return marks.plans
    return ()
