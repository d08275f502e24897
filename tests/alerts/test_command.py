"""The command line writes its answer before it sends, and ends as it would have ended without alerts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.alerts.lab import Receiver, entry, lake_with, receiving
from tests.cli.process import lakeflow


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.mark.long
def test_the_answer_is_there_while_the_receiver_still_thinks(tmp_path: Path, receiver: Receiver) -> None:
    answered = Event()

    def slow(_: int) -> int:
        answered.wait(60)
        return 200

    receiver.answers = slow
    pager = f"pagerduty://KEY?endpoint=http://{receiver.place}"
    root = lake_with(tmp_path, entry(pager, "held", select="layer:silver"))
    words = [sys.executable, "-m", "lakeflow.cli", "-C", str(root), "materialize", "silver.weather", "-o", "json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as command:
        assert command.stdout is not None
        lines = list[str]()
        while not lines or lines[-1] != "}\n":
            lines.append(command.stdout.readline())
        assert receiver.got == [], "nobody has taken the message yet"
        answered.set()
        assert command.wait() == 1
    assert json.loads("".join(lines))["data"]["run"]["state"] == "held"


@pytest.mark.long
def test_a_receiver_that_is_down_changes_no_exit_code(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = lambda _: 0
    root = lake_with(tmp_path, entry(f"pagerduty://KEY?endpoint=http://{receiver.place}", "published", name="duty"))
    done = lakeflow("materialize", "bronze.weather", cwd=root)
    assert done.returncode == 0
    assert "warning: alerts to duty were not taken (no answer (ConnectionError))" in done.stderr
    assert lakeflow("alerts", cwd=root).returncode == 0
    failed = lakeflow("alerts", "send", cwd=root)
    assert (failed.returncode, "1 failed" in failed.stdout) == (1, True)
    assert lakeflow("alerts", "test", "duty", cwd=root).returncode == 1
    receiver.answers = lambda _: 200
    assert lakeflow("alerts", "test", cwd=root).returncode == 0
    assert lakeflow("alerts", "send", cwd=root).returncode == 0
    assert "Nothing waits" in lakeflow("alerts", "send", cwd=root).stdout
    listed = lakeflow("alerts", "-o", "csv", cwd=root).stdout.splitlines()
    assert listed[1].startswith("1,duty,published,bronze.weather,")
