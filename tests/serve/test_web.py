"""`/healthz` and `/metrics`: read back by Prometheus' own parser, over the wire, on loopback alone."""

from __future__ import annotations

import http.client
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lakeflow.core.errors import UsageError
from lakeflow.core.serve.view import ServedAsset, ServedLake
from lakeflow.core.time.freshness import Freshness
from lakeflow.core.view.freshness import Deadline
from lakeflow.core.view.rows import Health
from lakeflow.serve.loop import Pulse
from lakeflow.serve.metrics import health, metrics
from lakeflow.serve.web import Pages, listening
from tests.core.samples import key

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATE = Deadline(Freshness(HOUR, text="1h"), key("gold.mart"), NOW - 3 * HOUR, NOW - 2 * HOUR, late=True)
MART = ServedAsset(
    key("gold.mart"), (), deadlines=(LATE,), health=Health.DEGRADED, published_at=NOW - 3 * HOUR, rows=12
)
UNBUILT = ServedAsset(key("gold.new"), ())
PULSE = Pulse(
    NOW - 5 * HOUR,
    looked_at=NOW - timedelta(seconds=20),
    lake=ServedLake({one.asset: one for one in (MART, UNBUILT)}),
    looks=9,
    missed=1,
    runs={"published": 3, "held": 1},
)


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in {"gauge", "counter"}
        for one in family.samples:
            assert one.name.startswith("lakeflow_")
            found[one.name.removeprefix("lakeflow_"), frozenset(one.labels.items())] = one.value
    return found


def test_prometheus_reads_every_figure_back() -> None:
    found = samples(metrics(PULSE, NOW))
    assert found["serve_up", frozenset()] == 1
    assert found["serve_runs_total", frozenset({("state", "published")})] == 3
    assert found["serve_looks_total", frozenset()] == 9
    assert found["serve_deadlines_missed_total", frozenset()] == 1
    mart = ("asset", "gold.mart")
    assert found["asset_rows", frozenset({mart})] == 12
    assert found["asset_age_seconds", frozenset({mart})] == 3 * 3600
    assert found["asset_deadline_seconds", frozenset({mart})] == -2 * 3600
    assert [found["asset_health", frozenset({mart, ("health", each)})] for each in Health] == [1, 0, 0, 0]
    assert ("asset_rows", frozenset({("asset", "gold.new")})) not in found
    assert samples(metrics(replace(PULSE, fault="no database"), NOW))["serve_up", frozenset()] == 0
    assert samples(metrics(Pulse(NOW), NOW))["serve_looks_total", frozenset()] == 0


def test_health_degrades_with_a_fault_and_when_nobody_looks_any_more() -> None:
    patience = timedelta(minutes=4)
    assert health(PULSE, NOW, patience)["status"] == "ok"
    assert health(replace(PULSE, fault="1 fault"), NOW, patience) == {
        "status": "degraded",
        "fault": "1 fault",
        "at_work": None,
        "looked_at": "2026-01-01T11:59:40+00:00",
    }
    assert health(PULSE, NOW + HOUR, patience)["status"] == "degraded"
    assert health(replace(PULSE, at_work="3 assets"), NOW + HOUR, patience)["status"] == "ok"  # a long run is no fault


def asked(port: int, method: str, path: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


def test_the_pages_answer_on_loopback_and_change_nothing() -> None:
    pulse = [PULSE]
    answers = Pages(lambda: health(pulse[0], NOW, HOUR), lambda: metrics(pulse[0], NOW))
    with listening(0, answers) as port:
        status, kind, text = asked(port, "GET", "/metrics")
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert samples(text)["serve_looks_total", frozenset()] == 9
        assert asked(port, "GET", "/healthz?full=1")[0] == 200
        assert asked(port, "HEAD", "/healthz")[2] == ""
        pulse[0] = replace(PULSE, fault="the database is away")
        status, kind, text = asked(port, "GET", "/healthz")
        assert (status, kind, json.loads(text)["fault"]) == (503, "application/json", "the database is away")
        assert [asked(port, *each)[0] for each in (("GET", "/"), ("POST", "/healthz"), ("DELETE", "/metrics"))] == [
            404,
            501,
            501,
        ]
        with pytest.raises(UsageError, match="cannot be listened on") as refused, listening(port, answers):
            pass
        assert "--port" in str(refused.value.hint)
