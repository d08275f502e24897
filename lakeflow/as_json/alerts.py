"""Alerts and their entries as JSON."""

from __future__ import annotations

from lakeflow.as_json.values import JsonObject, iso
from lakeflow.core.alerts.entries import AlertEntry
from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.outbox import Alert


def alert_json(alert: Alert) -> JsonObject:
    return {
        "number": alert.number,
        "entry": alert.rule,
        "kind": alert.kind,
        "asset": str(alert.asset),
        "run": alert.run or None,
        "title": alert.title,
        "text": alert.text,
        "at": iso(alert.at),
        "state": alert.state,
        "tried": alert.tried,
        "problem": alert.problem or None,
        "next_try": iso(alert.next_try) if alert.open else None,
        "sent_at": iso(alert.sent_at),
    }


def entry_json(entry: AlertEntry) -> JsonObject:
    """The entry without its address, any part of which may be secret."""
    return {
        "name": entry.name,
        "number": entry.number,
        "on": [kind for kind in AlertKind if kind in entry.on],
        "select": entry.select or None,
    }
