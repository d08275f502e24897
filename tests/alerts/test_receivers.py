"""What each kind of receiver is sent, seen by a server, and what is said of one that does not take it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lakeflow.adapters.alerts import open_receiver
from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.outbox import Message
from tests.alerts.lab import Receiver, receiving

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "s3cr3t"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def message(kind: AlertKind) -> Message:
    return Message(kind, "silver.w is held", "✗ possible", "lakeflow:lake:duty:silver.w", "silver.w", "r1", NOW)


def sent(receiver: Receiver, address: str, kind: AlertKind) -> tuple[str, dict[str, Any]]:
    assert open_receiver(address, "entry 1").deliver(message(kind), 10.0) == ""
    return receiver.got[-1]


def test_pagerduty_opens_an_incident_and_resolves_it_by_the_same_key(receiver: Receiver) -> None:
    address = f"pagerduty://{SECRET}?endpoint=http://{receiver.place}/"
    path, opened = sent(receiver, address, AlertKind.HELD)
    assert (path, opened["event_action"], opened["routing_key"]) == ("/v2/enqueue", "trigger", SECRET)
    assert opened["payload"]["summary"] == "silver.w is held"
    assert opened["payload"]["severity"] == "error"
    assert opened["payload"]["custom_details"]["message"] == "✗ possible"
    path, resolved = sent(receiver, address, AlertKind.RECOVERED)
    assert (path, resolved["event_action"], resolved["dedup_key"]) == ("/v2/enqueue", "resolve", opened["dedup_key"])


def test_a_publish_is_a_change_event_of_pagerduty_and_no_incident(receiver: Receiver) -> None:
    path, said = sent(receiver, f"pagerduty://{SECRET}@api?endpoint=http://{receiver.place}", AlertKind.PUBLISHED)
    assert (path, said["routing_key"]) == ("/v2/change/enqueue", SECRET)
    assert said["payload"].keys() == {"summary", "source", "timestamp", "custom_details"}


@pytest.mark.parametrize(
    ("kind", "alert_type"),
    [(AlertKind.HELD, "error"), (AlertKind.CONFLICT, "warning"), (AlertKind.RECOVERED, "success")],
)
def test_datadog_is_sent_an_event_with_its_key_in_a_header(
    receiver: Receiver, kind: AlertKind, alert_type: str
) -> None:
    path, said = sent(receiver, f"datadog://{SECRET}@datadoghq.eu?endpoint=http://{receiver.place}", kind)
    assert (path, said["alert_type"], said["title"]) == ("/api/v1/events", alert_type, "silver.w is held")
    assert {"asset:silver.w", "run:r1", f"kind:{kind}"} <= set(said["tags"])
    assert len(said["aggregation_key"]) <= 100
    assert f"DD-API-KEY: {SECRET}".encode() in receiver.raw


def test_accounts_elsewhere_are_asked_where_they_are() -> None:
    assert getattr(open_receiver("pagerduty://key?region=eu", "e"), "host") == "https://events.eu.pagerduty.com"  # noqa: B009
    assert getattr(open_receiver("datadog://key@datadoghq.eu", "e"), "host") == "https://api.datadoghq.eu"  # noqa: B009


@pytest.mark.parametrize("scheme", ["json", "pagerduty"])
@pytest.mark.parametrize(("status", "said"), [(500, "500"), (404, "404"), (0, "")])
def test_who_does_not_take_it_is_told_by_status_and_never_by_address(
    receiver: Receiver, scheme: str, status: int, said: str
) -> None:
    receiver.answers = lambda _: status
    place = receiver.place
    addresses = {"json": f"json://me:{SECRET}@{place}/", "pagerduty": f"pagerduty://{SECRET}?endpoint=http://{place}"}
    problem = open_receiver(addresses[scheme], "entry 1").deliver(message(AlertKind.HELD), 10.0)
    assert problem
    assert said in problem
    assert SECRET not in problem
    assert place not in problem


def test_a_redirect_is_not_followed_with_the_key(receiver: Receiver) -> None:
    receiver.answers = lambda _: 302
    found = open_receiver(f"datadog://{SECRET}@datadoghq.eu?endpoint=http://{receiver.place}", "entry 1")
    assert found.deliver(message(AlertKind.HELD), 10.0) == "it answered 302"
    assert receiver.tries == 1
