"""How the lake is kept open between requests: what a page shows is of this moment, and a look serves all who waited."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import lakeflow
from lakeflow.adapters.iceberg.metadata import metadata
from lakeflow.core.errors import ProjectError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Table
from lakeflow.ui import server
from lakeflow.ui.ahead import _follow, kept_ahead
from lakeflow.ui.app import site
from lakeflow.ui.guard import Access
from lakeflow.ui.kept import Glance, SeenLake
from tests.cli.test_commands import make
from tests.ui.test_pages import text_of

pytestmark = pytest.mark.long


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return make(tmp_path, {"layers/bronze/a.sql": "select 1 as id"})


@pytest.fixture
def kept(lake: Path) -> Iterator[SeenLake]:
    """Its clock goes on by one whenever somebody looks at it."""
    with closing(SeenLake(lake, {}, clock=count(1.0).__next__)) as kept:
        yield kept


def publish(root: Path) -> None:
    with lakeflow.open(root) as lake:
        assert lake.materialize(force=True) is not None


def test_nobody_is_shown_what_was_before_he_asked(kept: SeenLake, lake: Path) -> None:
    publish(lake)
    first = kept.glance()
    assert kept.glance() is first, "nothing has changed"
    publish(lake)
    second = kept.glance()
    assert second is not first
    assert [len(each.outlook.runs) for each in (first, second)] == [1, 2]
    assert second.at > first.at


def test_one_look_serves_all_who_asked_before_it_began(kept: SeenLake, lake: Path) -> None:
    kept.glance()
    publish(lake)
    one, other = kept.clock(), kept.clock()
    seen = kept.glance(one)
    publish(lake)
    assert kept.glance(other) is seen, "it began after both had asked"
    assert kept.glance(kept.clock()) is not seen, "this one asked later"


def test_a_look_ahead_is_what_the_next_request_is_answered_from(kept: SeenLake, lake: Path) -> None:
    for change in (publish, lambda root: (root / "layers/bronze/b.sql").write_text("select 2 as id")):
        before = kept.glance()
        change(lake)
        ahead = kept.ahead()
        assert ahead is not before
        assert kept.glance() is ahead


def test_a_changed_file_makes_no_table_be_read_again_and_other_settings_open_the_lake_anew(
    kept: SeenLake, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(lake)
    before = kept.glance()
    read: list[str] = []
    parse = metadata._parse

    def noted(key: AssetKey, *found: Any) -> Table:
        read.append(str(key))
        return parse(key, *found)

    monkeypatch.setattr(metadata, "_parse", noted)
    (lake / "layers/bronze/a.sql").write_text("select 2 as id")
    (lake / "layers/bronze/b.sql").write_text("select 3 as id")
    after = kept.glance()
    assert {str(key): one.state for key, one in after.outlook.statuses.items()} == {
        "bronze.a": "stale",
        "bronze.b": "never built",
    }
    assert read == []
    assert before.lake is not after.lake
    (lake / "pyproject.toml").write_text((lake / "pyproject.toml").read_text() + "keep_snapshots = 7\n")
    assert kept.glance().lake.configured.keep_snapshots == 7
    assert read == ["bronze.a"]


def test_who_stays_keeps_no_project_on_disk_and_believes_none(kept: SeenLake, lake: Path) -> None:
    """It has what it read itself; the next who opens the lake finds what was kept outdated, and reads the files."""
    publish(lake)
    kept.glance()
    place = lake / ".lakeflow" / "project.kept"
    before = place.read_bytes()
    (lake / "layers/bronze/a.sql").write_text("select 2 as id")
    assert kept.glance().outlook.statuses[AssetKey.parse("bronze.a")].state == "stale"
    assert place.read_bytes() == before
    with closing(SeenLake(lake, {})) as other:
        assert other.glance().outlook.statuses[AssetKey.parse("bronze.a")].state == "stale"
    assert place.read_bytes() != before


def test_the_first_look_begins_before_somebody_asks_and_leaves_the_search_for_garbage_on(lake: Path) -> None:
    publish(lake)
    with closing(site(SeenLake(lake, {}), Access())) as pages:
        try:
            server._look_first(pages)
            assert pages.looks.submit(looks_at, pages.kept).result() is not None
            assert gc.isenabled()
        finally:
            gc.unfreeze()


def test_a_first_look_that_fails_leaves_it_on_too(lake: Path) -> None:
    (lake / "layers/bronze/a.sql").write_text("selekt")
    with closing(site(SeenLake(lake, {}), Access())) as pages:
        try:
            server._look_first(pages)
            assert pages.looks.submit(looks_at, pages.kept).result() is None
            assert gc.isenabled()
        finally:
            gc.unfreeze()


def test_a_file_with_a_fault_and_then_without_is_seen_as_each(kept: SeenLake, lake: Path) -> None:
    publish(lake)
    kept.glance()
    file = lake / "layers/bronze/a.sql"
    good = file.read_text()
    file.write_text("selekt")
    with pytest.raises(ProjectError):
        kept.glance()
    file.write_text(f"{good} -- again")
    assert [str(key) for key in kept.glance().outlook.statuses] == ["bronze.a"]


def looks_at(kept: SeenLake) -> Glance | None:
    return kept._kept.glance if kept._kept else None


def pauses(kept: SeenLake, looks: ThreadPoolExecutor, rounds: int) -> list[float]:
    """How long it waits before each round of looking whether something has changed."""
    said: list[float] = []

    def ended(pause: float) -> bool:
        said.append(pause)
        return len(said) > rounds

    _follow(kept, looks, 2.0, ended)
    return said


def test_a_server_that_nobody_asks_does_not_look(kept: SeenLake, lake: Path) -> None:
    with ThreadPoolExecutor(1) as looks:
        pauses(kept, looks, 3)
        assert looks_at(kept) is None, "nobody has asked yet"
        first = looks.submit(kept.glance).result()
        kept.asked = kept.clock() - 301.0
        publish(lake)
        pauses(kept, looks, 3)
        assert looks_at(kept) is first, "the last who asked is gone"


def test_looking_ahead_takes_at_most_a_quarter_of_the_time(kept: SeenLake) -> None:
    with ThreadPoolExecutor(1) as looks:
        looks.submit(kept.glance).result()
        began = kept.clock()
        said = pauses(kept, looks, 2)
    assert said[0] == 0.0
    assert all(pause >= 3.0 for pause in said[1:]), "three times the least that such a look takes by this clock"
    assert kept.clock() > began


def test_what_cannot_be_read_ends_no_looking_ahead(kept: SeenLake, lake: Path) -> None:
    with ThreadPoolExecutor(1) as looks:
        looks.submit(kept.glance).result()
        (lake / "layers/bronze/a.sql").write_text("selekt")
        assert len(pauses(kept, looks, 3)) == 4


def test_the_lake_is_looked_at_when_it_has_changed_before_somebody_asks(lake: Path) -> None:
    with closing(SeenLake(lake, {})) as kept, ThreadPoolExecutor(1) as looks:
        before = looks.submit(kept.glance).result()
        with kept_ahead(kept, looks, every=0.01):
            publish(lake)
            while looks.submit(looks_at, kept).result() is before:
                pass
        looks.submit(kept.close).result()


def test_every_page_says_of_which_moment_it_is_and_that_moment_is_now(
    lake: Path, show: Callable[..., TestClient]
) -> None:
    pages = show(lake)
    before = text_of(pages.get("/").text)
    assert "as the lake stood at 20" in before
    assert "never published" in before
    publish(lake)
    after = text_of(pages.get("/").text)
    assert "never published" not in after
    assert before.partition("stood at")[2] <= after.partition("stood at")[2]  # both may be of the same second
