"""Events of Datadog, as https://docs.datadoghq.com/api/latest/events/ describes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from lakeflow.adapters.alerts.posting import no_address, parts_of, post
from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.outbox import Message
from lakeflow.core.values import dataclass

_FORM: Final = "datadog:// with the API key, an @ and the site of your account, such as datadoghq.com"
_SITE: Final = re.compile(r"[a-z0-9.-]+\.[a-z]+")
_LONGEST: Final = 4000
_TYPES: Final[Mapping[AlertKind, str]] = {
    AlertKind.CONFLICT: "warning",
    AlertKind.RECOVERED: "success",
    AlertKind.PUBLISHED: "info",
}


@dataclass(frozen=True)
class Datadog:
    key: str
    host: str
    resolves: bool = True

    def deliver(self, message: Message, seconds: float) -> str:
        return post(f"{self.host}/api/v1/events", _event(message), {"DD-API-KEY": self.key}, seconds)


def receiver(address: str, where: str) -> Datadog:
    """`?endpoint=https://…` names a proxy."""
    parts, options = parts_of(address, where, _FORM)
    key, site = (parts.username, parts.hostname) if parts.username else (parts.netloc, "datadoghq.com")
    if not key or ":" in key or not _SITE.fullmatch(site or ""):
        raise no_address(where, _FORM)
    return Datadog(key, options.get("endpoint", f"https://api.{site}").rstrip("/"))


def _event(message: Message) -> dict[str, Any]:
    tags = [f"asset:{message.asset}", f"kind:{message.kind}", "service:lakeflow"]
    return {
        "title": message.title[:100],
        "text": message.text[:_LONGEST],
        "alert_type": _TYPES.get(message.kind, "error"),
        "aggregation_key": sha256(message.key.encode()).hexdigest(),
        "date_happened": int(message.at.timestamp()),
        "tags": [*tags, f"run:{message.run}"] if message.run else tags,
    }
