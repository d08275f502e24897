"""When main moved, as the lake tells it: a server writes its own time into a table's log, and another one into each
table of a commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from lakeflow.adapters.iceberg.metadata.types import Json
from lakeflow.core.log.recorded import moves_of

_APART: Final = timedelta(hours=1)
"""How far a server's clock may be from ours before an entry counts as somebody else's."""


def with_recorded_times(content: Mapping[str, Any]) -> Json:
    """The metadata with the times of our own recorded moves in its log, each at the entry that the move made."""
    log = [dict(entry) for entry in content.get("snapshot-log") or ()]
    place = 0
    for move in moves_of(content.get("properties") or {}):
        at = move.at.timestamp() * 1000
        fits = (nth for nth in range(place, len(log)) if _is_of(log[nth], move.snapshot_id, at))
        if (nth := next(fits, None)) is not None:
            log[nth]["timestamp-ms"] = round(at)
            place = nth + 1
    return {**content, "snapshot-log": log}


def _is_of(entry: Mapping[str, Any], snapshot_id: int | None, at: float) -> bool:
    near = abs(float(entry["timestamp-ms"]) - at) <= _APART / timedelta(milliseconds=1)
    return near and entry["snapshot-id"] == snapshot_id
