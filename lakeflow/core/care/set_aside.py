"""Leaves out of a plan what a run holds already: work with the same outcome is not done again, and makes no run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any, Final

from lakeflow.core.keys import EMPTY, AssetKey, ExternalKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.quarantine import owner_of, quarantine_key
from lakeflow.core.model.run import Action, StepRecord, StepState
from lakeflow.core.model.table import External, Table
from lakeflow.core.plan.facts import Facts, HeldStep, moved
from lakeflow.core.plan.planning import Held, Plan, PlanRequest, Step, rows_read
from lakeflow.core.plan.readmission import as_recorded
from lakeflow.core.plan.reasons import Cause
from lakeflow.core.values import dataclass

_CHOSEN: Final = (Cause.FULL_REFRESH, Cause.GOES_ON, Cause.READMIT)
"""What a person chooses, and what makes other rows from the same inputs."""


@dataclass(frozen=True)
class _PlanSoFar:
    """What is decided about, and what was decided so far: the steps that stay, those that are left to a run, each with
    the snapshot that it holds, and those among them whose own audit or own question keeps them there.
    """

    project: Project
    facts: Facts
    all_or_nothing: bool
    running: dict[AssetKey, Step] = field(default_factory=dict)
    aside: dict[AssetKey, Held] = field(default_factory=dict)
    branches: dict[AssetKey, int | None] = field(default_factory=dict)
    holding: set[AssetKey] = field(default_factory=set)


def set_aside(project: Project, facts: Facts, plan: Plan, *, all_or_nothing: bool) -> Plan:
    """The plan without the steps that would only repeat what runs hold; `held` names them.

    1. A step is set aside where a run holds the same asset, made from the same code, checks, inputs, files and
       partitions on the same main, and what held it still does.
    2. A step that would be made from one of those waits with it: nothing is made from held rows.
    3. Where all or nothing is asked, one held asset leaves nothing to do for the others.

    In doubt a step stays in the plan.
    """
    if not facts.held:
        return plan
    asked = _PlanSoFar(project, facts, all_or_nothing)
    for step in plan.steps:  # in run order, so what stands above a step is decided before it
        if held := _left_to_a_run(asked, step):
            asked.aside[step.asset] = held
        else:
            asked.running[step.asset] = step
    if not asked.holding:
        return plan
    if all_or_nothing:
        _leave_all(asked)
    steps = tuple(asked.running.values())
    request = PlanRequest(project, facts, (), forced=False, refreshed=False, going_on=False, backfill=None)
    rows = sum(rows_read(request, step) for step in steps)
    return replace(plan, steps=steps, held=tuple(asked.aside.values()), rows_to_read=rows)


def _leave_all(asked: _PlanSoFar) -> None:
    first = asked.aside[min(asked.holding)]
    for key in tuple(asked.running):
        del asked.running[key]
        asked.aside[key] = replace(first, asset=key, why=f"all or nothing: {first.asset} is held by run {first.run}")


def _left_to_a_run(asked: _PlanSoFar, step: Step) -> Held | None:
    above = [key for key in sorted(step.upstreams) if key in asked.aside]
    suite = asked.project.suite(step.asset)
    others = step.upstreams | suite.references | suite.published
    # What runs first may change what it reads, or what its checks see.
    is_open = any(key in asked.running and asked.running[key].action is Action.WRITE for key in others)
    record = _recorded(asked, step)
    found = None if is_open else repeated(asked.project, asked.facts, record, asked.branches)
    if found is None or not (holds(found) or _still_held(asked, found)):
        return _behind(step.asset, asked.aside[above[0]]) if above else None
    if holds(found):
        asked.holding.add(step.asset)
    asked.branches[step.asset] = found.step.snapshot_id
    return Held(step.asset, found.run.id, found.since, held_since(found, asked.facts.now))


def held_since(held: HeldStep, now: datetime) -> str:
    """`held since 02:00 by run 6g12g86bg4, nothing changed`; times are UTC, with the day where it is another one."""
    day = "" if held.since.date() == now.date() else f"{held.since:%Y-%m-%d} "
    return f"held since {day}{held.since:%H:%M} by run {held.run.id}, nothing changed"


def _behind(key: AssetKey, above: Held) -> Held:
    """A step that waits for another one. A quarantine is part of the write of its owner."""
    if owner_of(key) == above.asset:
        return replace(above, asset=key)
    return replace(above, asset=key, why=f"waits for {above.asset}, which run {above.run} holds")


def _recorded(asked: _PlanSoFar, step: Step) -> StepRecord:
    """The step as a run would record it before it begins. What is left to a run is read as that run wrote it."""
    project, facts = asked.project, asked.facts
    asset = project.assets[step.asset]
    ours = {str(key): table.main for key in asset.upstreams if (table := facts.tables.get(key))}
    theirs = {str(key): found.main for key in asset.external if (found := facts.externals.get(key))}
    held = {str(key): asked.branches[key] for key in asset.upstreams & asked.branches.keys() if asked.branches[key]}
    record = StepRecord(
        asset=step.asset,
        action=step.action,
        reasons=tuple(str(reason) for reason in step.reasons),
        base_id=step.base_id,
        code_version=asset.code_version,
        checks_digest=project.suite(step.asset).digest,
        reads_digest=facts.reads_digests.get(step.asset, ""),
        inputs={name: main for name, main in (ours | theirs | held).items() if main is not None},
        partitions=tuple(each.name for each in step.partitions),
    )
    readmits = any(reason.cause is Cause.READMIT for reason in step.reasons)
    return as_recorded(facts, facts.tables, record) if readmits else record


def repeated(
    project: Project, facts: Facts, record: StepRecord, branches: Mapping[AssetKey, int | None]
) -> HeldStep | None:
    """The held step that this one would only write again; None where it may come out in another way.

    `branches` are the steps that are left to a run already, with the snapshot that the run holds.
    """
    if any(reason.startswith(Cause.NO_FINGERPRINT) for reason in record.reasons):
        return None  # nothing says whether its source changed
    same = (held for held in facts.held.get(record.asset, ()) if _is_same(facts, record, held))
    return next((held for held in same if _looks_the_same(project, facts, held, branches)), None)


def _is_same(facts: Facts, record: StepRecord, held: HeldStep) -> bool:
    """Was it made from what the step would be made from now, and is it still there?"""
    was = held.step
    same_code = facts.today(was.code_version) == facts.today(record.code_version)
    if was.state is not StepState.HELD or not same_code:
        return False
    if _chosen(was) != _chosen(record) or _partial(was) != _partial(record):
        return False
    if any(getattr(was, name) != getattr(record, name) for name in _SAME) or was.inputs.keys() != record.inputs.keys():
        return False
    if any(_moved(facts, name, since, record.inputs[name]) for name, since in was.inputs.items()):
        return False
    if was.action is Action.AUDIT:  # of main, which a step that turns out to have nothing to write audits too
        return was.snapshot_id == record.base_id
    there = was.snapshot_id is None or _is_there(facts.tables.get(record.asset), held, facts.now)
    return there and record.action is Action.WRITE


_SAME: Final = ("base_id", "checks_digest", "reads_digest", "partitions")


def _partial(step: StepRecord) -> frozenset[str]:
    """Which partitions are only built as far as they go, as the reasons say it: one that is over is another one."""
    return frozenset(reason[reason.rfind("(") :] for reason in step.reasons if reason.endswith(" partial)"))


def _chosen(step: StepRecord) -> frozenset[Cause]:
    return frozenset(cause for cause in _CHOSEN if any(reason.startswith(cause) for reason in step.reasons))


def _moved(facts: Facts, name: str, since: int, now: int) -> bool:
    """Does the input hold other rows? A commit that only moved files changes none."""
    if since == now:
        return False
    table: Table[Any] | None
    if (key := AssetKey.find(name)) is not None:
        table = facts.tables.get(key)
    else:
        table = facts.externals.get(ExternalKey.parse(name), External()).table
    return table is None or table.main != now or moved(table, since) is not None


def _is_there(table: Table | None, held: HeldStep, now: datetime) -> bool:
    """Does the run's branch still hold that very snapshot, and is what it says of now still true?"""
    found = table.snapshots.get(held.step.snapshot_id or 0) if table else None
    if table is None or found is None or table.refs.get(held.run.branch) != found.id:
        return False
    made = provenance_of(found.summary)
    return made is not None and not (made.turns and datetime.fromisoformat(made.turns) <= now)


def _looks_the_same(project: Project, facts: Facts, held: HeldStep, branches: Mapping[AssetKey, int | None]) -> bool:
    """Would its checks read the same snapshots of other tables as when they held it?"""
    suite, key = project.suite(held.step.asset), held.step.asset
    now = {str(each): _head(facts, held, each, branches) for each in suite.references - {key}}
    now |= {f"published.{each}": _main(facts, each) for each in suite.published - {key}}
    seen = {name: head for name, head in now.items() if head is not None}
    if not seen and not held.looked_at:
        return True
    if held.step.snapshot_id is None:
        return True  # it was held before any check ran
    if held.looked_at is None or held.looked_at.keys() != seen.keys():
        return False
    return not any(
        _moved(facts, name.removeprefix("published."), since, seen[name]) for name, since in held.looked_at.items()
    )


def _head(facts: Facts, held: HeldStep, key: AssetKey, branches: Mapping[AssetKey, int | None]) -> int | None:
    """What a check reads of another table: the branch of the same run while that is held, else main."""
    here = branches.get(key)
    if here is not None and (held.looked_at or EMPTY).get(str(key)) == here:
        return here
    return _main(facts, key)


def _main(facts: Facts, key: AssetKey) -> int | None:
    table = facts.tables.get(key)
    return None if table is None else table.main


def holds(held: HeldStep) -> bool:
    """Did its own checks, or those of the rows that were refused beside it, fail? Or must a person decide before any
    row is made? What a sibling alone kept off main may pass now.
    """
    quarantine = held.run.step(quarantine_key(held.step.asset))
    checks = (*held.step.checks, *(quarantine.checks if quarantine else ()))
    return held.step.snapshot_id is None or any(check.holds for check in checks)


def _still_held(asked: _PlanSoFar, held: HeldStep) -> bool:
    """Is what it waits for still held? Where all or nothing is asked, as it was then, that is anything of the run."""
    key = held.step.asset
    needs = asked.project.assets[key].upstreams | asked.project.suite(key).references
    return any(other in asked.aside for other in needs - {key}) or (asked.all_or_nothing and held.run.all_or_nothing)
