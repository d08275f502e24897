from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo import demo
from tests.browser.chromium import REQUIRED, missing, started
from tests.browser.served import served

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if reason := missing():
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(f"a browser is required here: {reason}", pytrace=False)
        pytest.skip(reason)
    with started() as browser:
        yield browser


@pytest.fixture(scope="module")
def reference(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root of the reference project after February, whose weather is held; `demo` works there meanwhile."""
    folder = tmp_path_factory.mktemp("reference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "LAKE", folder / "flights")
        patch.setattr(demo, "LATER", folder / "flights" / "later")
        demo.lay_out()
        demo.land("01")
        demo.run("materialize")
        demo.land("02")
        demo.run("materialize", expected=demo.HELD)
        yield folder / "flights"


@pytest.fixture(scope="module")
def held(reference: Path) -> Iterator[str]:
    """The address of its pages."""
    with served(reference) as address:
        yield address
