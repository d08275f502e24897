"""The client of OpenLineage: its transports, files, console, HTTP and the rest, by its own settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any, Final

from lakeflow.core.errors import ConfigError
from lakeflow.core.values import dataclass

_SAY_SO: Final = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG")
_TRANSPORT: Final = "OPENLINEAGE__TRANSPORT"


@dataclass(frozen=True)
class EventsSent:
    """How many events were taken, and why no further one was; empty where all were."""

    sent: int
    problem: str = ""


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Do the variables name a place to send to, and does none switch it off? A file that lies about somewhere does
    not: who sends says so.
    """
    off = environment.get("OPENLINEAGE_DISABLED", "").strip().lower() in {"1", "true", "yes"}
    named = any(environment.get(name) for name in _SAY_SO) or any(name.startswith(_TRANSPORT) for name in environment)
    return named and not off


def send(events: Iterable[Mapping[str, Any]]) -> EventsSent:
    """Send events one after the other, up to the first that is not taken. Never raises."""
    number = 0
    try:
        client = _client()
        for event in events:
            client.emit(_as_theirs(event))
            number += 1
        client.close(2.0)
    except ConfigError as error:
        return EventsSent(number, f"{error.message}; {error.hint}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the run is done and stays
        # An address of theirs may hold a token, so the error's own text stays here.
        return EventsSent(number, type(error).__name__)
    return EventsSent(number)


def _client() -> Any:
    if find_spec("openlineage") is None or find_spec("openlineage.client") is None:
        raise ConfigError("OpenLineage's client is not installed", hint='pip install "lakeflow-wap[openlineage]"')
    from openlineage.client import OpenLineageClient  # noqa: PLC0415 - half a second, and only who sends needs it

    return OpenLineageClient()


def _as_theirs(event: Mapping[str, Any]) -> Any:
    """The event as an instance of their classes, whose facets stay as they are."""
    from openlineage.client import event_v2 as theirs  # noqa: PLC0415 - as above

    return theirs.RunEvent(
        eventType=theirs.RunState[event["eventType"]],
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=theirs.Run(**event["run"]),
        job=theirs.Job(**event["job"]),
        inputs=[theirs.InputDataset(**each) for each in event["inputs"]],
        outputs=[theirs.OutputDataset(**each) for each in event["outputs"]],
    )
