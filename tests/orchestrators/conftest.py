"""Each orchestrator is the real package, in an environment that only `make test-orchestrators` makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.orchestrators.lab import PROJECT, write
from tests.prepared import Prepared

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.orchestrators)
            # What they warn of themselves is theirs.
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("prepared"), lambda root: write(root, PROJECT))


@pytest.fixture
def root(prepared: Prepared) -> Path:
    """A lake of three assets that was never built."""
    return prepared.again()
