"""Environments as JSON."""

from __future__ import annotations

from lakeflow.as_json.values import JsonObject, id_text, iso
from lakeflow.core.environments.promotion import Promotion
from lakeflow.core.environments.standing import EnvironmentStanding, OwnState


def environment_json(one: EnvironmentStanding) -> JsonObject:
    return {
        "name": one.name,
        "made_at": iso(one.made_at),
        "pinned_at": iso(one.pinned_at),
        "used_at": iso(one.used_at),
        "ends_at": iso(one.ends_at),
        "built": [_built(each) for each in one.built],
        "held": [str(key) for key in one.held],
    }


def promotion_json(found: Promotion, run: str | None) -> JsonObject:
    """`run` is the run on main that published what is ready; None: nothing was published."""
    return {
        "name": found.name,
        "run": run,
        "ready": [
            {
                "asset": str(one.asset),
                "base": id_text(one.base),
                "snapshot_id": id_text(one.snapshot_id),
                "rows": one.rows,
                "confirmed": one.is_confirmed,
            }
            for one in found.ready
        ],
        "behind": [{"asset": str(key), "why": why} for key, why in found.behind.items()],
        "held": [{"asset": str(key), "why": why} for key, why in found.held.items()],
        "rows_not_read": found.rows_not_read,
    }


def _built(one: OwnState) -> JsonObject:
    return {
        "asset": str(one.asset),
        "base": id_text(one.base),
        "snapshot_id": id_text(one.snapshot_id),
        "rows": one.rows,
        "main_moved": one.main_moved,
    }
