"""The lake's log, and what came of a snapshot, as JSON."""

from __future__ import annotations

from lakeflow.as_json.values import JsonObject, id_text, iso
from lakeflow.core.log.changes import CodeChange, InputMoved, TableChange
from lakeflow.core.log.impact import Impact, RestingSnapshot
from lakeflow.wap.look.log import Log, LogEntry


def log_json(log: Log) -> JsonObject:
    return {
        "versions": [_entry_json(entry) for entry in log.entries],
        "more": log.more,
        "unreadable": [{"asset": str(key), "fault": fault} for key, fault in sorted(log.unreadable.items())],
    }


def _entry_json(entry: LogEntry) -> JsonObject:
    return {
        "version": entry.name,
        "number": entry.number,
        "at": iso(entry.at),
        "kind": entry.kind,
        "run": entry.run or None,
        "actor": entry.actor,
        "reason": entry.reason or None,
        "tables": entry.tables,
        "changes": [_change_json(change) for change in entry.changes],
    }


def _change_json(change: TableChange) -> JsonObject:
    return {
        "asset": str(change.asset),
        "kind": change.kind,
        "snapshot_id": id_text(change.snapshot_id),
        "before_id": id_text(change.before),
        "expired": change.is_expired,
        "rows": change.rows,
        "added": change.added,
        "checks_passed": change.passed,
        "checks": change.total,
        "first": change.is_first,
        "code": _code_json(change.code) if change.code else None,
        "checks_changed": change.checks_changed,
        "files_changed": change.landed,
        "inputs": [_input_json(one) for one in change.inputs],
        "planned": list(change.planned),
        "partial": list(change.partial),
        "tags": list(change.tags),
        "taken_back": change.is_taken_back,
        "built_on_taken_back": _point_json(change.built_on) if change.built_on else None,
        "taken_back_in": None if change.taken_back is None else f"v{change.taken_back}",
    }


def _code_json(code: CodeChange) -> JsonObject:
    return {
        "before": code.before,
        "after": code.after,
        "git_before": code.git_before or None,
        "git_after": code.git_after or None,
        "diff": code.diff,
    }


def _input_json(moved: InputMoved) -> JsonObject:
    return {
        "table": moved.table,
        "before_id": id_text(moved.before),
        "after_id": id_text(moved.after),
        "rows": moved.rows,
    }


def impact_json(found: Impact) -> JsonObject:
    return {
        "asset": found.asset,
        "snapshot_id": id_text(found.snapshot_id),
        "standing": found.standing,
        "readers_see_it": found.holds,
        "seen_in": list(map(str, found.seen_in)),
        "reached": [_reached_json(one) for one in found.reached],
        "unknown": [_reached_json(one) for one in found.unknown],
        "ledger": found.ledger,
    }


def _reached_json(one: RestingSnapshot) -> JsonObject:
    return {
        "asset": str(one.asset),
        "snapshot_id": id_text(one.snapshot_id),
        "standing": one.standing,
        "by": "reading" if one.is_read else "rows",
        "on": _point_json(one.on),
        "run": one.run or None,
        "at": iso(one.at),
        "rows": one.rows,
    }


def _point_json(point: tuple[str, int]) -> JsonObject:
    return {"table": point[0], "snapshot_id": id_text(point[1])}
