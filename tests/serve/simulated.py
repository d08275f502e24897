"""A lake in memory that obeys a clock of its own: what a plan would say of it, and what its runs leave."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from lakeflow.core.errors import BusyError, LakeflowError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.run import RunRecord, RunState, StepRecord, StepState
from lakeflow.core.plan.reasons import Cause, Reason
from lakeflow.core.serve.refreshes import refreshes
from lakeflow.core.serve.view import BrokenRun, ServedAsset, ServedLake
from lakeflow.core.time.freshness import Freshness
from lakeflow.core.time.quiet import Quiet
from lakeflow.core.view.freshness import Deadline, demands
from lakeflow.core.view.rows import Health
from lakeflow.serve.ports import Sight

TAKES = timedelta(minutes=2)
"""How long a run takes, whatever it does."""


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Table:
    """What stands of an asset: the number of its publish, what it was made from, and how its last run ended."""

    version: int = 0
    made_from: dict[AssetKey, int] = field(default_factory=dict)
    waiting: int = 0
    landed: int = 0
    published_at: datetime | None = None
    tried: datetime | None = None
    failure: BrokenRun | None = None
    held: tuple[object, ...] | None = None


@cache
def due_of(freshness: Freshness, seen: datetime) -> datetime:
    return freshness.due(seen)


class SimulatedLake:
    """Roots get deliveries, or, those named in `without_fingerprint`, may have changed at any time.

    An asset in `broken` fails, one in `bad` is held. `done` hears what every publish was made from.
    """

    def __init__(self, project: Project, clock: Clock, without_fingerprint: Sequence[AssetKey] = ()) -> None:
        self.project = project
        self.clock = clock
        self.always = frozenset(without_fingerprint)
        self.tables = {key: Table() for key in project.assets}
        self.broken: set[AssetKey] = set()
        self.bad: set[AssetKey] = set()
        self.quiet: Quiet | None = None
        self.fault: LakeflowError | None = None
        self.busy: set[AssetKey] = set()
        self.mended = True
        self.runs = 0
        self.judged = 0
        self.sent = deque[datetime](maxlen=1_000)
        self.receiver_is_down = False
        self.done: Callable[[AssetKey, datetime, object], None] = lambda *_: None
        self._wanted = refreshes(project, {})
        self._demands = demands(project)
        self._attempts: dict[str, tuple[AssetKey, ...]] = {}

    def deliver(self, key: AssetKey) -> None:
        self.tables[key].waiting += 1

    def look(self) -> Sight:
        if self.fault is not None:
            raise self.fault
        mended, self.mended = self.mended, False
        seen: dict[AssetKey, ServedAsset] = {}
        for key, asset in self.project.assets.items():
            table = self.tables[key]
            seen[key] = ServedAsset(
                key,
                self._wanted[key],
                tuple(self._reasons(key, seen)),
                asset.upstreams,
                tried=table.tried,
                failure=table.failure,
                deadlines=self._deadlines(key),
                health=Health.DEGRADED if any(one.late for one in self._deadlines(key)) else Health.HEALTHY,
                published_at=table.published_at,
            )
        return Sight(ServedLake(seen), self.quiet, mended)

    def materialize(self, keys: Sequence[AssetKey]) -> RunRecord | None:
        self.runs += 1
        return self._run(f"run{self.runs}", 1, [key for key in self.project.assets if key in keys])

    def retry(self, run: str) -> RunRecord:
        left = [key for key, table in self.tables.items() if table.failure and table.failure.run == run]
        if not left:
            raise UsageError(f"run {run} is published: there is nothing to retry")
        failure = self.tables[left[0]].failure
        assert failure is not None
        return self._run(run, failure.attempt + 1, left)

    def judge(self) -> None:
        self.judged += 1

    def send(self) -> None:
        self.sent.append(self.clock.now)
        if self.receiver_is_down:
            raise OSError("nobody listens")

    def close(self) -> None: ...

    def _run(self, run: str, attempt: int, keys: Sequence[AssetKey]) -> RunRecord:
        if self.busy & set(keys):
            raise BusyError("it is busy: run other is at work")
        self.clock.now += TAKES
        states: dict[AssetKey, StepState] = {}
        for key in keys:
            states[key] = self._step(key, states)
        failed = StepState.ERRORED in states.values()
        for key, state in states.items():
            table = self.tables[key]
            table.tried, table.failure, table.held = self.clock.now, None, None
            if state is StepState.PUBLISHED:
                self._publish(key, table)
            elif failed:
                table.failure = BrokenRun(run, attempt, self.clock.now)
            elif state is StepState.HELD:
                table.held = self._work(key)
        ended = RunState.FAILED if failed else RunState.HELD if self.bad & set(keys) else RunState.PUBLISHED
        steps = tuple(StepRecord(key, state=state) for key, state in states.items())
        return RunRecord(run, ended, self.clock.now, attempt, self.clock.now, steps)

    def _step(self, key: AssetKey, states: dict[AssetKey, StepState]) -> StepState:
        above = {states[up] for up in self.project.assets[key].upstreams if up in states}
        if above - {StepState.PUBLISHED}:
            return StepState.SKIPPED
        if key in self.broken:
            return StepState.ERRORED
        return StepState.HELD if key in self.bad else StepState.PUBLISHED

    def _publish(self, key: AssetKey, table: Table) -> None:
        self.done(key, self.clock.now, self._work(key))
        table.landed, table.waiting = table.landed + table.waiting, 0
        table.made_from = {up: self.tables[up].version for up in self.project.assets[key].upstreams}
        table.version += 1
        table.published_at = self.clock.now

    def _work(self, key: AssetKey) -> tuple[object, ...]:
        table = self.tables[key]
        ups = sorted(self.project.assets[key].upstreams)
        return (table.landed + table.waiting, *(self.tables[up].version for up in ups))

    def _reasons(self, key: AssetKey, seen: dict[AssetKey, ServedAsset]) -> list[Reason]:
        table, found = self.tables[key], list[Reason]()
        if table.held is not None and table.held == self._work(key):
            return found  # the plan leaves out what a run holds
        if not table.version:
            found.append(Reason(Cause.NEVER_BUILT))
        if table.waiting:
            found.append(Reason(Cause.NEW_FILES, after=str(table.waiting)))
        if key in self.always:
            found.append(Reason(Cause.NO_FINGERPRINT))
        for up in sorted(self.project.assets[key].upstreams):
            if seen[up].reasons:
                found.append(Reason(Cause.UPSTREAM_RUNS, up))
            elif table.version and table.made_from[up] != self.tables[up].version:
                found.append(Reason(Cause.INPUT_MOVED, up, str(table.made_from[up]), str(self.tables[up].version)))
        return found

    def _deadlines(self, key: AssetKey) -> tuple[Deadline, ...]:
        seen = self.tables[key].published_at
        if seen is None:
            return ()
        dues = [(freshness, by, due_of(freshness, seen)) for by, freshness in self._demands[key]]
        return tuple(Deadline(freshness, by, seen, due, late=self.clock.now > due) for freshness, by, due in dues)
