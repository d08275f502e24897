"""A write that leaves audited rows as they are: which checks need to look only at what was added.

An append adds rows, a merge also takes some away, and each leaves all others as they stood. Those below passed, as that
very snapshot and under a recorded verdict, the checks of the same digest made by the same release. Anything else is
looked at whole: another engine's commit, a forced publish, checks or columns that changed, a snapshot that was rebased
onto one that nobody audited.
"""

from __future__ import annotations

from collections.abc import Sequence

from lakeflow.core.model.check import Outcome
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import Ruling, RunRecord, StepRecord, VerdictRecord
from lakeflow.core.model.table import Table
from lakeflow.core.run.verdict import written_as


def verdict_below(table: Table, step: StepRecord, verdicts: Sequence[VerdictRecord]) -> VerdictRecord | None:
    """The verdict that published what the step added to, if it stands and speaks of the step's own checks."""
    below = _audited_base(table, step.snapshot_id)
    ruled = [verdict for verdict in verdicts if verdict.snapshot_id == below and verdict.ruling is not Ruling.UNCHANGED]
    last = ruled[-1] if below is not None and ruled else None
    publishes = last is not None and last.ruling is Ruling.PUBLISH and last.checks_digest == step.checks_digest
    return last if publishes else None


def _audited_base(table: Table, snapshot_id: int | None) -> int | None:
    """The snapshot of which a write of the same columns by the same release left the rows."""
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
