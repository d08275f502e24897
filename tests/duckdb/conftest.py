from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakeflow.adapters.duckdb.engine import DuckEngine


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The project's root: relative paths resolve here."""
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def engine(root: Path) -> Iterator[DuckEngine]:
    engine = DuckEngine(str(root), "1GB", 2, str(root / "spill"))
    yield engine
    engine.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where data files are written."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"
