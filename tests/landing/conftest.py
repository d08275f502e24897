from pathlib import Path

import pytest

from tests.landing.lab import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with one asset, bronze.orders, that lands CSV from drops/."""
    made = Lake(tmp_path)
    made.write("pyproject.toml", "[tool.lakeflow]\n")
    made.asset()
    return made
