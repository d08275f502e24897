"""One attempt at a run: which snapshots it pinned, what it has written, and how each step stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from threading import Lock

from lakeflow.core.care.retention import Retention
from lakeflow.core.errors import LakeflowError
from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.changes import Discard
from lakeflow.core.model.check import Suite
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.quarantine import quarantine_key
from lakeflow.core.model.run import GIVEN_UP, Action, Lease, Ruling, RunRecord, StepRecord, StepState, VerdictRecord
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.planning import Step
from lakeflow.core.ports.entry import UNRECORDED
from lakeflow.core.run.events import Event, Phase, StepEnded, StepPhase, StepTraced
from lakeflow.core.run.resources import Resources
from lakeflow.core.version.fingerprint import ALGORITHM
from lakeflow.wap.facts import external_scans
from lakeflow.wap.parallel import StepLock
from lakeflow.wap.ports import World

Observer = Callable[[Event], None]


class Stops(StrEnum):
    """When a run begins no further step: never, or as soon as one of its steps is held or errored."""

    NEVER = "never"
    AT_FIRST = "at the first that does not pass"


class Attempt:
    """The journal of a running attempt: every change of a step is told to the ledger and to the observer.

    `tables` starts as the one catalog read that pins all inputs; a step replaces its own table in it. `granted` are the
    resources of the steps that run at the same time; they take turns with the `step_lock`. `audited` holds the
    snapshots that this attempt audited: nothing else may be published. `on_main` holds verdicts on snapshots that are
    main and stay main: they pass today's checks, or a new write gave the same rows. `looked_at` holds which snapshots
    of other tables the checks of each audited asset looked into. `planned` are the steps that it may carry out, again
    too where a main or an input moved; a decision about held snapshots has none. `traced` are assets whose code left a
    traceback in the log when it was last tried. `repeated` are the steps that would have repeated what another run
    holds, each with the snapshot that it holds. A step calls `ease` with its asset when its rows are written: others
    may begin beside its audit, even if it is large. `stopped_by` names the step for which no other one begins any more.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what an attempt is made of
        self,
        world: World,
        lease: Lease,
        run: RunRecord,
        facts: Facts,
        observer: Observer,
        stops: Stops = Stops.NEVER,
    ) -> None:
        self.world = world
        self.lease = lease
        self.run = run
        self.facts = facts
        self.tables: dict[AssetKey, Table] = dict(facts.tables)
        self.step_lock = StepLock()
        self.granted: dict[AssetKey, Resources] = {}
        self.looked_at: dict[AssetKey, Mapping[str, int]] = {}
        self.traced: set[AssetKey] = set()
        self._watchers = (world.log, observer)
        self._telling = Lock()
        self._past: dict[str, RunRecord] = {}
        self._outside: dict[tuple[str, ...], int] = {}
        self.audited: set[int] = set()
        self.on_main: dict[AssetKey, VerdictRecord] = {}
        self.planned: Mapping[AssetKey, Step] = EMPTY
        self.repeated: dict[AssetKey, int | None] = {}
        self.ease: Callable[[AssetKey], None] = lambda _: None
        self.stopped_by = ""
        self._stops = stops

    @property
    def branch(self) -> str:
        return self.run.branch

    def asset(self, key: AssetKey) -> Asset:
        return self.world.project.assets[key]

    def suite(self, key: AssetKey) -> Suite:
        return self.world.project.suite(key)

    def step(self, key: AssetKey) -> StepRecord:
        step = self.run.step(key)
        assert step is not None, f"{key} is no step of run {self.run.id}"
        return step

    @property
    def steps(self) -> tuple[StepRecord, ...]:
        return self.run.steps

    @property
    def needs(self) -> Mapping[AssetKey, frozenset[AssetKey]]:
        """For each step the assets of this run that must be published with it: inputs and check references.

        What another run superseded, or a person discarded, will never be published by this one: nothing waits for it.
        """
        known = (step for step in self.steps if step.state not in GIVEN_UP)
        mine = {step.asset for step in known if step.asset in self.world.project.assets}
        return {key: (self._inputs_of(key) | self.suite(key).references) & mine - {key} for key in mine}

    def _inputs_of(self, key: AssetKey) -> frozenset[AssetKey]:
        """Its inputs, and its quarantine: the good and the refused rows of one write are published together."""
        return self.asset(key).upstreams | {quarantine_key(key)}

    def past(self, run: str) -> RunRecord:
        """A run that has ended, read once however many steps ask. UsageError when the ledger lost it."""
        if run not in self._past:
            self._past[run] = self.world.ledger.run(run)
        return self._past[run]

    def outside_bytes(self, globs: tuple[str, ...]) -> int:
        """The bytes of the files that globs match, looked up once."""
        if globs not in self._outside:
            self._outside[globs] = self.world.outside_bytes(globs)
        return self._outside[globs]

    def tell(self, event: Event) -> None:
        """Tell the run's log and whoever watches; a watcher that fails stops no run. A step without the lock may call
        it too, such as one whose code prints.
        """
        with self._telling:
            for watch in self._watchers:
                with suppress(OSError):  # the screen is gone or its disk is full: what was published stays published
                    watch(event)

    def trace(self, key: AssetKey, lines: tuple[str, ...]) -> None:
        """Tell only the run's log."""
        with self._telling:
            self.traced.add(key)
            self.world.log(StepTraced(self.run.id, key, lines))

    def resources(self, key: AssetKey) -> Resources:
        """What work for this asset may take of the machine: a part of it while other steps run too."""
        return self.granted.get(key, self.world.policy.machine)

    def tell_phase(self, key: AssetKey, phase: Phase) -> None:
        self.tell(StepPhase(self.run.id, key, phase))

    def update(self, step: StepRecord) -> StepRecord:
        """Replace a step of the run, without telling the ledger yet."""
        self.run = self.run.with_step(step)
        return step

    def note(self, step: StepRecord) -> StepRecord:
        """Record in the ledger how a step stands: a later attempt goes on from there."""
        self.update(step)
        self.world.ledger.note(self.lease, self.run.id, step)
        return step

    def save(self, run: RunRecord, verdicts: Sequence[VerdictRecord] = (), others: Sequence[RunRecord] = ()) -> None:
        """Save the run in the ledger, and other runs that change with it. BusyError when the lease was lost: then
        another process records the run.
        """
        self.world.ledger.save(run, verdicts, self.lease, others)

    def end(self, step: StepRecord, state: StepState, reason: str = "") -> StepRecord:
        ended = self.note(replace(step, state=state, reason=reason, ended_at=self.world.clock()))
        if self._stops is Stops.AT_FIRST and state in {StepState.HELD, StepState.ERRORED, StepState.CONFLICT}:
            self.stopped_by = (
                self.stopped_by or f"{step.asset} {'is in conflict' if state is StepState.CONFLICT else state}"
            )
        self.tell(StepEnded(self.run.id, ended))
        return ended

    def end_by_error(self, step: StepRecord, state: StepState, error: LakeflowError) -> StepRecord:
        """End a step with an error. RUN in the error's hint is replaced by the id of this run."""
        trace = "`lakeflow runs RUN --log` has the traceback" if step.asset in self.traced else ""
        hint = "; ".join(filter(None, (error.hint, trace))).replace("RUN", self.run.id)
        return self.end(step, state, f"{error.message} ({hint})" if hint else error.message)

    def clear_branch(self, key: AssetKey) -> None:
        """Drop what an earlier attempt left on the run's branch, so that this attempt forks from main again."""
        table = self.tables.get(key)
        if table is not None and self.branch in table.refs:
            stale = Discard(key, self.branch, table.refs[self.branch])
            self.tables |= self.world.catalog.commit([stale], UNRECORDED)

    # what a step sees

    def written_here(self, key: AssetKey) -> int | None:
        """The snapshot that this run wrote for the asset and that waits to be published, or is held.

        No code reads a held snapshot, but a check that names its table sees it.
        """
        step = self.run.step(key)
        pending = step is not None and step.action is Action.WRITE and step.state in {None, StepState.HELD}
        return step.snapshot_id if step and pending else None

    def pinned(self, key: AssetKey) -> int | None:
        """The snapshot that the run wrote; else main as it was when the run began."""
        here = self.written_here(key)
        if here is not None:
            return here
        table = self.tables.get(key)
        return None if table is None else table.main

    def scans(self, keys: Iterable[AssetKey]) -> dict[AssetKey, Scan]:
        """Pinned scans of these tables; one that was never built is left out."""
        return {
            key: self.world.catalog.scan(self.tables[key], snapshot)
            for key in sorted(keys)
            if (snapshot := self.pinned(key)) is not None
        }

    def inputs(self, asset: Asset, others: frozenset[AssetKey] = frozenset()) -> dict[TableKey, Scan]:
        """What the asset's code reads, pinned, without the `others`; AssetError for an external table that is lost."""
        ours: dict[TableKey, Scan] = dict(self.scans(asset.upstreams - others).items())
        return ours | external_scans(self.world, asset, self.facts)

    def pinned_inputs(self, asset: Asset) -> dict[str, int]:
        """The snapshot of each input that was ever written, by the input's name."""
        ours = {str(key): self.pinned(key) for key in asset.upstreams}
        theirs = {str(key): found.main for key in asset.external if (found := self.facts.externals.get(key))}
        return {name: snapshot for name, snapshot in (ours | theirs).items() if snapshot is not None}

    def published_scans(self, keys: Iterable[AssetKey]) -> dict[AssetKey, Scan]:
        """Scans of these tables as readers of main saw them when the run began."""
        return {
            key: self.world.catalog.scan(table, table.main)
            for key in sorted(keys)
            if (table := self.tables.get(key)) and table.main is not None
        }

    def provenance(self, record: StepRecord) -> Provenance:
        """The provenance that the snapshot of this step carries: where its rows come from."""
        origin = self.world.invocation
        return Provenance(
            run=self.run.id,
            attempt=self.run.attempt,
            asset=str(record.asset),
            code_version=record.code_version,
            checks=record.checks_digest,
            inputs=record.inputs,
            version=origin.version,
            fingerprint=ALGORITHM,
            git=origin.git,
            reads_digest=record.reads_digest,
            salt=self.asset(record.asset).salt,
        )

    def retention(self, key: AssetKey) -> Retention:
        """How much of main's past stays: what the asset declares, else the settings."""
        asset, policy = self.world.project.assets.get(key), self.world.policy
        snapshots = asset.keep_snapshots if asset and asset.keep_snapshots is not None else policy.keep_snapshots
        return Retention(snapshots, (asset.keep_age if asset else None) or policy.keep_age)

    def verdict(self, step: StepRecord, ruling: Ruling, reason: str = "") -> VerdictRecord:
        """The verdict on the snapshot of a step, with what the step recorded."""
        assert step.snapshot_id is not None, f"{step.asset} has no snapshot to rule on"
        # Its checks looked into snapshots in this attempt, or else when it was last audited.
        stands = self.facts.stands(step.asset)
        return VerdictRecord(
            asset=step.asset,
            snapshot_id=step.snapshot_id,
            ruling=ruling,
            run=self.run.id,
            attempt=self.run.attempt,
            at=self.world.clock(),
            actor=self.world.invocation.actor,
            reason=reason,
            code_version=step.code_version,
            checks_digest=step.checks_digest,
            reads_digest=step.reads_digest,
            inputs=step.inputs,
            passed=sum(check.outcome == "passed" for check in step.checks),
            total=sum(check.outcome != "skipped" for check in step.checks),
            looked_at=self.looked_at.get(step.asset, stands.looked_at if stands else EMPTY),
        )
