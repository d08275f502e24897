"""The `Ledger` port over dicts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from lakeflow.core.care.garbage import Dropped
from lakeflow.core.intents.intent import EnvironmentNote, Intent, Intents, NameNote, Note, RunNote
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import (
    UNPUBLISHED_ENDS,
    Holder,
    Lease,
    Ruling,
    RunRecord,
    RunState,
    StepRecord,
    StepState,
    VerdictRecord,
    one_id,
)
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.entry import Transaction
from lakeflow.core.run import leases
from lakeflow.core.run.leases import AssetLease, CurrentLeases


class MemoryLedger:
    """Forgets everything with the process. `is_alive` and `lease_seconds` are those of the SQL ledger."""

    def __init__(self, is_alive: Callable[[Holder], bool | None], clock: Clock, lease_seconds: float) -> None:
        self._is_alive = is_alive
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._lock = threading.RLock()
        self._runs: dict[str, RunRecord] = {}
        self._verdicts: list[VerdictRecord] = []
        self._held: dict[AssetKey, AssetLease] = {}
        self._code: dict[str, str] = {}
        self._dropped: list[Dropped] = []
        self._intents: dict[str, Intent] = {}
        self._intended = 0

    def acquire(self, lease: Lease) -> tuple[str, ...]:
        with self._lock:
            standing = self.standing()
            now, acquired = standing.now, leases.acquire(lease, standing)
            self._free(acquired.tokens)
            for run in acquired.runs:
                self._abandon(run)
            for asset in lease.assets:
                self._held[asset] = AssetLease(asset, lease.run, lease.token, lease.holder, since=now, renewed_at=now)
            return acquired.runs

    def tokens_at_work(self) -> frozenset[str]:
        standing = self.standing()
        return frozenset(one.token for one in standing.held if not standing.dead(one))

    def note_environment(self, transaction: Transaction, lease: Lease, note: EnvironmentNote) -> None:
        raise AssertionError("the lake in memory has no environments")

    def standing(self) -> CurrentLeases:
        with self._lock:
            held = list(self._held.values())
            alive = {holder: self._is_alive(holder) for holder in leases.holders(held)}
            return CurrentLeases(held, alive, self._clock(), self._lease_seconds)

    def renew(self, lease: Lease) -> None:
        with self._lock:
            self._assert_held(lease)
            for asset in lease.assets:
                self._held[asset] = replace(self._held[asset], renewed_at=self._clock())

    def release(self, lease: Lease) -> None:
        with self._lock:
            self._free(frozenset({lease.token}))

    def save(
        self,
        run: RunRecord,
        verdicts: Sequence[VerdictRecord] = (),
        lease: Lease | None = None,
        others: Sequence[RunRecord] = (),
    ) -> None:
        with self._lock:
            if lease is not None:
                self._assert_held(lease)
            self._runs |= {one.id: one for one in (run, *others)}
            self._verdicts += [verdict for verdict in verdicts if verdict not in self._verdicts]

    def note(self, lease: Lease, run: str, step: StepRecord) -> None:
        with self._lock:
            self._assert_held(lease)
            self._runs[run] = self._runs[run].with_step(step)

    def record(self, transaction: Transaction, lease: Lease, run: RunRecord, verdicts: Sequence[VerdictRecord]) -> None:
        assert isinstance(transaction, MemoryTransaction), "the catalog in memory opens the transaction"
        with self._lock:
            self._assert_held(lease)
        transaction.then(partial(self.save, run, verdicts))

    def rename(self, transaction: Transaction, old: AssetKey, new: AssetKey) -> None:
        assert isinstance(transaction, MemoryTransaction), "the catalog in memory opens the transaction"
        transaction.then(partial(self._rename, old, new))

    def drop(self, transaction: Transaction, dropped: Dropped) -> None:
        assert isinstance(transaction, MemoryTransaction), "the catalog in memory opens the transaction"
        transaction.then(partial(self._dropped.append, dropped))

    def intend(self, intent: Intent, lease: Lease) -> None:
        with self._lock:
            self._assert_held(lease)
            self._intents[intent.id] = intent
            self._intended += 1

    def fulfil(self, intent: Intent) -> None:
        with self._lock:
            if self._intents.pop(intent.id, None):
                for note in intent.notes:
                    self._noted(note)

    def withdraw(self, intent: Intent) -> None:
        with self._lock:
            self._intents.pop(intent.id, None)

    def intents(self) -> Intents:
        with self._lock:
            return Intents(self._intended, tuple(self._intents.values()))

    def _noted(self, note: Note) -> None:
        match note:
            case RunNote(run, verdicts):
                self.save(run, verdicts)
            case NameNote(old, new):
                self._rename(old, new)
            case Dropped():
                self._dropped.append(note)

    def dropped(self) -> tuple[Dropped, ...]:
        return tuple(self._dropped)

    def _rename(self, old: AssetKey, new: AssetKey) -> None:
        with self._lock:
            self._verdicts = [replace(said, asset=new) if said.asset == old else said for said in self._verdicts]
            for run in [run for run in self._runs.values() if run.step(old) and not run.step(new)]:
                steps = tuple(replace(step, asset=new) if step.asset == old else step for step in run.steps)
                self._runs[run.id] = replace(run, steps=steps)

    def run(self, prefix: str) -> RunRecord:
        with self._lock:
            return self._runs[one_id(prefix, sorted(id_ for id_ in self._runs if id_.startswith(prefix)))]

    def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        with self._lock:
            newest = sorted(self._runs.values(), key=lambda run: (run.started_at, run.id), reverse=True)
            return tuple(newest[:limit])

    def states(self) -> Mapping[str, RunState]:
        return {run.id: run.state for run in self._runs.values()}

    def unpublished(self, keys: Iterable[AssetKey]) -> tuple[RunRecord, ...]:
        asked = frozenset(keys)
        return tuple(
            run
            for run in self.runs(len(self._runs))
            if run.state in UNPUBLISHED_ENDS and any(step.asset in asked and _left(step) for step in run.steps)
        )

    def verdicts(self, keys: Iterable[AssetKey]) -> Mapping[AssetKey, tuple[VerdictRecord, ...]]:
        with self._lock:
            return {key: tuple(verdict for verdict in self._verdicts if verdict.asset == key) for key in keys}

    def until(self, run: str) -> tuple[VerdictRecord, ...]:
        with self._lock:
            published = {Ruling.PUBLISH, Ruling.FORCED}
            mine = [at for at, one in enumerate(self._verdicts) if one.run == run and one.ruling in published]
            return tuple(self._verdicts[: mine[-1] + 1]) if mine else ()

    def latest(self, snapshots: Mapping[AssetKey, Iterable[int]]) -> Mapping[AssetKey, tuple[VerdictRecord, ...]]:
        wanted = {key: set(some) for key, some in snapshots.items()}
        with self._lock:
            mine = [said for said in self._verdicts if said.snapshot_id in wanted.get(said.asset, ())]
        last = {(said.asset, said.snapshot_id, said.ruling): at for at, said in enumerate(mine)}
        kept = [mine[at] for at in sorted(last.values())]
        return {key: tuple(said for said in kept if said.asset == key) for key in wanted}

    def pinned(self) -> frozenset[int]:
        with self._lock:
            running = [run for run in self._runs.values() if run.state is RunState.RUNNING]
        return frozenset(snapshot for run in running for step in run.steps for snapshot in step.inputs.values())

    def remember_code(self, version: str, algorithm: str, source: str) -> None:
        self._code.setdefault(version, source)

    def code(self, version: str) -> str | None:
        return self._code.get(version)

    def lost(self) -> tuple[str, ...]:
        return ()

    def _free(self, tokens: frozenset[str]) -> None:
        self._held = {asset: held for asset, held in self._held.items() if held.token not in tokens}

    def _abandon(self, run: str) -> None:
        if (record := self._runs.get(run)) and record.state is RunState.RUNNING:
            self._runs[run] = replace(record, state=RunState.ABANDONED, ended_at=self._clock())

    def _assert_held(self, lease: Lease) -> None:
        held = [self._held[asset] for asset in lease.assets if asset in self._held]
        if {one.asset for one in held if one.token == lease.token} != lease.assets:
            raise leases.lost(lease, held)


def _left(step: StepRecord) -> bool:
    wrote = step.state is StepState.ERRORED and step.snapshot_id is not None
    return wrote or step.state in {None, StepState.HELD, StepState.CONFLICT}


class MemoryTransaction:
    """Writes that are held back until the commit; none of them can fail."""

    def __init__(self) -> None:
        self._writes: list[Callable[[], None]] = []

    def then(self, write: Callable[[], None]) -> None:
        self._writes.append(write)

    def commit(self) -> None:
        for write in self._writes:
            write()
