"""The pages of a lake that others keep: on PostgreSQL with its tables in a store, and on REST catalogs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Final, NamedTuple

import pytest
from starlette.testclient import TestClient

import lakeflow
from lakeflow.ui.app import Site, application, site
from lakeflow.ui.guard import Access
from lakeflow.ui.kept import SeenLake
from tests.rest.whole import awaited, secrets_of, settings_of
from tests.servers.fixture import RestKind, Servers
from tests.servers.year import postgresql
from tests.ui.conftest import HERE
from tests.ui.lakes import held_lake
from tests.ui.test_pages import QUESTIONS, SHOWN, address, text_of, twin_of

pytestmark = pytest.mark.servers
POSTGRESQL: Final = "postgresql and a store"
SAID: Final = {
    "/": ("1 decision waits", "silver.weather is held", "gold.windiest"),
    "/assets/silver.weather": ("readers see", "Held on audit_"),
    "/assets/silver.weather/snapshots": ("audit_", "published"),
    "/assets/silver.weather/data": ("origin", "wind"),
    "/assets/silver.weather/data?ref=held&where=wind+%3E+200": ("1048.4",),
    "/lineage": ("silver.weather", "bronze.reader", "gold.windiest"),
    "/log": ("silver.weather", "first publish"),
    "/compare?asset=silver.weather&between=main..held": ("added +1", "1048.4"),
    "/query?sql=select+count(*)+as+n+from+silver.reader": ("20",),
    "/query?sql=select+max(wind)+as+most+from+silver.weather&ref=held": ("1048.4",),
    "/runs/{run}": ("What failed in silver.weather", "1 row added", "1048.4", "lakeflow discard {run}"),
}
"""What a person reads on each page."""


class FarLake(NamedTuple):
    root: Path
    run: str
    pages: TestClient
    made: Site
    secrets: frozenset[str]


@pytest.fixture(scope="module", params=[POSTGRESQL, "seaweedfs", "java"])
def far(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FarLake]:
    root = tmp_path_factory.mktemp("far")
    settings, environment = placed(request.param, servers, root)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        run = held_lake(root / "lake", settings)
        with closing(site(SeenLake(root / "lake", {}), Access(), seconds=300)) as made:
            pages = TestClient(application(made), base_url=HERE, follow_redirects=False)
            yield FarLake(root / "lake", run, pages, made, frozenset(filter(None, environment.values())))


def placed(kind: str, servers: Servers, folder: Path) -> tuple[str, dict[str, str]]:
    """The settings of a lake there, and the variables with its secrets."""
    if kind == POSTGRESQL:
        place = postgresql(servers)
        return place.settings, dict(place.environment)
    named: RestKind = "java" if kind == "java" else "seaweedfs"
    server = awaited(servers.rest(named), folder / "awaited")
    return f"[tool.lakeflow]\n{settings_of(server)}", secrets_of(server)


@pytest.mark.parametrize("path", SAID)
def test_each_page_says_of_a_far_lake_what_it_says_of_a_near_one(far: FarLake, path: str) -> None:
    answer = far.pages.get(path.replace("{run}", far.run))
    said = text_of(answer.text)
    assert answer.status_code == 200, said
    for words in SAID[path]:
        assert words.replace("{run}", far.run).lower() in said.lower(), words


def test_every_page_and_its_twin_is_answered_without_a_secret(far: FarLake) -> None:
    for path in SHOWN:
        where = address(path, far.run) + QUESTIONS.get(path, "")
        for each in (where, twin_of(where)):
            answer = far.pages.get(each)
            assert answer.status_code == 200, (each, answer.text)
            assert "canary" not in answer.text, each
            assert not [secret for secret in far.secrets if secret in answer.text], each


def test_what_is_compared_of_a_held_run_is_kept(far: FarLake) -> None:
    far.pages.get(f"/runs/{far.run}")
    before = dict(far.made.rows._compared)
    assert [each.rows.added for each in before.values()] == [1]
    far.pages.get(f"/runs/{far.run}")
    assert all(far.made.rows._compared[asked] is found for asked, found in before.items())


def test_a_publish_is_seen_within_the_time_that_a_far_lake_is_not_asked(far: FarLake) -> None:
    """The last of these tests: it changes the lake."""
    with lakeflow.open(far.root) as lake:
        done = lake.materialize("bronze.weather", force=True)
    assert done is not None
    began = monotonic()
    while done.id not in far.pages.get("/runs").text:
        assert monotonic() - began < 60
        sleep(0.2)
    assert done.id in far.pages.get("/runs").text
