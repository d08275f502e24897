"""What decisions about a run have in common: who took it back and when, and one transaction for all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lakeflow.core.intents.intent import RunNote
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, Discard
from lakeflow.core.model.run import Lease, RunRecord, RunState, VerdictRecord
from lakeflow.core.model.table import Table
from lakeflow.wap.entry import RunEntry
from lakeflow.wap.ports import World


def taken_back(world: World, run: RunRecord, state: RunState) -> RunRecord:
    """The record of the run, saying who took it back, and when."""
    by = f"{state.replace('_', ' ')} by {world.invocation.actor}"
    return replace(run, state=state, ended_at=world.clock(), reason=by)


def branches(tables: Mapping[AssetKey, Table], run: RunRecord) -> list[Discard]:
    """Every branch that the run still has."""
    return [
        Discard(key, run.branch, table.refs[run.branch]) for key, table in tables.items() if run.branch in table.refs
    ]


def commit(
    world: World,
    lease: Lease,
    changes: Sequence[Change],
    ended: Sequence[RunRecord],
    verdicts: Sequence[VerdictRecord] = (),
) -> RunRecord:
    """The changes, the records of all runs that they touch, and the verdicts, in one transaction. Returns the first
    record.
    """
    notes = (RunNote(run, tuple(each for each in verdicts if each.run == run.id)) for run in ended)
    world.catalog.commit(changes, RunEntry(world, lease, changes, tuple(notes)))
    return ended[0]
