"""A lake as the one who serves it sees it: what of each asset is to be done, and what was tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import GIVEN_UP, Action, RunRecord, RunState
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.planning import Plan
from lakeflow.core.plan.reasons import Reason
from lakeflow.core.serve.refreshes import Refreshes
from lakeflow.core.time.refresh import Refresh
from lakeflow.core.values import dataclass
from lakeflow.core.view.freshness import Deadline, confirmed
from lakeflow.core.view.rows import AssetStatus, Health

_BROKE: Final = frozenset({RunState.FAILED, RunState.CONFLICT, RunState.ABANDONED})


@dataclass(frozen=True)
class BrokenRun:
    """The run that ended without an asset, other than by its checks. `attempt` counts its tries, `at` is its end.

    `cut_off` says that its process died.
    """

    run: str
    attempt: int
    at: datetime
    cut_off: bool = False


@dataclass(frozen=True)
class ServedAsset:
    """One asset. `reasons` are those of its step in the plan of the whole lake; none: it is fresh, or a run
    holds what it would make.

    `tried` is when a run was last at it, `failure` how that run ended where it broke. `at_work`: a run is at it.
    `settling`: one of its files was written to a moment ago.
    """

    asset: AssetKey
    refreshes: tuple[Refresh, ...]
    reasons: tuple[Reason, ...] = ()
    upstreams: frozenset[AssetKey] = frozenset()
    tried: datetime | None = None
    failure: BrokenRun | None = None
    at_work: bool = False
    settling: bool = False
    deadlines: tuple[Deadline, ...] = ()
    health: Health = Health.UNKNOWN
    published_at: datetime | None = None
    rows: int | None = None

    @property
    def is_published(self) -> bool:
        return self.published_at is not None


@dataclass(frozen=True)
class ServedLake:
    """All assets, upstreams first."""

    assets: Mapping[AssetKey, ServedAsset] = EMPTY


@dataclass(frozen=True)
class Outlook:
    """A lake at one moment: its plan of everything, its statuses, and its last runs, newest first."""

    project: Project
    facts: Facts
    plan: Plan
    statuses: Mapping[AssetKey, AssetStatus]
    runs: Sequence[RunRecord]


def served(look: Outlook, refreshes: Refreshes) -> ServedLake:
    """What a look tells of each asset."""
    last: dict[AssetKey, RunRecord] = {}
    for run in look.runs:
        for step in run.steps:
            if step.action is not Action.COMPACT:  # no row is newer for it
                last.setdefault(step.asset, run)
    return ServedLake(
        {
            key: _served(look, key, refreshes[key], last.get(key))
            for key in look.project.assets
            if owner_of(key) is None  # a quarantine is written with its owner
        }
    )


def _served(look: Outlook, key: AssetKey, refreshes: tuple[Refresh, ...], run: RunRecord | None) -> ServedAsset:
    status, step, landing = look.statuses[key], look.plan.step(key), look.facts.landings.get(key)
    seen = confirmed(key, look.facts) if key in look.facts.tables else None
    times = (seen, run and (run.ended_at or run.started_at))
    return ServedAsset(
        key,
        refreshes,
        step.reasons if step else (),
        look.project.assets[key].upstreams,
        tried=max((time for time in times if time), default=None),
        failure=_failure(key, run),
        at_work=run is not None and run.state is RunState.RUNNING,
        settling=landing is not None and any(not file.identity for file in landing.new),
        deadlines=status.deadlines,
        health=status.health,
        published_at=status.published_at,
        rows=status.rows,
    )


def _failure(key: AssetKey, run: RunRecord | None) -> BrokenRun | None:
    step = run.step(key) if run else None
    if run is None or step is None or step.done or step.state in GIVEN_UP or run.state not in _BROKE:
        return None  # of what somebody discarded the plan says whether it is due again
    return BrokenRun(run.id, run.attempt, run.ended_at or run.started_at, cut_off=run.state is RunState.ABANDONED)
