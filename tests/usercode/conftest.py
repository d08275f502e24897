from pathlib import Path

import pytest

from tests.usercode.lab import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path)
    made.write("pyproject.toml", "[tool.lakeflow]\n")
    return made
