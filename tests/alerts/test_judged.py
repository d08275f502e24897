"""What only the clock tells is recorded by those who write, told once, and over when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import lakeflow
from lakeflow.lake.lake import Lake
from tests.alerts.lab import MENDED, Receiver, entry, lake_with, receiving, write
from tests.lake.clock import set_clock

FRESH = MENDED["layers/silver/weather.sql"].replace("write =", 'fresh = "36h"\nwrite =')


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def looked(lake: Lake, now: datetime) -> None:
    lake.alerts.judge(now)
    lake.alerts.send(now)


@pytest.mark.long
def test_late_data_is_told_once_and_its_end_once(tmp_path: Path, receiver: Receiver) -> None:
    stale = entry(f"json://{receiver.place}/stale", "stale", "degraded", "recovered", select="layer:silver", name="s")
    other = entry(f"json://{receiver.place}/other", "degraded", select="layer:silver", name="o")
    root = lake_with(tmp_path, stale, other)
    write(root, {"layers/silver/weather.sql": FRESH})
    with lakeflow.open(root) as lake:
        lake.materialize("silver.weather")
        now = datetime.now(UTC)
        for hours in (1, 30, 37, 38, 50):
            looked(lake, now + timedelta(hours=hours))
        said = [(path, told["title"]) for path, told in receiver.got]
        assert sorted(said) == [("/other", "silver.weather is degraded"), ("/stale", "silver.weather is late")]
        late = next(told["message"] for path, told in receiver.got if path == "/stale").splitlines()
        assert late[1] == "last publish 37 h ago, due within 36h"
        assert late[2].startswith("Readers see s")
        assert late[-1] == "Next: `lakeflow materialize +silver.weather` builds what it is made from and itself"
        receiver.got.clear()
        # By the clock of the machine it was never late: any command that writes finds it fresh.
        lake.materialize("silver.weather", force=True)
        lake.materialize("silver.weather", force=True)
    assert [(path, told["title"]) for path, told in receiver.got] == [("/stale", "silver.weather recovered")]


def test_a_look_records_nothing(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    root = lake_with(tmp_path, entry(f"json://{receiver.place}", "stale"))
    write(root, {"layers/silver/weather.sql": FRESH})
    with lakeflow.open(root) as lake:
        lake.materialize("silver.weather")
    set_clock(monkeypatch, lambda: datetime.now(UTC) + timedelta(days=9))
    with lakeflow.open(root) as lake:
        assert lake.status("silver.weather")[0].deadlines[0].late
        lake.plan()
        assert lake.alerts.list() == ()
        lake.alerts.judge()
        # Bronze must be as fresh as what is made from it.
        assert {str(one.asset) for one in lake.alerts.list()} == {"bronze.weather", "silver.weather"}


@pytest.mark.long
def test_what_was_published_by_force_over_failed_checks_is_degraded(tmp_path: Path, receiver: Receiver) -> None:
    root = lake_with(tmp_path, entry(f"json://{receiver.place}", "held", "degraded", "recovered"))
    with lakeflow.open(root) as lake:
        run = lake.materialize("silver.weather")
        assert run is not None
        lake.publish(run.id, reason="a person's words")
    assert receiver.titles == ["silver.weather is held", "silver.weather recovered", "silver.weather is degraded"]
    assert "published by force, though checks failed" in receiver.got[-1][1]["message"]
    assert b"a person's words" not in receiver.raw


@pytest.mark.long
def test_what_an_entry_no_longer_selects_is_over_for_it(tmp_path: Path, receiver: Receiver) -> None:
    pager = f"pagerduty://KEY?endpoint=http://{receiver.place}"
    root = lake_with(tmp_path, entry(pager, "held", "stale", name="duty"))
    with lakeflow.open(root) as lake:
        lake.materialize("silver.weather")
    write(
        root, {"pyproject.toml": "[tool.lakeflow]\n" + entry(pager, "held", "stale", name="duty", select="layer:gold")}
    )
    with lakeflow.open(root) as lake:
        looked(lake, datetime.now(UTC))
    assert receiver.events == [("trigger", "duty:silver.weather"), ("resolve", "duty:silver.weather")]


@pytest.mark.long
def test_alerts_of_an_entry_that_is_gone_are_dropped_and_say_so(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = lambda _: 500
    root = lake_with(tmp_path, entry(f"json://{receiver.place}", "held", name="old"))
    with lakeflow.open(root) as lake:
        lake.materialize("silver.weather")
    write(root, {"pyproject.toml": "[tool.lakeflow]\n" + entry(f"json://{receiver.place}", "held", name="new")})
    with lakeflow.open(root) as lake:
        lake.alerts.send(everything=True)
        [alert] = lake.alerts.list()
    assert (alert.state, alert.problem) == ("dropped", "no entry of the settings has this name any more")


@pytest.mark.long
def test_a_failed_audit_of_what_readers_see_is_told_once_with_its_checks(tmp_path: Path, receiver: Receiver) -> None:
    both = entry(f"json://{receiver.place}/both", "held", "degraded", "recovered", select="layer:silver", name="b")
    one = entry(f"json://{receiver.place}/one", "degraded", "recovered", select="layer:silver", name="o")
    root = lake_with(tmp_path, both, one)
    write(root, MENDED)
    with lakeflow.open(root) as lake:
        lake.materialize("silver.weather")
    write(root, {"checks/silver/weather.possible.sql": "select id from silver.weather where wind > 50"})
    with lakeflow.open(root) as lake:
        lake.materialize("silver.weather")
        lake.alerts.judge()
    write(root, {"checks/silver/weather.possible.sql": "select id from silver.weather where wind > 100"})
    with lakeflow.open(root) as lake:
        lake.materialize("silver.weather")
    assert sorted((path, told["title"]) for path, told in receiver.got) == [
        ("/both", "silver.weather is held"),
        ("/both", "silver.weather recovered"),
        ("/one", "silver.weather is degraded"),
        ("/one", "silver.weather recovered"),
    ]
    degraded = next(told["message"] for _, told in receiver.got if told["title"].endswith("degraded")).splitlines()
    assert degraded[1].startswith("the audit of what readers see failed in run ")
    assert degraded[2] == "✗ possible (1 row)"
