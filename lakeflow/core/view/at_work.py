"""Who is at work on a lake now, as the leases tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord, RunState
from lakeflow.core.run.leases import CurrentLeases


@dataclass(frozen=True)
class AtWork:
    """A run whose process lives: whose it is, where and since when it works, and on which assets."""

    run: str
    actor: str
    since: datetime
    host: str
    pid: int
    assets: tuple[AssetKey, ...]


def at_work(runs: Iterable[RunRecord], leases: CurrentLeases) -> tuple[AtWork, ...]:
    """The runs that hold a lease of a living process, the longest first."""
    running = {run.id: run for run in runs if run.state is RunState.RUNNING}
    found: dict[str, AtWork] = {}
    for held in sorted(leases.held, key=lambda one: (one.since, one.asset)):
        if held.run in running and not leases.dead(held):
            before = found[held.run].assets if held.run in found else ()
            actor, holder = running[held.run].actor, held.holder
            since = found[held.run].since if held.run in found else held.since
            found[held.run] = AtWork(held.run, actor, since, holder.host, holder.pid, (*before, held.asset))
    return tuple(found.values())
