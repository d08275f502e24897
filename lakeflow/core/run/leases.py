"""Who may write: the decision on a lease that is asked for, given the leases that stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from lakeflow.core.errors import BusyError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Holder, Lease, RunRecord, RunState
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class AssetLease:
    """One asset under a lease, as the ledger has it. Times are in UTC."""

    asset: AssetKey
    run: str
    token: str
    holder: Holder
    since: datetime
    renewed_at: datetime


@dataclass(frozen=True)
class CurrentLeases:
    """The leases that stand, and what is known of their holders now.

    `alive` maps a holder to True, False, or None: a process on another host, of which nothing can be known but its
    heartbeat; such a holder counts as dead once it has not renewed for `lease_seconds`.
    """

    held: Sequence[AssetLease]
    alive: Mapping[Holder, bool | None]
    now: datetime
    lease_seconds: float

    def dead(self, held: AssetLease) -> bool:
        alive = self.alive.get(held.holder)
        # A heartbeat in the future proves as little as an old one: a clock that ran fast must not hold a table for
        # days.
        lapsed = abs(self.now - held.renewed_at) > timedelta(seconds=self.lease_seconds)
        return lapsed if alive is None else not alive


@dataclass(frozen=True)
class Acquired:
    """What a take-over frees: the tokens of all dead leases, and the runs that died with them, in order."""

    tokens: frozenset[str] = frozenset()
    runs: tuple[str, ...] = ()


def acquire(wanted: Lease, standing: CurrentLeases) -> Acquired:
    """Give the lease on all assets of `wanted`, or on none.

    1. A live holder of one of the assets refuses it: BusyError names every such holder.
    2. Every dead lease is freed, also of assets that `wanted` does not need: the next writer cleans up.
    3. A lease with the token of `wanted` is its own, and in nobody's way.
    """
    dead = [held for held in standing.held if standing.dead(held) and held.token != wanted.token]
    in_the_way = [
        held
        for held in standing.held
        if held.asset in wanted.assets and held.token != wanted.token and held not in dead
    ]
    if in_the_way:
        raise busy(in_the_way)
    return Acquired(frozenset(held.token for held in dead), tuple(sorted({held.run for held in dead})))


def died(run: RunRecord, standing: CurrentLeases) -> bool:
    """Is the run recorded as running although no living process has a lease for it?"""
    alive = any(held.run == run.id and not standing.dead(held) for held in standing.held)
    return run.state is RunState.RUNNING and not alive


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


def busy(held: Iterable[AssetLease]) -> BusyError:
    """Names each holder once, with its run, since when, and the assets that it holds."""
    ordered = sorted(held, key=lambda one: (one.run, one.token, one.asset))
    sentences = [_sentence(list(group)) for _, group in groupby(ordered, key=lambda one: (one.run, one.token))]
    hint = f"`lakeflow runs {ordered[0].run}` shows it; `materialize` and `retry` wait for it with `--wait 10m`"
    return BusyError("; ".join(sentences), hint=hint, asset=ordered[0].asset)


def lost(lease: Lease, held: Iterable[AssetLease]) -> BusyError:
    """The error of a run whose lease is not its own any more; `held` are the leases on its assets now."""
    others = [one for one in held if one.token != lease.token]
    now = f": {busy(others).message}" if others else ""
    return BusyError(
        f"run {lease.run} has lost its lease, because it was silent for too long{now}",
        hint=f"`lakeflow retry {lease.run}` goes on with it",
    )


def holders(held: Iterable[AssetLease]) -> frozenset[Holder]:
    return frozenset(one.holder for one in held)


def _sentence(group: Sequence[AssetLease]) -> str:
    first = group[0]
    assets = ", ".join(str(one.asset) for one in group)
    since = f"{first.since:%Y-%m-%d %H:%M:%S} UTC"
    verb = "is" if len(group) == 1 else "are"
    where = f"process {first.holder.pid} on {first.holder.host}, since {since}"
    return f"{assets} {verb} busy: run {first.run} is at work ({where})"
