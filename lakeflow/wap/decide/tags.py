"""Naming what readers see or saw: one tag in all tables, set or removed in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lakeflow.core.care.tags import Tagged, require_free, require_tag_name, seen_after, tags_of
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, Tag, Untag
from lakeflow.core.model.run import RunRecord, RunState
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.wording import counted
from lakeflow.wap.decide.record import commit
from lakeflow.wap.ports import World
from lakeflow.wap.run.lease import leased


def tag(world: World, name: str, run_id: str | None) -> Tagged:
    """Name main of every table as one catalog read finds it, or what it was after that run.

    Runs may be at work meanwhile: they move main, and the tag does not. UsageError for a name that is taken, and where
    a snapshot has expired.
    """
    require_tag_name(name)
    world.claim()
    tables = world.catalog.load(world.catalog.keys())
    require_free(name, tables)
    now = {key: table.main for key, table in tables.items() if table.main is not None}
    chosen = now if run_id is None else _after(world, run_id)
    found = {key: at for key, at in sorted(chosen.items()) if key in tables}
    if not found:
        raise UsageError("readers see nothing that could have a name", hint="`lakeflow materialize` publishes")
    if lost := [key for key, at in found.items() if at not in tables[key].snapshots]:
        raise UsageError(
            f"{lost[0]}: {short_id(found[lost[0]])}, which readers saw then, has expired",
            hint="`keep` and `keep_snapshots` say how much of the past stays; a tag keeps it for good",
        )
    after = f" as of run {run_id}" if run_id else ""
    _recorded(world, [Tag(key, name, at) for key, at in found.items()], f"tagged {name}{after}", found)
    return Tagged(name, found)


def untag(world: World, name: str) -> Tagged:
    """Remove the tag from every table that has it. UsageError where none has."""
    known = tags(world)
    found = next((each for each in known if each.name == name), None)
    if found is None:
        others = ", ".join(each.name for each in known[:5]) or "none"
        raise UsageError(f"there is no tag {name!r}; there is {others}", hint="`lakeflow tag` lists them")
    _recorded(world, [Untag(key, name, at) for key, at in found.snapshots.items()], f"removed tag {name}", {})
    return found


def tags(world: World) -> tuple[Tagged, ...]:
    """All tags, as one catalog read finds them."""
    return tags_of(world.catalog.look(world.catalog.keys()).tables)


def _after(world: World, run_id: str) -> Mapping[AssetKey, int]:
    """What readers saw of all tables when the run had published."""
    verdicts = world.ledger.until(run_id)
    if not verdicts:
        raise UsageError(f"run {run_id} published nothing", hint="`lakeflow runs` lists runs")
    return seen_after(verdicts)


def _recorded(world: World, changes: Sequence[Change], what: str, found: Mapping[AssetKey, int]) -> None:
    """One transaction for all tables and for the record of who did it. It waits for no run, and no run for it."""
    in_tables = f" in {counted(len(found), 'table')}" if found else ""
    run = RunRecord(world.new_id(), RunState.PUBLISHED, world.clock(), actor=world.invocation.actor)
    with leased(world, run.id, (), 0.0) as lease:
        ended = RunRecord(
            run.id, run.state, run.started_at, ended_at=world.clock(), actor=run.actor, reason=f"{what}{in_tables}"
        )
        commit(world, lease, changes, [ended])
