"""PagerDuty's Events API v2, as https://developer.pagerduty.com/docs/events-api-v2-overview describes it.

It is spoken here because an incident must be resolved by the key that opened it, for which apprise has no word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lakeflow.adapters.alerts.posting import no_address, parts_of, post
from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.outbox import Message
from lakeflow.core.values import dataclass

_FORM: Final = "pagerduty://INTEGRATION_KEY, with ?region=eu for an account in Europe"
_HOSTS: Final = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
_SEVERITIES: Final[Mapping[AlertKind, str]] = {
    AlertKind.HELD: "error",
    AlertKind.ERRORED: "error",
    AlertKind.CONFLICT: "warning",
    AlertKind.STALE: "error",
    AlertKind.DEGRADED: "critical",
}


@dataclass(frozen=True)
class PagerDuty:
    key: str
    host: str
    resolves: bool = True

    def deliver(self, message: Message, seconds: float) -> str:
        place = "/v2/change/enqueue" if message.kind is AlertKind.PUBLISHED else "/v2/enqueue"
        return post(f"{self.host}{place}", {"routing_key": self.key, **_event(message)}, {}, seconds)


def receiver(address: str, where: str) -> PagerDuty:
    """As apprise writes the address too: `pagerduty://INTEGRATION_KEY@API_KEY`. `?endpoint=https://…` names a proxy."""
    parts, options = parts_of(address, where, _FORM)
    key = parts.username or parts.netloc
    region = options.get("region", "us").lower()
    if not key or ":" in key or region not in _HOSTS:
        raise no_address(where, _FORM)
    return PagerDuty(key, options.get("endpoint", _HOSTS[region]).rstrip("/"))


def _event(message: Message) -> dict[str, Any]:
    if message.kind is AlertKind.RECOVERED:
        return {"event_action": "resolve", "dedup_key": message.key[:255]}
    payload = {
        "summary": message.title[:1024],
        "source": "lakeflow",
        "timestamp": message.at.isoformat(),
        "custom_details": {"message": message.text, "asset": message.asset, "run": message.run},
    }
    if message.kind is AlertKind.PUBLISHED:
        return {"payload": payload}
    details = {"severity": _SEVERITIES[message.kind], "component": message.asset, "class": str(message.kind)}
    return {"event_action": "trigger", "dedup_key": message.key[:255], "payload": payload | details}
