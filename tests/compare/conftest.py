from __future__ import annotations

import pytest

from tests.duckdb.conftest import data, engine, root

__all__ = ["data", "engine", "root"]


@pytest.fixture(autouse=True)
def _planner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars warns unless its optional planner is installed or declined."""
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")
