"""The plan of a run: what `materialize` would do as things stand now, and why."""

from __future__ import annotations

from collections.abc import Sequence

from lakeflow.core.care.set_aside import set_aside
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.quarantine import with_their_quarantines
from lakeflow.core.plan import planning
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.in_time.partitions import Backfill
from lakeflow.core.plan.planning import Plan
from lakeflow.core.plan.readmission import plan_readmission
from lakeflow.core.plan.taken_out import Asked
from lakeflow.core.values import dataclass
from lakeflow.core.version.salt import require_salt
from lakeflow.wap.attempt import Stops
from lakeflow.wap.facts import gather, with_drift
from lakeflow.wap.ports import World
from lakeflow.wap.run.lost import refuse_lost


@dataclass(frozen=True)
class Request:
    """What a person asks of a run. `refreshed` rebuilds every asset from nothing, `going_on` rebuilds none.

    `wait` is in seconds; `selection` is kept for the record. With `backfill`, only partitions in that span of time are
    planned; assets without partitions are planned as usual. With `readmits` an asset is written from its quarantine.
    `stops` says when the steps that have not begun are skipped. `files` says which landed files are taken out, or
    land again; then `refreshed` concerns what was made from them.
    """

    selected: tuple[AssetKey, ...]
    selection: tuple[str, ...] = ()
    forced: bool = False
    all_or_nothing: bool = False
    wait: float = 0.0
    refreshed: bool = False
    backfill: Backfill | None = None
    readmits: bool = False
    going_on: bool = False
    stops: Stops = Stops.NEVER
    files: Asked = EMPTY

    @property
    def lands_anew(self) -> bool:
        """Do all files land again, as if none had landed?"""
        return self.refreshed and not self.files


def plan(world: World, request: Request) -> Plan:
    """The plan as things stand now; touches nothing. ConfigError when something selected hashes without a salt."""
    if request.refreshed and request.going_on:
        hint = "--go-on keeps what stands, --full-refresh rebuilds it: give one of them"
        raise UsageError("a run cannot both go on and rebuild everything", hint=hint)
    selected = with_their_quarantines(world.project.assets, request.selected)
    require_salt(world.project, selected)
    return due(world, gather(world, selected, anew=request.lands_anew), selected, request)


def due(world: World, facts: Facts, keys: Sequence[AssetKey], request: Request) -> Plan:
    """The plan for these assets without what runs hold already, unless all of it is asked for."""
    found = plan_on(world, facts, keys, request)
    if request.forced or request.refreshed or request.files:
        return found
    return set_aside(world.project, facts, found, all_or_nothing=request.all_or_nothing)


def plan_on(world: World, facts: Facts, keys: Sequence[AssetKey], request: Request) -> Plan:
    """The plan for these assets on facts that were gathered already. LakeError where a published table is gone."""
    if request.readmits:
        return plan_readmission(world.project, facts, keys)
    facts = with_drift(world, facts)
    found = planning.plan(
        world.project,
        facts,
        keys,
        forced=request.forced,
        refreshed=request.refreshed,
        going_on=request.going_on,
        backfill=request.backfill,
        files=request.files,
    )
    if not (request.forced or request.refreshed):
        refuse_lost(world, facts, found)
    return found
