"""From an address to who receives there. An address may hold tokens anywhere: no message quotes it."""

from __future__ import annotations

from typing import Protocol

from lakeflow.adapters.alerts import datadog, pagerduty
from lakeflow.adapters.alerts.through_apprise import apprise_receiver
from lakeflow.core.alerts.outbox import Message


class Receiver(Protocol):
    """Who is told. `resolves`: keeps an incident open until it hears of its end, each asset's apart."""

    @property
    def resolves(self) -> bool: ...

    def deliver(self, message: Message, seconds: float) -> str:
        """Send it. Empty when it was taken, else why not, in words without address and secret. Never raises; may take a
        little longer than `seconds`.
        """
        ...


def open_receiver(address: str, where: str) -> Receiver:
    """Who receives at this address. ConfigError, which names `where` and not the address, for one that nobody can
    read; nothing is sent.
    """
    scheme = address.partition("://")[0].lower()
    if scheme == "pagerduty":
        return pagerduty.receiver(address, where)
    if scheme == "datadog":
        return datadog.receiver(address, where)
    return apprise_receiver(address, where)
