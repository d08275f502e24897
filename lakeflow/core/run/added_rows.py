"""A write that leaves audited rows as they are: which checks need to look only at what was added.

An append adds rows, a merge also takes some away, and both leave all other rows as they stood. So the checks need to
look only at the added rows, if the rows below have passed them: the same checks, made by the same release, on that very
snapshot, under a recorded verdict. Anything else is audited whole: another engine's commit, a forced publish, checks or
columns that changed, and a snapshot that was put on top of one that nobody audited.
"""

from __future__ import annotations

from collections.abc import Sequence

from lakeflow.core.model.check import Outcome
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import MOVES, Ruling, RunRecord, StepRecord, VerdictRecord
from lakeflow.core.model.table import Table
from lakeflow.core.run.verdict import written_as


def verdict_below(table: Table, step: StepRecord, verdicts: Sequence[VerdictRecord]) -> VerdictRecord | None:
    """The verdict that published the snapshot that the step added to, if that snapshot is still the base and the checks
    are the same.
    """
    below = _audited_base(table, step.snapshot_id)
    silent = {Ruling.UNCHANGED, *MOVES}
    ruled = [verdict for verdict in verdicts if verdict.snapshot_id == below and verdict.ruling not in silent]
    last = ruled[-1] if below is not None and ruled else None
    publishes = last is not None and last.ruling is Ruling.PUBLISH and last.checks_digest == step.checks_digest
    return last if publishes else None


def _audited_base(table: Table, snapshot_id: int | None) -> int | None:
    """The snapshot whose rows this write left as they were, if the same release wrote it with the same columns."""
    added = table.snapshots.get(snapshot_id or 0)
    below = table.snapshots.get(added.parent_id or 0) if added else None
    if added is None or below is None or written_as(added).traits.replaces:
        return None
    mine, theirs = provenance_of(added.summary), provenance_of(below.summary)
    same_release = mine is not None and theirs is not None and mine.version == theirs.version
    same_columns = table.written_schema(added.id).same_columns(table.written_schema(below.id))
    return below.id if same_release and same_columns else None


def passed_below(run: RunRecord, verdict: VerdictRecord) -> frozenset[tuple[str, str]]:
    """Path and name of every check that passed when that verdict was given."""
    step = run.step(verdict.asset)
    if step is None or step.snapshot_id != verdict.snapshot_id or step.checks_digest != verdict.checks_digest:
        return frozenset()
    return frozenset((check.path, check.name) for check in step.checks if check.outcome is Outcome.PASSED)
