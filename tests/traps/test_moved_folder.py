"""Iceberg keeps absolute locations, so that a folder that is moved takes its tables apart."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog


def opened(root: Path) -> SqlCatalog:
    return SqlCatalog("lab", uri=f"sqlite:///{root}/catalog.db", warehouse=f"file://{root}/warehouse")


def test_pyiceberg_does_not_load_a_table_whose_folder_was_moved(tmp_path: Path) -> None:
    """When it does, `lakeflow doctor --relocate` has lost its reason."""
    old = tmp_path / "old"
    old.mkdir()
    catalog = opened(old)
    catalog.create_namespace("silver")
    rows = pa.table({"n": [1]})
    catalog.create_table("silver.numbers", rows.schema).append(rows)
    catalog.close()
    moved = opened(old.rename(tmp_path / "new"))
    with pytest.raises(FileNotFoundError, match="/old/"):
        moved.load_table("silver.numbers")
    moved.close()
