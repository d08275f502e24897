"""The verdicts by which readers came to see snapshots, as a sidecar of the table: they outlive snapshots and ledger.

A public format: JSON `{"format": "lakeflow.past/1", "verdicts": [{"snapshot_id", "ruling", "run", "attempt", "at",
"by", "why", "code_version", "checks", "reads", "inputs", "passed", "total"}]}`, oldest first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import is_ours, provenance_of
from lakeflow.core.model.run import Ruling, VerdictRecord
from lakeflow.core.model.table import Table

KIND: Final = "past"
"""The kind of the sidecar."""
SHOWN: Final = frozenset({Ruling.PUBLISH, Ruling.FORCED})
"""The rulings by which readers came to see a snapshot."""
_FORMAT: Final = "lakeflow.past/1"


def past_of(table: Table, snapshot_id: int | None) -> str:
    """The name of the newest such sidecar below a snapshot; empty where none was written."""
    return next((name for _, name in _line(table, snapshot_id) if name), "")


def is_due(table: Table, snapshot_id: int | None, keep: int) -> bool:
    """Must a write on that snapshot tell the past anew? A sidecar knows all that stood below the write that names it
    first. None of the others may be let go before another one is written, as soon as main has `keep` ancestors. What
    another engine wrote has no proof that would tell the verdict on it, so it is told by the next write.
    """
    line = list(_line(table, snapshot_id))
    if not line:
        return False
    newest = next((name for _, name in line if name), "")
    first = max((place for place, (_, name) in enumerate(line) if newest and name == newest), default=len(line) - 1)
    untold = [table.snapshots[id_] for id_, _ in line[: first + 1]]
    return len(untold) >= max(1, keep // 2) or any(not is_ours(each.summary) for each in untold)


def _line(table: Table, snapshot_id: int | None) -> Iterable[tuple[int, str]]:
    for snapshot in table.ancestry(snapshot_id):
        made = provenance_of(snapshot.summary)
        yield snapshot.id, made.past if made else ""


def past_text(verdicts: Iterable[VerdictRecord]) -> str:
    told = [_entry(each) for each in verdicts if each.ruling in SHOWN]
    return json.dumps({"format": _FORMAT, "verdicts": told}, separators=(",", ":"), ensure_ascii=False)


def past_verdicts(text: str, key: AssetKey) -> tuple[VerdictRecord, ...]:
    """The verdicts that a sidecar tells. ValueError where it is none."""
    try:
        told = json.loads(text)
        if told["format"] != _FORMAT:
            raise ValueError(f"its format is {told['format']!r}")
        return tuple(_verdict(each, key) for each in told["verdicts"])
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("a part of it is missing") from error


def _entry(said: VerdictRecord) -> dict[str, Any]:
    entry = {
        "snapshot_id": str(said.snapshot_id),
        "ruling": str(said.ruling),
        "run": said.run,
        "attempt": said.attempt,
        "at": said.at.isoformat(),
        "by": said.actor,
        "why": said.reason,
        "code_version": said.code_version,
        "checks": said.checks_digest,
        "reads": said.reads_digest,
        "inputs": {name: str(snapshot) for name, snapshot in sorted(said.inputs.items())},
        "passed": said.passed,
        "total": said.total,
    }
    return {name: value for name, value in entry.items() if value}


def _verdict(entry: dict[str, Any], key: AssetKey) -> VerdictRecord:
    return VerdictRecord(
        asset=key,
        snapshot_id=int(entry["snapshot_id"]),
        ruling=Ruling(entry["ruling"]),
        run=str(entry["run"]),
        attempt=int(entry["attempt"]),
        at=datetime.fromisoformat(entry["at"]),
        actor=str(entry.get("by", "")),
        reason=str(entry.get("why", "")),
        code_version=str(entry.get("code_version", "")),
        checks_digest=str(entry.get("checks", "")),
        reads_digest=str(entry.get("reads", "")),
        inputs={name: int(snapshot) for name, snapshot in entry.get("inputs", {}).items()},
        passed=int(entry.get("passed", 0)),
        total=int(entry.get("total", 0)),
    )
