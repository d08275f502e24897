"""Rebuilds what the tables' own metadata tells about a lost ledger: which runs published what, by which verdict, and
what is held.

Every published snapshot has a proof, a branch is named after its run, and a summary says where a snapshot comes from.
Runs that published nothing and the results of checks that held are lost with the ledger.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import CheckResult, Ruling, RunRecord, RunState, StepRecord, StepState, VerdictRecord
from lakeflow.core.model.table import MAIN, Snapshot, Table
from lakeflow.core.values import dataclass
from lakeflow.core.view.history import BRANCH_PREFIX

REASON: Final = "made again from the tables' own metadata"


@dataclass(frozen=True)
class Proven:
    """A table, and the text of each proof by its snapshot."""

    table: Table
    proofs: Mapping[int, str]


def is_settled(table: Table, before: Table | None, *, proven: bool) -> bool:
    """Was this metadata, the table's newest, surely committed as far as readers are concerned?

    What was `before` it certainly was, since this one was planned on it. Only a move of main may be uncommitted: a
    publish leaves the proof of its snapshot just before it commits. A main that went back, or that another engine
    moved, needs no proof.
    """
    if before is None or table.main is None or table.main == before.main or proven:
        return True
    head = table.snapshots.get(table.main)
    went_back = table.main in {snapshot.id for snapshot in before.ancestry(before.main)}
    return went_back or head is None or provenance_of(head.summary) is None


def verdicts_of(found: Mapping[AssetKey, Proven]) -> tuple[VerdictRecord, ...]:
    """One verdict for each proof that can be read, oldest first."""
    told = [_verdict(one.table, snapshot, said) for one in found.values() for snapshot, said in _said(one)]
    return tuple(sorted(told, key=lambda verdict: verdict.at))


def runs_of(found: Mapping[AssetKey, Proven], now: datetime) -> tuple[RunRecord, ...]:
    """Every run that published something that is kept, or that left a branch, oldest first."""
    steps: dict[str, list[StepRecord]] = defaultdict(list)
    verdicts: dict[str, list[VerdictRecord]] = defaultdict(list)
    standing: set[str] = set()
    for one in found.values():
        on_main = {snapshot.id for snapshot in one.table.ancestry(one.table.main)}
        for snapshot, said in _said(one):
            verdict = _verdict(one.table, snapshot, said)
            verdicts[verdict.run].append(verdict)
            steps[verdict.run].append(_published(snapshot, said, verdict))
            standing |= {verdict.run} if snapshot.id in on_main else set()
        for run, step in _held(one.table):
            steps[run].append(step)
    made = [_run(run, some, verdicts[run], now, stands=run in standing) for run, some in steps.items()]
    return tuple(sorted(made, key=lambda run: (run.started_at, run.id)))


def _run(run: str, steps: list[StepRecord], verdicts: list[VerdictRecord], now: datetime, *, stands: bool) -> RunRecord:
    held = any(step.state is StepState.HELD for step in steps)
    state = RunState.HELD if held else RunState.PUBLISHED if stands else RunState.ROLLED_BACK
    times = [verdict.at for verdict in verdicts] or [now]
    one_each = {step.asset: step for step in sorted(steps, key=lambda step: step.state is StepState.HELD)}
    return RunRecord(
        id=run,
        state=state,
        started_at=min(times),
        attempt=max(step.attempt for step in steps),
        ended_at=max(times),
        steps=tuple(one_each.values()),
        selection=tuple(sorted(map(str, one_each))),
        actor=verdicts[0].actor if verdicts else "",
        reason=REASON,
    )


def _said(one: Proven) -> Iterator[tuple[Snapshot, dict[str, Any]]]:
    """Each kept snapshot with its proof. A proof that is damaged or names another snapshot proves nothing."""
    for id_, snapshot in sorted(one.table.snapshots.items()):
        try:
            said = json.loads(one.proofs.get(id_, ""))
            if int(said["snapshot_id"]) == id_ and said["ruling"] in {Ruling.PUBLISH, Ruling.FORCED}:
                _verdict(one.table, snapshot, said)
                _published(snapshot, said, _verdict(one.table, snapshot, said))
                yield snapshot, said
        except (ValueError, LookupError, TypeError, AttributeError):
            continue


def _verdict(table: Table, snapshot: Snapshot, said: Mapping[str, Any]) -> VerdictRecord:
    made = provenance_of(snapshot.summary)
    checks = said["checks"]
    return VerdictRecord(
        asset=table.key,
        snapshot_id=snapshot.id,
        ruling=Ruling(said["ruling"]),
        run=str(said["run"]),
        attempt=int(said["attempt"]),
        at=datetime.fromisoformat(said["at"]),
        actor=str(said["actor"]),
        reason=str(said["reason"]),
        code_version=str(said["code_version"]),
        checks_digest=str(said["checks_digest"]),
        reads_digest=made.reads_digest if made else "",
        inputs={name: int(id_) for name, id_ in said["inputs"].items()},
        passed=sum(check["outcome"] == Outcome.PASSED for check in checks),
        total=len(checks),
    )


def _published(snapshot: Snapshot, said: Mapping[str, Any], verdict: VerdictRecord) -> StepRecord:
    checks = tuple(
        CheckResult(
            name=str(check["name"]),
            outcome=Outcome(check["outcome"]),
            severity=Severity(check["severity"]),
            failed_rows=check["failed_rows"],
            rows=check["rows"],
        )
        for check in said["checks"]
    )
    return StepRecord(
        asset=verdict.asset,
        reasons=(REASON,),
        state=StepState.PUBLISHED,
        attempt=verdict.attempt,
        base_id=snapshot.parent_id,
        snapshot_id=snapshot.id,
        rows=snapshot.rows,
        code_version=verdict.code_version,
        checks_digest=verdict.checks_digest,
        reads_digest=verdict.reads_digest,
        inputs=verdict.inputs,
        checks=checks,
    )


def _held(table: Table) -> Iterator[tuple[str, StepRecord]]:
    """What waits on a branch of a run. Whether its audit held it or never ended is lost."""
    for ref, head in sorted(table.refs.items()):
        snapshot = table.snapshots.get(head)
        made = provenance_of(snapshot.summary) if snapshot else None
        if ref == MAIN or snapshot is None or made is None or ref != f"{BRANCH_PREFIX}{made.run}":
            continue
        yield (
            made.run,
            StepRecord(
                asset=table.key,
                reasons=(REASON,),
                state=StepState.HELD,
                reason="what its audit found was lost with the database",
                attempt=made.attempt,
                base_id=snapshot.parent_id,
                snapshot_id=head,
                rows=snapshot.rows,
                code_version=made.code_version,
                checks_digest=made.checks,
                reads_digest=made.reads_digest,
                inputs=made.inputs,
            ),
        )
