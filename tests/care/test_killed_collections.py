"""A collection of garbage that is killed takes nothing that is needed, wherever the lake is kept, and is finished by
the next one.

`LAKEFLOW_TEST_POINTS` says at how many operations of each it is killed, or `all`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakeflow.core.view.findings import Level
from lakeflow.lake import care
from tests.care.lab import built, collect, named, rows
from tests.external.lab import opened
from tests.rest.test_garbage import killed
from tests.rest.test_kill import chosen
from tests.servers.fixture import Servers
from tests.standing_in import EVERY, Standing, place_of

KINDS = tuple(kind for kind in EVERY if kind != "sqlite")
"""Of a lake as it is by default, `tests/faults/test_kill_commands.py` kills `gc`."""


@dataclass(frozen=True)
class Kept:
    place: Standing
    root: Path

    def replaced(self, *values: int) -> None:
        """Each value is all rows of its time: what was before it is garbage."""
        built(self.root, *values, settings=self.place.settings.removeprefix("[tool.lakeflow]\n"))

    def read_by_others(self) -> list[int]:
        with closing(self.place.theirs()) as theirs:
            found: list[int] = theirs.load_table("silver.a").scan().to_arrow()["id"].to_pylist()
        return sorted(found)

    def assert_whole(self) -> None:
        with opened(self.root) as lake:
            assert lake.verify(deep=True).faults == ()
        assert [one.message for one in care.doctor(self.root, deep=True) if one.level is Level.PROBLEM] == []


@pytest.fixture(params=KINDS)
def lake(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    place = place_of(request.param, servers, tmp_path / "state")
    for name, secret in place.environment.items():
        monkeypatch.setenv(name, secret)
    return Kept(place, tmp_path / "sales")


def test_a_collection_that_is_killed_takes_nothing_that_is_needed(lake: Kept) -> None:
    lake.replaced(1, 2, 3)
    total, value = killed(lake.root, "collect", 0), 3
    assert total >= 4, "more than one file is removed"
    for place in chosen(range(2, total), [total - 1]):
        value += 2
        lake.replaced(value - 1, value)
        assert killed(lake.root, "collect", place) == 0
        assert rows(lake.root) == lake.read_by_others() == [value]
        lake.assert_whole()
    collect(lake.root)
    with opened(lake.root) as one:
        assert named(one) == set()
    assert rows(lake.root) == lake.read_by_others() == [value]
    lake.assert_whole()
