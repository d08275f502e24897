"""What readers see, or saw, that was built on rows which a rollback has taken from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.log.rests import Point, RestsOn, built_on_taken_back
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import Ruling, RunRecord, StepRecord, StepState
from lakeflow.core.model.table import Table
from lakeflow.core.plan.reasons import short_id
from lakeflow.wap.ports import World


def rested(world: World, tables: Mapping[AssetKey, Table]) -> Mapping[Point, str]:
    """In words, for each such snapshot. One that a later write found equal counts by what that write had read."""
    found = built_on_taken_back(tables, {})
    if not found:
        return {}
    heads = {key: [main] for key, table in tables.items() if (main := table.main) and (str(key), main) in found}
    told = built_on_taken_back(tables, _confirmed(world, heads))
    return {point: _said(on) for point, on in told.items()}


def marked(world: World, runs: Iterable[RunRecord]) -> tuple[RunRecord, ...]:
    """The runs; of a published step that rests on what was taken back, the reason says so."""
    runs = tuple(runs)
    steps = {step.asset for run in runs for step in run.steps if step.state is StepState.PUBLISHED}
    told = rested(world, _with_inputs(world, steps))
    return tuple(replace(run, steps=tuple(_marked(step, told) for step in run.steps)) for run in runs) if told else runs


def _marked(step: StepRecord, told: Mapping[Point, str]) -> StepRecord:
    said = told.get((str(step.asset), step.snapshot_id or 0), "")
    counts = said and step.state is StepState.PUBLISHED
    return replace(step, reason="; ".join(filter(None, (step.reason, said)))) if counts else step


def _with_inputs(world: World, keys: Collection[AssetKey]) -> dict[AssetKey, Table]:
    """These tables, and all that they were made from."""
    found: dict[AssetKey, Table] = {}
    asked = set(keys)
    while asked:
        new = world.catalog.look(asked).tables
        found |= new
        made = (provenance_of(each.summary) for table in new.values() for each in table.snapshots.values())
        names = {name for each in made if each for name in each.inputs}
        asked = {key for name in names if (key := AssetKey.find(name))} - found.keys() - asked
    return found


def _confirmed(world: World, heads: Mapping[AssetKey, list[int]]) -> dict[Point, tuple[RestsOn, ...]]:
    try:
        said = world.ledger.latest(heads)
    except LakeError:
        return {}  # its tables are gone
    equal = [each for several in said.values() for each in several if each.ruling is Ruling.UNCHANGED]
    return {
        (str(each.asset), each.snapshot_id): tuple(RestsOn(read, is_read=True) for read in each.inputs.items())
        for each in equal
    }


def _said(on: RestsOn) -> str:
    return f"built on {on.on[0]} {short_id(on.on[1])}, which was rolled back"
