"""Values as JSON: snapshot ids as strings (63 bits break JavaScript), times in ISO 8601 UTC, states in our words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Asset, Project, PythonCode
from lakeflow.core.view.rows import AssetStatus, ExternalUse, LineageNode, Setting, SnapshotRow, Symptom

if TYPE_CHECKING:
    from lakeflow.core.model.run import CheckResult, RunRecord, StepRecord
    from lakeflow.core.model.table import Rows
    from lakeflow.core.plan.planning import Held, Plan, Step
    from lakeflow.core.plan.reasons import Reason
    from lakeflow.core.run.leases import AtWork
    from lakeflow.core.view.consistency import UndefinedTable
    from lakeflow.core.view.freshness import Deadline

JsonObject: TypeAlias = dict[str, Any]
Readers: TypeAlias = Mapping[AssetKey, AssetStatus]
"""What readers see now of the assets of a run that have not reached them."""

_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": {"true": True, "false": False}.__getitem__,
}
NO_RUN: JsonObject = {"id": None, "state": None, "steps": []}
"""The answer when there was nothing to do and no run was made."""


def id_text(snapshot_id: int | None) -> str | None:
    return None if snapshot_id is None else str(snapshot_id)


def run_json(run: RunRecord | None, readers: Readers = EMPTY) -> JsonObject:
    if run is None:
        return dict(NO_RUN)
    return {
        "id": run.id,
        "state": run.state,
        "attempt": run.attempt,
        "branch": run.branch,
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
        "selection": list(run.selection),
        "all_or_nothing": run.all_or_nothing,
        "actor": run.actor,
        "reason": run.reason,
        "steps": [step_json(step, readers.get(step.asset)) for step in run.steps],
    }


def step_json(step: StepRecord, reader: AssetStatus | None = None) -> JsonObject:
    seen = {"readers_see": _seen(reader)} if reader else {}
    return {
        "asset": str(step.asset),
        "action": step.action,
        "state": step.state,
        "reason": step.reason,
        "reasons": list(step.reasons),
        "attempt": step.attempt,
        "base_id": id_text(step.base_id),
        "snapshot_id": id_text(step.snapshot_id),
        "rows": step.rows,
        "seconds": round(step.seconds, 3),
        "code_version": step.code_version,
        "inputs": _inputs(step.inputs),
        "partitions": list(step.partitions),
        "checks": [check_json(check) for check in step.checks],
        **seen,
    }


def check_json(check: CheckResult) -> JsonObject:
    return {
        "name": check.name,
        "outcome": check.outcome,
        "severity": check.severity,
        "failed_rows": check.failed_rows,
        "rows": check.rows,
        "detail": check.detail,
        "path": check.path,
        "samples": [dict(sample) for sample in check.samples],
        "scope": check.scope,
        "asked": check.asked,
    }


def plan_json(plan: Plan) -> JsonObject:
    return {
        "selected": plan.selected,
        "total": plan.total,
        "rows_to_read": plan.rows_to_read,
        "warnings": list(plan.warnings),
        "steps": [_planned_json(step) for step in plan.steps],
        "fresh": [str(key) for key in plan.fresh],
        "held": [held_json(held) for held in plan.held],
    }


def held_json(held: Held) -> JsonObject:
    return {"asset": str(held.asset), "run": held.run, "since": iso(held.since), "text": held.why}


def project_json(project: Project) -> JsonObject:
    files = sum(len(suite.files) for suite in project.suites.values())
    return {"root": project.root, "assets": len(project.assets), "check_files": files}


def asset_json(asset: Asset, project: Project) -> JsonObject:
    return {
        "asset": str(asset.key),
        "layer": asset.key.layer,
        "kind": asset.kind,
        "language": "python" if isinstance(asset.code, PythonCode) else "sql",
        "engine": asset.engine,
        "path": asset.code.path,
        "line": asset.code.line,
        "write": asset.write,
        "key": list(asset.primary_key),
        **_merging_json(asset),
        "foreign_keys": {foreign.column: foreign.target for foreign in project.suite(asset.key).foreign_keys},
        "upstreams": sorted(map(str, asset.upstreams)),
        "external": sorted(map(str, asset.external)),
        "checks": [file.path for file in project.suite(asset.key).files],
        "description": asset.description,
        "owner": asset.owner,
        "tags": list(asset.tags),
        "code_version": asset.code_version,
    }


def _merging_json(asset: Asset) -> JsonObject:
    """How new rows are merged with the rows of the table."""
    return {
        "keep": asset.last_by and f"last by {asset.last_by}",
        "deleted": asset.deleted,
        "at": asset.at,
        "track": list(asset.track),
        "deletes": asset.deletes,
        "new_rows": sorted(str(key) for key in asset.new_rows - set(asset.new_keys)),
        "new_keys": {str(key): list(by) for key, by in sorted(asset.new_keys.items())},
    }


def health_json(status: AssetStatus | None) -> JsonObject:
    """The health with its reasons; nothing where it was not asked for."""
    if status is None:
        return {}
    since = iso(status.unhealthy_since)
    return {"health": status.health, "since": since, "symptoms": [_symptom_json(one) for one in status.symptoms]}


def status_json(status: AssetStatus) -> JsonObject:
    return {
        "asset": str(status.asset),
        "state": status.state,
        "health": status.health,
        "symptoms": [_symptom_json(symptom) for symptom in status.symptoms],
        "deadlines": [_deadline_json(deadline) for deadline in status.deadlines],
        "reasons": list(status.reasons),
        **_seen(status),
        "held": list(status.held),
        "skipped": [copy.name for copy in status.skipped],
        "failed_audit": status.failed_audit or None,
        "partitions_due": list(status.partitions_due),
        "quarantined": status.quarantined,
        "taken_back": status.taken_back or None,
    }


def _symptom_json(symptom: Symptom) -> JsonObject:
    return {"health": symptom.health, "text": symptom.text, "since": iso(symptom.since)}


def _deadline_json(deadline: Deadline) -> JsonObject:
    return {
        "fresh": deadline.freshness.text,
        "column": deadline.freshness.column or None,
        "declared_by": str(deadline.declared_by),
        "seen": iso(deadline.seen),
        "due": iso(deadline.due),
        "late": deadline.late,
        "fault": deadline.fault or None,
    }


def at_work_json(run: AtWork) -> JsonObject:
    return {
        "run": run.run,
        "actor": run.actor,
        "since": iso(run.since),
        "host": run.host,
        "pid": run.pid,
        "assets": [str(key) for key in run.assets],
    }


def undefined_json(undefined: UndefinedTable) -> JsonObject:
    table = undefined.table
    head = table.published if table else None
    return {
        "table": str(undefined.key),
        "fault": undefined.fault or None,
        "snapshot_id": id_text(table.main if table else None),
        "rows": head.rows if head else None,
        "published_at": iso(head.committed_at) if head else None,
    }


def snapshot_json(row: SnapshotRow) -> JsonObject:
    return {
        "snapshot_id": id_text(row.snapshot_id),
        "ref": row.ref,
        "state": row.state,
        "committed_at": iso(row.committed_at),
        "operation": row.operation,
        "rows": row.rows,
        "added": row.added,
        "run": row.run or None,
        "code_version": row.code_version or None,
        "inputs": _inputs(row.inputs or EMPTY),
        "checks_passed": row.passed,
        "checks": row.checks,
        "partial": list(row.partial),
    }


def lineage_json(node: LineageNode) -> JsonObject:
    return {
        **status_json(node.status),
        "kind": node.kind,
        "dimensions": list(map(str, node.dimensions)),
        "sources": list(node.sources),
        "repeated": node.repeated,
        "used_snapshot_id": None if node.used is None else str(node.used),
        "used_rows": node.used_rows,
        "externals": [_external_json(use) for use in node.externals],
        "upstreams": [lineage_json(upstream) for upstream in node.upstreams],
    }


def _external_json(use: ExternalUse) -> JsonObject:
    return {
        "table": str(use.key),
        "used_snapshot_id": id_text(use.used),
        "used_rows": use.used_rows,
        "snapshot_id": id_text(use.now),
        "fault": use.fault or None,
    }


def rows_json(rows: Rows) -> JsonObject:
    return {
        "columns": list(rows.columns),
        "rows": [_row(rows, values) for values in rows.values],
    }


def _row(rows: Rows, values: Sequence[str | None]) -> JsonObject:
    types = rows.types or ("string",) * len(rows.columns)
    return {name: _value(text, type_) for name, type_, text in zip(rows.columns, types, values, strict=True)}


def _value(text: str | None, type_: str) -> Any:
    """The value in JSON's own type where that is exact. A decimal stays text; so do masked values, NaN and infinity."""
    if text is None or type_ not in _READ:
        return text
    try:
        value = _READ[type_](text)
    except (ValueError, KeyError):
        return text
    return text if isinstance(value, float) and not isfinite(value) else value


def setting_json(setting: Setting) -> JsonObject:
    return {"name": setting.name, "value": setting.value, "source": setting.source}


def _planned_json(step: Step) -> JsonObject:
    return {
        "asset": str(step.asset),
        "action": step.action,
        "reasons": [_reason_json(reason) for reason in step.reasons],
        "base_id": id_text(step.base_id),
        "upstreams": sorted(map(str, step.upstreams)),
        "partitions": [each.name for each in step.partitions],
        "partial": [each.name for each in step.partitions if each.partial],
        "drift": [{"says": each.says, "file": each.file or None, "files": each.files} for each in step.drift],
    }


def _reason_json(reason: Reason) -> JsonObject:
    return {
        "cause": reason.cause,
        "upstream": str(reason.upstream) if reason.upstream else None,
        "before": reason.before or None,
        "after": reason.after or None,
        "rows": reason.rows,
        "text": str(reason),
    }


def _seen(status: AssetStatus) -> JsonObject:
    return {
        "snapshot_id": id_text(status.snapshot_id),
        "rows": status.rows,
        "published_at": iso(status.published_at),
    }


def _inputs(inputs: Mapping[str, int]) -> dict[str, str]:
    return {name: str(snapshot_id) for name, snapshot_id in inputs.items()}


def iso(moment: datetime | None) -> str | None:
    """A time in ISO 8601 and UTC, to the millisecond: `2013-02-12T03:00:00.000Z`."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
