"""A run is taken back from under later ones: what it brought goes, what came after stays, and all that rests on it is
made anew. Readers see one publish: no good day vanishes meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import RunRecord, StepRecord
from lakeflow.core.model.table import Table
from lakeflow.core.plan.landing import from_json
from lakeflow.core.plan.reasons import Cause, Reason, short_id
from lakeflow.wap.attempt import Observer
from lakeflow.wap.decide.rollback import on_main
from lakeflow.wap.facts import gather
from lakeflow.wap.ports import World
from lakeflow.wap.run.begin import materialize
from lakeflow.wap.run.unland import UnlandRequest


def leave_out(
    world: World, run_id: str, selected: Sequence[AssetKey] | None, asked: UnlandRequest, observer: Observer
) -> RunRecord | None:
    """Make anew what the run, or the selected tables of it, published, as if it had not been; all of it or nothing.

    What was wrong is what has changed since. Where today's code of a table is another than the run's, the code was, and
    the files that it landed stay; else they were, and go. UsageError for rows that cannot be told from later ones.
    """
    run = world.ledger.run(run_id)
    steps = [step for step in on_main(run, selected) if owner_of(step.asset) is None]
    _require_known(world, run, steps)
    tables = world.catalog.load([step.asset for step in steps])
    files = dict(_asked(world, run, steps, tables))
    return materialize(world, asked.of(world, files), observer)


def _require_known(world: World, run: RunRecord, steps: Sequence[StepRecord]) -> None:
    for step in steps:
        asset = world.project.assets.get(step.asset)
        if asset is None:
            hint = "select others, or roll the later runs back first"
            raise UsageError(f"no asset defines {step.asset} any more", hint=hint)
        if not asset.upstreams and not asset.files and not asset.write.traits.replaces:
            raise UsageError(
                f"{step.asset} adds what its code gives: nobody can tell which of its rows run {run.id} brought",
                hint="roll the later runs back first, or select other tables of the run",
            )


def _asked(
    world: World, run: RunRecord, steps: Sequence[StepRecord], tables: Mapping[AssetKey, Table]
) -> Iterator[tuple[AssetKey, tuple[Reason, ...]]]:
    facts = gather(world, [step.asset for step in steps])
    facts.require(tables)
    changed = {
        step.asset for step in steps if facts.today(step.code_version) != world.project.assets[step.asset].code_version
    }
    for step in steps:
        why = Reason(Cause.LEAVES_OUT, after=run.id)
        if world.project.assets[step.asset].files is None or (changed and step.asset not in changed):
            yield step.asset, (why,)
            continue
        still = {each.name for each in facts.landings[step.asset].before}
        names = [name for name in _landed_by(world, step, tables.get(step.asset)) if name in still]
        # Today's code reads the files again; without other code they themselves were what was wrong.
        causes = (Cause.UNLANDS, Cause.LANDS_AGAIN) if step.asset in changed else (Cause.UNLANDS,)
        there = {each.name for each in facts.landings[step.asset].found}
        if lost := [name for name in names if step.asset in changed and name not in there]:
            hint = "put it back: its code has changed, so the file has to be read again"
            raise UsageError(f"{step.asset}: {lost[0]}, which run {run.id} landed, is not there any more", hint=hint)
        yield step.asset, (*(Reason(cause, after=name) for name in names for cause in causes), why)


def _landed_by(world: World, step: StepRecord, table: Table | None) -> list[str]:
    """The files that the step landed: those of its snapshot that the snapshot before did not have."""
    snapshot = table.snapshots.get(step.snapshot_id or 0) if table else None
    before_it = snapshot.parent_id if snapshot else None
    if table is None or snapshot is None or (before_it is not None and before_it not in table.snapshots):
        raise UsageError(
            f"{step.asset}: {short_id(step.snapshot_id or 0)} has expired: nobody can tell which files the run landed",
            hint="`lakeflow unland FILE` takes out files by their names",
        )
    before = set(_names(world, table, before_it))
    return [name for name in _names(world, table, snapshot.id) if name not in before]


def _names(world: World, table: Table, snapshot_id: int | None) -> list[str]:
    made = (provenance_of(each.summary) for each in table.ancestry(snapshot_id))
    name = next((each.landed for each in made if each and each.landed), "")
    return [each.name for each in from_json(world.catalog.read_sidecar(table, name)).files] if name else []
