"""What a person decides about a whole table: adopt one that no run of ours wrote, drop one that no asset defines."""

from __future__ import annotations

from dataclasses import replace

from lakeflow.core.care.garbage import Dropped
from lakeflow.core.errors import UsageError
from lakeflow.core.intents.intent import RunNote
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.changes import Adopt, Drop, Pin
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import Action, Ruling, RunRecord, RunState, StepRecord, StepState, VerdictRecord
from lakeflow.core.model.schema import require_names
from lakeflow.core.model.table import Table
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.run.schema_evolution import require_declared
from lakeflow.wap.attempt import Attempt, Observer
from lakeflow.wap.entry import RunEntry
from lakeflow.wap.facts import gather
from lakeflow.wap.ports import World
from lakeflow.wap.run.lease import leased
from lakeflow.wap.run.materialize import ending_well
from lakeflow.wap.step.audit import audit


def adopt(world: World, key: AssetKey, place: str | None, observer: Observer) -> RunRecord:
    """Make an existing table the asset's table, as it stands. Nothing is copied, and its main is audited first.

    `place` is where its metadata stands; without one it is the table that the catalog has under the asset's name and
    that another engine wrote. A table that passes counts as made by today's code from today's inputs. A table that does
    not pass is left where and as it was, and the run ends `discarded`.
    """
    asset = world.project.assets[key]
    _refuse_landing(asset)
    run = RunRecord(
        world.new_id(), RunState.RUNNING, world.clock(), actor=world.invocation.actor, selection=(str(key),)
    )
    with leased(world, run.id, (key,), 0.0) as lease:
        facts = gather(world, (key,))
        facts.require((key,))
        table = _candidate(world, asset, facts.tables.get(key), place)
        step = _to_audit(world, asset, table, facts, place)
        tables = {**facts.tables, key: table}
        attempt = Attempt(world, lease, replace(run, steps=(step,)), replace(facts, tables=tables), observer)
        attempt.save(attempt.run)
        with ending_well(attempt):
            audited = audit(attempt, replace(step, inputs=attempt.pinned_inputs(asset)))
            if audited.state is StepState.HELD:
                return _left_alone(attempt, audited)
            return _taken_in(attempt, audited, table, place)


def drop(world: World, key: AssetKey) -> RunRecord:
    """Take a table that no asset defines out of the catalog; its files stay until they are collected. Those of a table
    that cannot be read stay for good: nobody can say which are its own.
    """
    if key in world.project.assets:
        raise UsageError(f"{key} is defined by an asset", hint="remove its file first; a table that is in use stays")
    run = RunRecord(
        world.new_id(), RunState.PUBLISHED, world.clock(), actor=world.invocation.actor, selection=(str(key),)
    )
    with leased(world, run.id, (key,), 0.0) as lease:
        looked = world.catalog.look((key,))
        table = looked.tables.get(key)
        version = table.version if table else looked.places.get(key)
        if version is None:
            raise UsageError(
                f"{key} is not in the catalog", hint="`lakeflow status` lists tables that no asset defines"
            )
        ended = replace(run, ended_at=world.clock(), reason=f"dropped {key}; its metadata stays at {version}")
        verdicts = [_dropped(world, ended, table)] if table and table.main is not None else []
        dropped = Dropped(key, table.uuid if table else "", version, ended.id, world.clock())
        drop, notes = [Drop(key, version, table.uuid if table else "")], (RunNote(ended, tuple(verdicts)), dropped)
        world.catalog.register(drop, RunEntry(world, lease, drop, notes))
    return ended


def _refuse_landing(asset: Asset) -> None:
    if asset.files:
        raise UsageError(
            f"{asset.key} lands files, and nothing says which of them the table holds already",
            hint="adopt it under an asset that reads it, or land the files again",
        )


def _candidate(world: World, asset: Asset, present: Table | None, place: str | None) -> Table:
    """The table as it would be adopted. UsageError when there is none, SchemaError when it is not as declared."""
    if present is not None and (place or _is_ours(present)):
        raise UsageError(f"{asset.key} has a table already", hint=f"`lakeflow snapshots {asset.key}` shows it")
    if present is None and place is None:
        raise UsageError(f"{asset.key} has no table to adopt", hint=f"`lakeflow adopt {asset.key} --from PLACE`")
    table = present or world.catalog.inspect(asset.key, place or "")
    if table.main is None:
        raise UsageError(
            f"{asset.key}: the table has no snapshot", hint=f"`lakeflow materialize {asset.key}` fills one"
        )
    require_names(table.schema.fields)
    require_declared(asset, table.schema, parse_type)
    return table


def _is_ours(table: Table) -> bool:
    return any(provenance_of(snapshot.summary) for snapshot in table.ancestry(table.main))


def _to_audit(world: World, asset: Asset, table: Table, facts: Facts, place: str | None) -> StepRecord:
    return StepRecord(
        asset=asset.key,
        action=Action.AUDIT,
        reasons=(f"adopted from {place}" if place else "adopted where it stands",),
        base_id=table.main,
        snapshot_id=table.main,
        rows=table.published.rows if table.published else None,
        code_version=asset.code_version,
        checks_digest=world.project.suite(asset.key).digest,
        reads_digest=facts.reads_digests.get(asset.key, ""),
    )


def _taken_in(attempt: Attempt, audited: StepRecord, table: Table, place: str | None) -> RunRecord:
    step = replace(audited, state=StepState.AUDITED)
    ended = replace(attempt.run.with_step(step), state=RunState.PUBLISHED, ended_at=attempt.world.clock())
    verdict = attempt.verdict(step, Ruling.PUBLISH, step.reasons[0])
    notes = (RunNote(ended, (verdict,)),)
    if place:
        taken = [Adopt(table.key, table.version, table.uuid)]
        attempt.world.catalog.register(taken, RunEntry(attempt.world, attempt.lease, taken, notes))
    else:
        assert table.main is not None
        here = [Pin(table.key, table.main)]
        attempt.world.catalog.commit(here, RunEntry(attempt.world, attempt.lease, here, notes))
    attempt.run = ended
    return ended


def _left_alone(attempt: Attempt, audited: StepRecord) -> RunRecord:
    ended = replace(
        attempt.run.with_step(audited),
        state=RunState.DISCARDED,
        ended_at=attempt.world.clock(),
        reason=f"not adopted: {audited.reason}",
    )
    attempt.save(ended, [attempt.verdict(audited, Ruling.HOLD, audited.reason)])
    attempt.run = ended
    return ended


def _dropped(world: World, run: RunRecord, table: Table) -> VerdictRecord:
    assert table.main is not None
    return VerdictRecord(
        asset=table.key,
        snapshot_id=table.main,
        ruling=Ruling.DROPPED,
        run=run.id,
        attempt=run.attempt,
        at=world.clock(),
        actor=world.invocation.actor,
        reason=f"dropped at {short_id(table.main)}",
    )
