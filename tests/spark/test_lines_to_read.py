"""The lines that `show --how spark` prints read the table in Spark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.external.lab import make, opened

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_the_lines_read_what_readers_see(session: SparkSession, tmp_path: Path) -> None:
    text = "/*\nkey = ['id']\n*/\nselect range as id, 'row ' || range as note from range(3)"
    make(tmp_path, {"pyproject.toml": "[tool.lakeflow]\n", "layers/silver/order.sql": text})
    with opened(tmp_path) as lake:
        lake.materialize()
        names: dict[str, Any] = {}
        exec(lake.how_to_read("silver.order", "spark"), names)
    assert sorted(tuple(row) for row in names["rows"].collect()) == [(0, "row 0"), (1, "row 1"), (2, "row 2")]
