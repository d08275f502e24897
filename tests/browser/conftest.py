from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo import demo
from tests.browser.chromium import REQUIRED, missing, started
from tests.ui.served import served

_HERE = Path(__file__).parent
PATIENT = ("--timeout", "300")


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
def reference(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the reference project after February, whose weather is held."""
    root = tmp_path_factory.mktemp("reference") / "flights"
    with _demo_in(root):
        demo.lay_out()
        demo.land("01")
        demo.run("materialize")
        demo.land("02")
        demo.run("materialize", expected=demo.HELD)
    return root


@pytest.fixture(scope="module")
def held(reference: Path) -> Iterator[str]:
    """The address of its pages."""
    with served(reference, *PATIENT, LAKEFLOW_PII_SALT=demo.SALT) as address:
        yield address


@pytest.fixture(scope="module")
def published(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a copy's pages, in which somebody has mended the code and tried the run again."""
    root = tmp_path_factory.mktemp("mended") / "flights"
    shutil.copytree(reference, root)
    with _demo_in(root):
        demo.run("doctor", "--relocate")
        demo.weather_as_of("february")
        demo.run("retry")
    with served(root, *PATIENT, LAKEFLOW_PII_SALT=demo.SALT) as address:
        yield address


@contextmanager
def _demo_in(root: Path) -> Iterator[None]:
    """The demo's steps work there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "LAKE", root)
        patch.setattr(demo, "LATER", root / "later")
        yield
