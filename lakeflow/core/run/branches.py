"""Compares what the ledger says of a run with what the run's branches hold: a process may have died between the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import Action, RunRecord, StepRecord
from lakeflow.core.model.table import Table


def on_branches(run: RunRecord, tables: Mapping[AssetKey, Table]) -> RunRecord:
    """The run as its branches hold it. A write that the ledger records and no branch holds counts as not done."""
    return replace(run, steps=tuple(_on_branch(run, step, tables) for step in run.steps))


def held_on_branch(run: RunRecord, step: StepRecord, table: Table | None) -> StepRecord | None:
    """The step with the snapshot that its branch holds. None where the branch holds none, or another than the ledger
    says.

    A snapshot of the same attempt, code and inputs was put on top of a moved main; any other one was written by an
    attempt that died before it could say from what.
    """
    head = table.refs.get(run.branch) if table else None
    if table is None or head is None or head == step.snapshot_id:
        return None if head is None else step
    snapshot = table.snapshots[head]
    made = provenance_of(snapshot.summary)
    said = (run.id, step.attempt, step.code_version, step.reads_digest, dict(step.inputs))
    if made is None or (made.run, made.attempt, made.code_version, made.reads_digest, dict(made.inputs)) != said:
        return None
    return replace(step, snapshot_id=head, base_id=snapshot.parent_id)


def _on_branch(run: RunRecord, step: StepRecord, tables: Mapping[AssetKey, Table]) -> StepRecord:
    if step.done or step.action is not Action.WRITE:
        return step
    found = held_on_branch(run, step, tables.get(step.asset))
    return found or replace(step, snapshot_id=None, rows=None, checks=())
