"""Everybody else: Slack, Teams, e-mail, ntfy, webhooks and a hundred more, through apprise (the extra `alerts`)."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.outbox import Message
from lakeflow.core.errors import ConfigError
from lakeflow.core.values import dataclass
from lakeflow.core.wording import did_you_mean

INSTALL: Final = "pip install 'lakeflow-wap[alerts]'"
_ERROR: Final = re.compile(r"error=(\d{3})\b")
_TYPES: Final[Mapping[AlertKind, str]] = {
    AlertKind.CONFLICT: "WARNING",
    AlertKind.RECOVERED: "SUCCESS",
    AlertKind.PUBLISHED: "INFO",
}


@dataclass(frozen=True)
class AppriseReceiver:
    service: Any
    types: Any
    resolves: bool = False

    def deliver(self, message: Message, seconds: float) -> str:
        # These bound each wait for the connection and for an answer; whoever calls bounds the whole.
        self.service.socket_connect_timeout = self.service.socket_read_timeout = seconds
        with _heard() as said:
            try:
                kind = getattr(self.types, _TYPES.get(message.kind, "FAILURE"))
                taken = self.service.notify(title=message.title, body=message.text, notify_type=kind)
            except Exception as error:  # noqa: BLE001 - the boundary to a hundred services
                return f"no answer ({type(error).__name__})"
        if taken:
            return ""
        code = next((found[1] for line in said if (found := _ERROR.search(line))), None)
        return f"it answered {code}" if code else "it was not taken, or nobody answered"


def apprise_receiver(address: str, where: str) -> AppriseReceiver:
    apprise = _library(where)
    asset = apprise.AppriseAsset(app_id="lakeflow", storage_mode="memory", async_mode=False)
    scheme = address.partition("://")[0].lower()
    known = apprise.manager_plugins.NotificationManager().schemas()
    if scheme not in known:
        choice = "https://appriseit.com/services/ lists the services; pagerduty:// and datadog:// are there too"
        raise ConfigError(
            f"{where}: no service is addressed by {scheme}://", hint=did_you_mean(scheme, [*known, "datadog"], choice)
        )
    with _heard():
        service = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    if service is None:
        raise ConfigError(
            f"{where}: this is no address of {scheme}://",
            hint=f"https://appriseit.com/services/{scheme}/ says how it is written",
        )
    service.overflow_mode = apprise.OverflowMode.TRUNCATE  # too long a text would be refused for ever
    return AppriseReceiver(service, apprise.NotifyType)


def _library(where: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it imports is not ours to mend
            import apprise  # noqa: PLC0415 - only who sends needs it, and it takes a second
            import apprise.manager_plugins  # noqa: PLC0415 - as above

            library: Any = apprise
            library.manager_plugins.NotificationManager().schemas()  # which imports all services
    except ImportError:
        raise ConfigError(f"{where} needs apprise, which is not installed", hint=INSTALL) from None
    return library


class _Listener(logging.Handler):
    """Keeps what one thread logs. The library's messages may hold addresses: they go nowhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())


@contextmanager
def _heard() -> Iterator[list[str]]:
    logger, listener = logging.getLogger("apprise"), _Listener()
    logger.propagate = False
    logger.addHandler(listener)
    try:
        yield listener.lines
    finally:
        logger.removeHandler(listener)
