from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    (shared / "made-once").touch(exist_ok=False)


@pytest.mark.parametrize("_", range(6))
@pytest.mark.usefixtures("made")
def test_what_a_module_makes_once_is_made_by_one_process_of_all_that_test(_: int) -> None:
    """FileExistsError in the second."""
