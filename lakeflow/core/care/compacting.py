"""Whether a table may be compacted, and what its snapshot and its verdict then say: whatever was said of the same rows
before.
"""

from __future__ import annotations

from collections.abc import Sequence

from lakeflow.core.model.check import Outcome
from lakeflow.core.model.provenance import PREFIX, PROVEN_LIST, provenance_of
from lakeflow.core.model.run import Action, CheckResult, Ruling, RunRecord, StepRecord, VerdictRecord
from lakeflow.core.model.table import Snapshot, Table
from lakeflow.core.plan.facts import Published, published
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

_WRITTEN = 2
"""The version of Iceberg's table format that is written."""
_PUTS_ON_MAIN = frozenset({Ruling.PUBLISH, Ruling.FORCED})
_AUDITS = frozenset({Ruling.PUBLISH, Ruling.FORCED, Ruling.HOLD})


@dataclass(frozen=True)
class MovableTable:
    """A table that may be compacted: what readers see, what it was made from, and the verdict that put it there."""

    table: Table
    head: Snapshot
    stands: Published
    ruled: VerdictRecord


def standing(table: Table, verdicts: Sequence[VerdictRecord], holder: str) -> MovableTable | str:
    """The table as it stands, or why it is left alone.

    Its rows get no verdict that they did not have: those that nobody audited, that failed their last audit, or that
    another engine wrote, stay where they are. So does what a run holds on a branch, which rests on main's very files.
    """
    head, stands = table.published, published(table, verdicts)
    if head is None or stands is None:
        return "it was never published"
    if table.format_version != _WRITTEN:
        return f"its format is v{table.format_version}, which this release only reads"
    if holder:
        return f"run {holder} holds a branch of it: publish it, or discard it, first"
    ruled = _ruled(stands, [each for each in verdicts if each.snapshot_id == head.id and each.ruling in _AUDITS])
    return ruled if isinstance(ruled, str) else MovableTable(table, head, stands, ruled)


def _ruled(stands: Published, said: Sequence[VerdictRecord]) -> VerdictRecord | str:
    """The verdict by which readers see these rows, or what is wrong with it."""
    if stands.foreign is not None:
        return f"{short_id(stands.foreign.id)} of another engine was never audited: `lakeflow materialize` audits it"
    if said and said[-1].ruling is Ruling.HOLD:
        return f"it failed its last audit, in run {said[-1].run}: mend that first"
    ruled = [each for each in said if each.ruling in _PUTS_ON_MAIN]
    if not ruled:
        return f"the ledger has no verdict on {short_id(stands.snapshot.id)}: `lakeflow doctor` says what can be done"
    return ruled[-1]


def summary_of(now: MovableTable, run: str) -> dict[str, str]:
    """The summary of the compaction: where the rows come from, which is what it was, and who moved them."""
    made = next((snapshot for snapshot in now.table.ancestry(now.head.id) if provenance_of(snapshot.summary)), None)
    said = made.summary if made else {}
    own = {f"{PREFIX}compacts": str(now.head.id), f"{PREFIX}compacted-by": run}
    return {name: text for name, text in said.items() if name.startswith(PREFIX) and name not in _OF_ITS_WRITE} | own


_OF_ITS_WRITE = frozenset({f"{PREFIX}main-schema", f"{PREFIX}partition-spec", f"{PREFIX}sort-order", PROVEN_LIST})
"""What the catalog says of each snapshot itself."""


def step_of(now: MovableTable, reason: str, checks: Sequence[CheckResult] = ()) -> StepRecord:
    """The step that the ledger records, with all that was known of the rows and of their audit."""
    stands = now.stands
    return StepRecord(
        asset=now.table.key,
        action=Action.COMPACT,
        reasons=(reason,),
        base_id=now.head.id,
        code_version=stands.code_version,
        checks_digest=stands.checks_digest,
        reads_digest=stands.reads_digest,
        inputs=stands.inputs,
        checks=tuple(checks),
    )


def verdict_of(now: MovableTable, step: StepRecord, run: RunRecord) -> VerdictRecord:
    """The verdict on the compaction. The same rows keep what was ruled of them: a forced publish stays one."""
    assert step.snapshot_id is not None, "a compaction is ruled on once it is staged"
    assert run.ended_at is not None, "and with the end of its run"
    was = f": {now.ruled.reason}" if now.ruled.reason else ""
    return VerdictRecord(
        asset=step.asset,
        snapshot_id=step.snapshot_id,
        ruling=now.ruled.ruling,
        run=run.id,
        attempt=run.attempt,
        at=run.ended_at,
        actor=run.actor,
        reason=f"the very rows of {short_id(now.head.id)}{was}",
        code_version=step.code_version,
        checks_digest=step.checks_digest,
        reads_digest=step.reads_digest,
        inputs=step.inputs,
        passed=sum(check.outcome is Outcome.PASSED for check in step.checks),
        total=sum(check.outcome is not Outcome.SKIPPED for check in step.checks),
        looked_at=now.stands.looked_at,
    )


def proof_of(now: MovableTable, rows: int) -> CheckResult:
    """What a compaction is audited by, beside what its rows were audited by before."""
    what = f"every value of the {counted(rows, 'row')} that were written anew, by count and hash"
    return CheckResult(
        name="same rows",
        outcome=Outcome.PASSED,
        failed_rows=0,
        rows=rows,
        detail=f"equal to {short_id(now.head.id)}, {what}; every other file is the same",
    )


def with_proof(checks: Sequence[CheckResult], proof: CheckResult) -> tuple[CheckResult, ...]:
    """The results of before with the proof of now; one of an earlier compaction says nothing more."""
    return (*(check for check in checks if (check.path, check.name) != (proof.path, proof.name)), proof)


def checks_known(now: MovableTable, run: RunRecord | None) -> tuple[CheckResult, ...]:
    """What the audit of the snapshot found, where its run is still recorded."""
    step = run.step(now.table.key) if run else None
    return step.checks if step and step.snapshot_id == now.head.id else ()


def may_go_on(before: Table, now: Table) -> bool:
    """Do files of `before` still stand on main, each with all of its rows? Then what came since was only added."""
    if before.main is None or (before.uuid, before.schema) != (now.uuid, now.schema):
        return False
    since: list[Snapshot] = []
    for snapshot in now.ancestry(now.main):
        if snapshot.id == before.main:
            return all(each.operation == "append" for each in since)
        since.append(snapshot)
    return False


def held_by(table: Table, runs: Sequence[RunRecord]) -> str:
    """The newest of these runs that left rows on a branch of the table; empty where none did."""
    left = (run for run in runs if run.branch in table.refs and not _only_moved(run.step(table.key)))
    return next((run.id for run in left), "")


def left_branches(table: Table, runs: Sequence[RunRecord]) -> tuple[RunRecord, ...]:
    """The compactions of the table that died before they were published: what they staged is of no use to anybody."""
    return tuple(run for run in runs if run.branch in table.refs and _only_moved(run.step(table.key)))


def _only_moved(step: StepRecord | None) -> bool:
    return step is not None and step.action is Action.COMPACT
