from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import auditing
from tests.usercode.lab import Lake


@pytest.fixture(autouse=True)
def _apart() -> Iterator[None]:
    with auditing.apart():
        yield


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path)
    made.write("pyproject.toml", "[tool.lakeflow]\n")
    return made
