"""A verification as JSON: what was walked, each fault, each note, and what was published by force."""

from __future__ import annotations

from lakeflow.as_json.values import JsonObject, id_text, iso
from lakeflow.core.verify.values import Forced, Remark, Verification, VerifiedTable


def verification_json(found: Verification) -> JsonObject:
    return {
        "deep": found.deep,
        "ledger": found.has_ledger,
        "tables": [_table(one) for one in found.tables],
        "faults": [_remark(one) for one in found.faults],
        "notes": [_remark(one) for one in found.notes],
        "forced": [_forced(one) for one in found.forced],
    }


def _table(one: VerifiedTable) -> JsonObject:
    return {
        "asset": str(one.asset),
        "snapshots": one.snapshots,
        "proven": one.proven,
        "expired": one.expired,
        "files": one.files,
        "read": one.read,
        "unrecorded": one.unrecorded,
    }


def _remark(one: Remark) -> JsonObject:
    return {
        "kind": one.kind,
        "asset": str(one.asset) if one.asset else None,
        "message": one.message,
        "snapshots": [id_text(snapshot) for snapshot in one.snapshots],
        "file": one.file or None,
        "hint": one.hint or None,
    }


def _forced(one: Forced) -> JsonObject:
    return {
        "asset": str(one.asset),
        "snapshot_id": id_text(one.snapshot_id),
        "run": one.run,
        "actor": one.actor,
        "at": iso(one.at),
        "reason": one.reason,
    }
