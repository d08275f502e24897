"""`serve` and who wants alerts: told once, in time, and later where a receiver was down; runs never wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakeflow.serve.lake import FileLake
from lakeflow.serve.loop import Loop, Pulse
from tests.alerts.lab import MENDED, Receiver, entry, lake_with, receiving, write
from tests.lake.clock import set_clock


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.mark.long
def test_a_receiver_that_is_down_for_an_hour_hinders_nothing_and_hears_of_each_trouble_once(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    asked: Callable[[], datetime] = clock
    set_clock(monkeypatch, asked)
    root = lake_with(tmp_path, entry(f"json://{receiver.place}/hook", "held", "recovered"))
    said: list[str] = []
    lake = FileLake(root, {})
    loop = Loop(lake, clock, said.append, timedelta(minutes=1), Pulse(clock()))
    try:
        receiver.answers = lambda _: 500
        for _ in range(4):
            loop.turn()
            clock.ahead += timedelta(minutes=20)
        assert [line for line in said if " held: " in line] == [line for line in said if line.startswith("run ")]
        assert (loop.pulse.runs, receiver.titles, receiver.tries > 1) == ({"held": 1}, [], True)
        receiver.answers = lambda _: 200
        for _ in range(4):
            clock.ahead += timedelta(hours=1)
            loop.turn()
        assert receiver.titles == ["silver.weather is held"]
        write(root, MENDED)
        for _ in range(3):
            clock.ahead += timedelta(minutes=1)
            loop.turn()
        assert loop.pulse.runs == {"held": 1, "published": 1}
        assert receiver.titles == ["silver.weather is held", "silver.weather recovered"]
        assert loop.pulse.fault == ""
    finally:
        lake.close()
