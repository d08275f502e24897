"""What a promote of an environment would do: what is ready, what is behind, what is held. Writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from lakeflow.core.environments.promotion import Candidates, Promotion, apart, sound
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.quarantine import owner_of, with_their_quarantines
from lakeflow.core.model.run import VerdictRecord
from lakeflow.core.plan.planning import Plan
from lakeflow.core.plan.reasons import Cause
from lakeflow.core.values import dataclass
from lakeflow.wap.environments.catalog import EnvironmentCatalog
from lakeflow.wap.environments.look import recorded, unknown
from lakeflow.wap.facts import gather
from lakeflow.wap.ports import World
from lakeflow.wap.run.plan import Request, due


@dataclass(frozen=True)
class Decided:
    """A promotion, and what it was decided on."""

    promotion: Promotion
    found: Candidates


@contextmanager
def entered(world: World, name: str) -> Iterator[World]:
    """The world of the environment, with an engine of its own; the database stays the lake's."""
    there = replace(world.within(name), release=lambda: None)
    try:
        yield there
    finally:
        there.close()


def decided(world: World, name: str) -> Decided:
    """An asset is ready where main is still what it was built on, and where a plan would find nothing to do for it if
    all that is ready were main: today's code, checks and inputs are those with which it was built.

    UsageError where there is no environment of that name.
    """
    environment = recorded(world).find(name)
    if environment is None:
        raise unknown(name, [one.name for one in recorded(world).all()])
    tables = world.catalog.load(world.catalog.keys())
    with entered(world, name) as there:
        heads = {key: table.refs.get(environment.ref, table.main) for key, table in tables.items()}
        found = Candidates(world.project, environment, tables, _said(world, there, name, heads))
        return Decided(_promotion(world, there, found), found)


def _promotion(world: World, there: World, found: Candidates) -> Promotion:
    name = found.environment.name
    ready, behind = sound(found)
    waiting = {key for run in there.ledger.unpublished(world.project.assets) for key in run.left}
    lost = frozenset(_never_built(found, {*ready, *behind, *waiting}))
    held: dict[AssetKey, str] = {}
    while True:
        plan = _plan_after(world, there, name, ready, {*behind, *waiting, *lost, *held})
        held |= {one.asset: one.why for one in plan.held}
        asked = {*ready, *waiting, *lost}
        late = {step.asset: str(step.reasons[0]) for step in plan.steps if step.asset in asked}
        late = apart(found, ready) | late
        behind = late | behind
        # What is made from an asset that stays behind is behind as well, which the next plan finds.
        left = {key: one for key, one in ready.items() if key not in late and key not in held}
        if left.keys() == ready.keys():
            return Promotion(name, tuple(left.values()), {k: behind[k] for k in sorted(behind.keys() - held)}, held)
        ready = left


def _never_built(found: Candidates, keys: Collection[AssetKey]) -> Iterator[AssetKey]:
    """What these are made from, however far above, and that stands nowhere: its table may have been dropped since."""
    left, seen = list(keys), {*keys}
    while left:
        asset = found.project.assets.get(left.pop())
        for key in (asset.upstreams if asset else frozenset()) - seen:
            seen.add(key)
            left.append(key)
            table = found.tables.get(key)
            if table is None or (table.main is None and not found.environment.holds(table)):
                yield key


def _plan_after(
    world: World, there: World, name: str, ready: Collection[AssetKey], others: Collection[AssetKey]
) -> Plan:
    """What a run of these would have to do if what is ready were main. A root that always runs, because nothing says
    whether its source changed, has not changed by that, nor what is made from it.
    """
    keys = with_their_quarantines(world.project.assets, {*ready, *others})
    after = EnvironmentCatalog(world.catalog, recorded(world), name, frozenset(ready))
    view = replace(there, catalog=after, looked={})
    facts = gather(view, keys)
    plan = due(view, facts, keys, Request(keys))
    restless = {step.asset for step in plan.steps if {each.cause for each in step.reasons} == {Cause.NO_FINGERPRINT}}
    if not restless:
        return plan
    others = tuple(key for key in keys if (owner_of(key) or key) not in restless)
    return due(view, facts, others, Request(others))


def _said(
    world: World, there: World, name: str, heads: Mapping[AssetKey, int | None]
) -> dict[AssetKey, tuple[VerdictRecord, ...]]:
    """The verdicts of the environment's runs that main does not know, of each table whose head has one."""
    runs = recorded(world).runs(name)
    last = there.ledger.latest({key: [head] for key, head in heads.items() if head is not None})
    mine = [key for key, said in last.items() if any(one.run in runs for one in said)]
    known = {_name(one) for said in world.ledger.verdicts(mine).values() for one in said}
    return {
        key: tuple(one for one in said if one.run in runs and _name(one) not in known)
        for key, said in there.ledger.verdicts(mine).items()
    }


def _name(said: VerdictRecord) -> tuple[object, ...]:
    return said.asset, said.snapshot_id, said.run, said.attempt, said.ruling, said.at


def read_by(world: World, keys: Iterable[AssetKey]) -> frozenset[AssetKey]:
    """The tables from which these are made, and those that their checks look into."""
    assets = world.project.assets
    suites = {key: world.project.suite(key) for key in keys if key in assets}
    every = (assets[key].upstreams | suite.references | suite.published for key, suite in suites.items())
    return frozenset[AssetKey]().union(*every)
