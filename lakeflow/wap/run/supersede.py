"""What a run does to older ones: it takes the place of what they hold, and drops branches that waited long enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from lakeflow.core.care.supersede import superseded
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import FENCED, Discard
from lakeflow.core.model.run import RunRecord, StepState
from lakeflow.core.model.table import Table
from lakeflow.core.ports.entry import UNRECORDED
from lakeflow.core.view.history import BRANCH_PREFIX, open_runs
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.ports import World


def superseded_by(attempt: Attempt, final: RunRecord) -> list[RunRecord]:
    """The older runs, without what this attempt did anew. They must be recorded in the transaction that ends the run.

    A decision about held snapshots makes nothing anew, so it has no plan and supersedes nothing.
    """
    planned = (step for step in final.steps if step.asset in attempt.planned and step.attempt == final.attempt)
    # A step that kept main for want of changed inputs has not looked at any row.
    mine = {step.asset for step in planned if step.state is not StepState.UNCHANGED or step.asset in attempt.on_main}
    if not mine:
        return []
    older = (run for run in attempt.world.ledger.unpublished(mine) if run.id != final.id)
    return [left for run in older if (left := superseded(run, final, mine))]


def drop_superseded(attempt: Attempt) -> None:
    """Drop the superseded branches of this attempt's tables that were kept as long as the settings say."""
    mine = {step.asset: table for step in attempt.steps if (table := attempt.tables.get(step.asset))}
    if outdated := list(outdated_branches(attempt.world, mine)):
        attempt.tables |= attempt.world.catalog.commit(outdated, UNRECORDED)


def outdated_branches(world: World, tables: Mapping[AssetKey, Table]) -> Iterator[Discard]:
    """The branches of superseded steps that were kept long enough, and those of publishes that were given up."""
    before = world.clock() - timedelta(seconds=world.policy.keep_held)
    for key, table in sorted(tables.items()):
        # Who asks has the lease, under which every intent on the table was settled: nobody needs such a branch now.
        yield from (Discard(key, name, head) for name, head in table.refs.items() if name.startswith(FENCED))
        for name in open_runs(table):
            head = table.refs[BRANCH_PREFIX + name]
            # A branch is never superseded before it is written: for a young one nothing is looked up.
            if table.snapshots[head].committed_at <= before and _was_superseded(world, name, key, before):
                yield Discard(key, BRANCH_PREFIX + name, head)


def _was_superseded(world: World, name: str, key: AssetKey, before: datetime) -> bool:
    try:
        run = world.ledger.run(name)
    except UsageError:  # a branch of nobody's that we know
        return False
    step = run.step(key) if run.id == name else None
    return (
        step is not None
        and step.state is StepState.SUPERSEDED
        and step.ended_at is not None
        and step.ended_at <= before
    )
