"""The audit of what readers see of one asset, as JSON."""

from __future__ import annotations

from typing import Any

from lakeflow.as_json.values import check_json, id_text, iso
from lakeflow.core.view.audited.standing_audit import StandingAudit


def standing_audit_json(found: StandingAudit | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "snapshot_id": id_text(found.snapshot_id),
        "ruling": found.ruling,
        "run": found.run or None,
        "at": iso(found.at),
        "actor": found.actor or None,
        "reason": found.reason or None,
        "code_version": found.code_version or None,
        "git": found.git or None,
        "checks": [check_json(check) for check in found.checks],
    }
