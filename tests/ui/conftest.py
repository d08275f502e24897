"""One held lake for all tests that only look, and pages of it that are asked within this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lakeflow.ui.app import Site, application, site
from lakeflow.ui.guard import Access
from lakeflow.ui.kept import SeenLake
from tests.ui.lakes import held_lake

HERE = "http://127.0.0.1:9318"


_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A held lake takes seconds to make, once in each process: `make test` makes it for the pages alone."""
    for item in items:
        needs = "held" in getattr(item, "fixturenames", ())
        if _HERE in item.path.parents and needs and item.path.name != "test_pages.py":
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The root of a lake with a held run, and that run."""
    root = tmp_path_factory.mktemp("held")
    return root, held_lake(root)


@pytest.fixture(scope="session")
def show() -> Iterator[Callable[..., TestClient]]:
    """Pages of the lake at a root, as a browser on this machine asks for them."""
    open_sites: list[Site] = []

    def shown(root: Path, access: Access | None = None, base: str = HERE) -> TestClient:
        made = site(SeenLake(root, {}), access or Access(), seconds=300)
        open_sites.append(made)
        return TestClient(application(made), base_url=base, follow_redirects=False)

    yield shown
    for each in open_sites:
        each.close()


@pytest.fixture(scope="session")
def pages(held: tuple[Path, str], show: Callable[..., TestClient]) -> TestClient:
    return show(held[0])
