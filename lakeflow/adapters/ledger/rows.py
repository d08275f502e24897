"""Each record of the ledger as a row, and back, exactly."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.run import (
    Action,
    CheckResult,
    Holder,
    Lease,
    Ruling,
    RunRecord,
    RunState,
    Scope,
    StepRecord,
    StepState,
    VerdictRecord,
)
from lakeflow.core.run.garbage import Dropped
from lakeflow.core.run.leases import Held

_DROPPED_ONCE: Final = re.compile(r"dropped (?P<asset>\S+); its metadata stays at (?P<version>\S.*)")


def lease_row(lease: Lease, asset: AssetKey, now: datetime) -> dict[str, Any]:
    holder = lease.holder
    return {
        "asset": str(asset),
        "run": lease.run,
        "token": lease.token,
        "host": holder.host,
        "boot_id": holder.boot_id,
        "pid": holder.pid,
        "process_started": holder.process_started,
        "since": time(now),
    }


def held(row: Row[Any]) -> Held:
    return Held(
        asset=AssetKey.parse(row.asset),
        run=row.run,
        token=row.token,
        holder=Holder(row.host, row.boot_id, row.pid, row.process_started),
        since=datetime.fromisoformat(row.since),
        renewed_at=datetime.fromisoformat(row.renewed_at),
    )


def run_row(run: RunRecord) -> dict[str, Any]:
    return {
        "id": run.id,
        "state": run.state.value,
        "started_at": time(run.started_at),
        "attempt": run.attempt,
        "ended_at": None if run.ended_at is None else time(run.ended_at),
        "selection": json.dumps(run.selection),
        "all_or_nothing": int(run.all_or_nothing),
        "actor": storable(run.actor),
        "reason": storable(run.reason),
    }


def run(row: Row[Any]) -> RunRecord:
    return RunRecord(
        id=row.id,
        state=RunState(row.state),
        started_at=datetime.fromisoformat(row.started_at),
        attempt=row.attempt,
        ended_at=None if row.ended_at is None else datetime.fromisoformat(row.ended_at),
        selection=tuple(json.loads(row.selection)),
        all_or_nothing=bool(row.all_or_nothing),
        actor=row.actor,
        reason=row.reason,
    )


def step_row(run: str, ordinal: int, step: StepRecord) -> dict[str, Any]:
    return {
        "run": run,
        "ordinal": ordinal,
        "asset": str(step.asset),
        "action": step.action.value,
        "reasons": json.dumps(step.reasons),
        "state": None if step.state is None else step.state.value,
        "reason": storable(step.reason),
        "attempt": step.attempt,
        "base_id": step.base_id,
        "snapshot_id": step.snapshot_id,
        "rows": step.rows,
        "seconds": step.seconds,
        "code_version": step.code_version,
        "checks_digest": step.checks_digest,
        "reads": step.reads,
        "inputs": json.dumps(dict(step.inputs)),
        "partitions": json.dumps(step.partitions),
    }


def step(row: Row[Any]) -> StepRecord:
    return StepRecord(
        asset=AssetKey.parse(row.asset),
        action=Action(row.action),
        reasons=tuple(json.loads(row.reasons)),
        state=None if row.state is None else StepState(row.state),
        reason=row.reason,
        attempt=row.attempt,
        base_id=row.base_id,
        snapshot_id=row.snapshot_id,
        rows=row.row_count,
        seconds=row.seconds,
        code_version=row.code_version,
        checks_digest=row.checks_digest,
        reads=row.reads,
        inputs=json.loads(row.inputs),
        partitions=tuple(json.loads(row.partitions)),
    )


def check_row(run: str, step: StepRecord, ordinal: int) -> dict[str, Any]:
    check = step.checks[ordinal]
    return {
        "run": run,
        "asset": str(step.asset),
        "ordinal": ordinal,
        "snapshot_id": step.snapshot_id,
        "name": storable(check.name),
        "outcome": check.outcome.value,
        "severity": check.severity.value,
        "failed_rows": check.failed_rows,
        "rows": check.rows,
        "detail": storable(check.detail),
        "path": storable(check.path),
        "samples": json.dumps([dict(sample) for sample in check.samples]),
        "scope": check.scope.value,
        "evidence": json.dumps(dict(check.evidence)),
    }


def check(row: Row[Any]) -> CheckResult:
    return CheckResult(
        name=row.name,
        outcome=Outcome(row.outcome),
        severity=Severity(row.severity),
        failed_rows=row.failed_rows,
        rows=row.row_count,
        detail=row.detail,
        path=row.path,
        samples=tuple(json.loads(row.samples)),
        scope=Scope(row.scope),
        evidence=json.loads(row.evidence),
    )


def verdict_row(verdict: VerdictRecord) -> dict[str, Any]:
    return {
        "asset": str(verdict.asset),
        "snapshot_id": verdict.snapshot_id,
        "ruling": verdict.ruling.value,
        "run": verdict.run,
        "attempt": verdict.attempt,
        "ruled_at": time(verdict.at),
        "actor": storable(verdict.actor),
        "reason": storable(verdict.reason),
        "code_version": verdict.code_version,
        "checks_digest": verdict.checks_digest,
        "reads": verdict.reads,
        "inputs": json.dumps(dict(verdict.inputs)),
        "passed": verdict.passed,
        "total": verdict.total,
        "looked_at": json.dumps(dict(verdict.looked_at)),
    }


def verdict(row: Row[Any]) -> VerdictRecord:
    return VerdictRecord(
        asset=AssetKey.parse(row.asset),
        snapshot_id=row.snapshot_id,
        ruling=Ruling(row.ruling),
        run=row.run,
        attempt=row.attempt,
        at=datetime.fromisoformat(row.ruled_at),
        actor=row.actor,
        reason=row.reason,
        code_version=row.code_version,
        checks_digest=row.checks_digest,
        reads=row.reads,
        inputs=json.loads(row.inputs),
        passed=row.passed,
        total=row.total,
        looked_at=json.loads(row.looked_at),
    )


def dropped_row(dropped: Dropped) -> dict[str, Any]:
    return {
        "run": dropped.run,
        "asset": str(dropped.key),
        "uuid": dropped.uuid,
        "version": dropped.version,
        "at": time(dropped.at),
    }


def dropped(row: Row[Any]) -> Dropped:
    key, at = AssetKey.parse(row.asset), datetime.fromisoformat(row.dropped_at)
    return Dropped(key, row.uuid, row.metadata_location, row.run, at)


def dropped_once(row: Row[Any]) -> Dropped | None:
    """Out of the reason of a run; None for words that only look alike."""
    said = _DROPPED_ONCE.fullmatch(row.reason)
    key = AssetKey.find(said["asset"]) if said else None
    at = datetime.fromisoformat(row.started_at)
    return Dropped(key, "", said["version"], row.id, at) if said and key else None


def time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def storable(words: str) -> str:
    """Text that every database can hold: NUL and lone surrogates, as in odd file names, become their escapes."""
    return words.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
