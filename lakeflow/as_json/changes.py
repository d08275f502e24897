"""What a checkout changes against main or a commit, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lakeflow.as_json.envelope import entry
from lakeflow.as_json.values import JsonObject
from lakeflow.core.review.change import Change, Changes


def changes_json(found: Changes) -> JsonObject:
    return {
        "ref": found.other,
        "breaking": len(found.breaking),
        "changes": [_change(each) for each in found.changes],
        "downstream": [
            {"asset": str(each.asset), "of": str(each.of), "effect": str(each.effect)} for each in found.downstream
        ],
        "unknown": [{"asset": str(key), "reason": why} for key, why in sorted(found.unknown.items())],
    }


def breaking_entries(found: Changes) -> tuple[Mapping[str, Any], ...]:
    """One error of the envelope for each change that breaks."""
    return tuple(
        entry("breaking", each.says, each.hint or None, str(each.asset) if each.asset else None)
        | {"path": each.path, "line": each.line}
        for each in found.breaking
    )


def _change(each: Change) -> JsonObject:
    return {
        "kind": str(each.kind),
        "effect": str(each.effect),
        "asset": str(each.asset) if each.asset else None,
        "column": each.column or None,
        "path": each.path or None,
        "line": each.line if each.path else None,
        "says": each.says,
        "hint": each.hint or None,
        "readers": [str(key) for key in each.readers],
        "breaks": [str(key) for key in each.breaks],
    }
