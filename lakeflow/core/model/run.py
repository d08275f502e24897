"""A run as a value: its steps, their checks, and the state that follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from lakeflow.core.displayed import Displayed, aligned, printable
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted


class RunState(StrEnum):
    """How a run stands. The worst step decides: failed, then conflict, then held, then published. `abandoned` means
    that its process died, `superseded` that a later run wrote anew what this one left unpublished.
    """

    RUNNING = "running"
    PUBLISHED = "published"
    HELD = "held"
    FAILED = "failed"
    CONFLICT = "conflict"
    ABANDONED = "abandoned"
    SUPERSEDED = "superseded"
    DISCARDED = "discarded"
    ROLLED_BACK = "rolled_back"


UNPUBLISHED_ENDS: Final = frozenset({RunState.HELD, RunState.FAILED, RunState.CONFLICT, RunState.ABANDONED})
"""A run in one of these states may be retried, published or discarded."""


class StepState(StrEnum):
    """How a step ended. `errored`: its code or its write failed. `audited`: only the checks ran, on main. `superseded`:
    a later run wrote it anew; `discarded`: a person dropped what it wrote.
    """

    PUBLISHED = "published"
    HELD = "held"
    SKIPPED = "skipped"
    ERRORED = "errored"
    CONFLICT = "conflict"
    UNCHANGED = "unchanged"
    AUDITED = "audited"
    SUPERSEDED = "superseded"
    DISCARDED = "discarded"


DONE: Final = frozenset({StepState.PUBLISHED, StepState.UNCHANGED, StepState.AUDITED})
GIVEN_UP: Final = frozenset({StepState.SUPERSEDED, StepState.DISCARDED})
"""Steps in one of these states never reached readers and never will: nothing of them is left to decide."""


class Action(StrEnum):
    """What a step does with an asset: write it anew, audit its published snapshot with today's checks, or move its very
    rows into fewer files.
    """

    WRITE = "write"
    AUDIT = "audit"
    COMPACT = "compact"


class ReadScope(StrEnum):
    """What was read for a check's answer: only the snapshot's metadata, only the files that a write added, or all
    rows.
    """

    METADATA = "metadata"
    ADDED = "added"
    ALL = "all"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check on one snapshot.

    `failed_rows` and `rows` (those it looked at) are None where the check does not count rows. `detail` says what was
    expected and found, or why the check errored. `samples` are a few failing rows as text, never with a personal value.
    `evidence` belongs to an expectation: a result of Great Expectations is built from it (`core.evidence`). `asked`
    says which other engine than the lake's own was asked, and why; it is empty where none was.
    """

    name: str
    outcome: Outcome
    severity: Severity = Severity.CRITICAL
    failed_rows: int | None = None
    rows: int | None = None
    detail: str = ""
    path: str = ""
    samples: tuple[Mapping[str, str | None], ...] = ()
    scope: ReadScope = ReadScope.ALL
    evidence: Mapping[str, Any] = field(default=EMPTY, repr=False)
    asked: str = ""

    @property
    def holds(self) -> bool:
        """An errored check always holds, a failed one when it is critical."""
        failed = self.outcome is Outcome.FAILED and self.severity is Severity.CRITICAL
        return failed or self.outcome is Outcome.ERRORED


@dataclass(frozen=True)
class StepRecord:
    """One asset in one run. `state` is None until the step has ended.

    `base_id` is main as the step was planned on it, `snapshot_id` what the step wrote or audited, `inputs` the pinned
    snapshots that it read, `partitions` the partitions in time that it had to build, `reads` the digest of a root's
    outside files. `reasons` say why it was planned, `reason` why it ended as it did, `ended_at` when.
    """

    asset: AssetKey
    action: Action = Action.WRITE
    reasons: tuple[str, ...] = ()
    state: StepState | None = None
    reason: str = ""
    attempt: int = 1
    base_id: int | None = None
    snapshot_id: int | None = None
    rows: int | None = None
    seconds: float = 0.0
    code_version: str = ""
    checks_digest: str = ""
    reads_digest: str = ""
    inputs: Mapping[str, int] = EMPTY
    partitions: tuple[str, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    ended_at: datetime | None = None

    @property
    def done(self) -> bool:
        return self.state in DONE

    @property
    def open(self) -> bool:
        """Did the step not reach readers, and may it still?"""
        return self.state not in DONE | GIVEN_UP


@dataclass(frozen=True)
class RunRecord(Displayed):
    """One execution of a plan, with all its attempts. `actor` is who started it; times are in UTC."""

    id: str
    state: RunState
    started_at: datetime
    attempt: int = 1
    ended_at: datetime | None = None
    steps: tuple[StepRecord, ...] = ()
    selection: tuple[str, ...] = ()
    all_or_nothing: bool = False
    actor: str = ""
    reason: str = ""

    def __repr__(self) -> str:
        head = f"Run {self.id} {self.state.replace('_', ' ')}, {counted(len(self.steps), 'step')}"
        rows = [
            (
                str(step.asset),
                str(step.state or "running"),
                "" if step.rows is None else counted(step.rows, "row"),
                step.reason or ", ".join(check.name for check in step.checks if check.holds),
            )
            for step in self.steps
        ]
        return "\n".join((printable(head), *([aligned(rows)] if rows else [])))

    @property
    def branch(self) -> str:
        return branch_of(self.id)

    @property
    def left(self) -> frozenset[AssetKey]:
        """What it did not publish, and still may."""
        return frozenset(step.asset for step in self.steps if step.open)

    def step(self, key: AssetKey) -> StepRecord | None:
        return next((step for step in self.steps if step.asset == key), None)

    def with_step(self, step: StepRecord) -> RunRecord:
        """The run with this step, which replaces the step of the same asset or is added at the end."""
        if self.step(step.asset) is None:
            return replace(self, steps=(*self.steps, step))
        return replace(self, steps=tuple(step if old.asset == step.asset else old for old in self.steps))


def waiting(newest_first: Iterable[RunRecord]) -> tuple[RunRecord, ...]:
    """Runs that did not publish all of their assets and that no later run has taken up.

    A step that was skipped took up nothing, and neither did a compaction; a run of nothing else has nothing to decide
    about.
    """
    later: set[AssetKey] = set()
    found = []
    for run in newest_first:
        left = {step.asset for step in run.steps if step.open}
        idle = {step.asset for step in run.steps if step.state is StepState.SKIPPED or step.action is Action.COMPACT}
        if run.state in UNPUBLISHED_ENDS and left - later and left - idle:
            found.append(run)
        later |= {step.asset for step in run.steps} - idle
    return tuple(found)


@dataclass(frozen=True)
class Holder:
    """The process that holds a lease, described well enough to tell whether it still lives (DECISIONS 7)."""

    host: str
    boot_id: str
    pid: int
    process_started: str


@dataclass(frozen=True)
class Lease:
    """One run's exclusive right to write these assets; `token` changes with every take-over."""

    run: str
    token: str
    assets: frozenset[AssetKey]
    holder: Holder


class Ruling(StrEnum):
    """What was decided about a snapshot. `publish` and `forced` put it on main; `hold` kept it off; `unchanged` found a
    new write equal to it; `rolled_back` took it off main, `returned` set main to it again; `dropped` removed
    its whole table from the catalog.
    """

    PUBLISH = "publish"
    HOLD = "hold"
    FORCED = "forced"
    UNCHANGED = "unchanged"
    ROLLED_BACK = "rolled_back"
    RETURNED = "returned"
    DROPPED = "dropped"


STANDING: Final = frozenset({Ruling.PUBLISH, Ruling.FORCED, Ruling.UNCHANGED})
"""The rulings about a snapshot that readers see."""

MOVES: Final = frozenset({Ruling.ROLLED_BACK, Ruling.RETURNED})
"""The rulings of a rollback, which audit nothing."""

AUDITS: Final = frozenset(Ruling) - MOVES
"""The rulings of an audit."""


@dataclass(frozen=True)
class VerdictRecord:
    """The verdict on one snapshot: who ruled, and for which code, checks and inputs.

    `looked_at` maps the other tables that its checks read to their snapshots.
    """

    asset: AssetKey
    snapshot_id: int
    ruling: Ruling
    run: str
    attempt: int
    at: datetime
    actor: str = ""
    reason: str = ""
    code_version: str = ""
    checks_digest: str = ""
    reads_digest: str = ""
    inputs: Mapping[str, int] = EMPTY
    passed: int = 0
    total: int = 0
    looked_at: Mapping[str, int] = EMPTY


@dataclass(frozen=True)
class MoveNote:
    """Why main moves. `ruling` is publish, forced or rolled_back; `reason` is what a person said, `planned` why the
    step was planned; `passed` of `total` checks, where the move was audited.
    """

    ruling: Ruling
    run: str
    actor: str
    reason: str = ""
    planned: tuple[str, ...] = ()
    passed: int = 0
    total: int = 0


@dataclass(frozen=True)
class RecordedMove:
    """Main came to `snapshot_id` (None: to nothing) in version `number` of the lake, together with other tables:
    `tables` in all.
    """

    number: int
    snapshot_id: int | None
    at: datetime
    tables: int
    note: MoveNote | None = None


def branch_of(run_id: str) -> str:
    return f"audit_{run_id}"


_WORST_FIRST: Final = (
    (StepState.ERRORED, RunState.FAILED),
    (StepState.CONFLICT, RunState.CONFLICT),
    (StepState.HELD, RunState.HELD),
    (StepState.SKIPPED, RunState.HELD),
    (StepState.SUPERSEDED, RunState.SUPERSEDED),
)


def end_state(states: Iterable[StepState | None]) -> RunState:
    """The state of a run is the state of its worst step: failed > conflict > held > published (DECISIONS 1). Without
    any of these it is superseded where a later run has one of its steps: that step's branch may still be there.
    """
    seen = set(states)
    return next((run for step, run in _WORST_FIRST if step in seen), RunState.PUBLISHED)


def one_id(prefix: str, ids: Sequence[str]) -> str:
    """The one id that starts with `prefix`, or that equals it. UsageError when there is none, or several."""
    if prefix in ids:
        return prefix
    if not ids:
        raise UsageError(f"no run's id starts with {prefix!r}", hint="`lakeflow runs` lists them")
    if len(ids) > 1:
        shown = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
        raise UsageError(f"{len(ids)} runs have ids that start with {prefix!r}: {shown}", hint="give more of the id")
    return ids[0]
