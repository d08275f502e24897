"""What Spark's process gives to a check that judges single values."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from lakeflow.adapters.expectations.table import CannotCheck
from lakeflow.core.spark.asked import SparkAnswer
from lakeflow.workers.spark_queries import SparkQueries


def _answered(folder: Path, columns: dict[str, pa.Array]) -> list[dict[str, list[Any]]]:
    file = folder / "answer.parquet"
    parquet.write_table(pa.table(columns), file)
    queries = SparkQueries({}, lambda _: SparkAnswer(files=(str(file),)), "it is large")
    return [batch.to_pydict() for batch in queries.batches("select 1 as x")]


def test_values_that_are_the_same_from_both_engines_are_judged(tmp_path: Path) -> None:
    columns = {"a": pa.array([1, None], pa.int32()), "b": pa.array(["x", "y"]), "c": pa.array([True, False])}
    assert _answered(tmp_path, columns) == [{"a": [1, None], "b": ["x", "y"], "c": [True, False]}]


@pytest.mark.parametrize(
    "value", [1.5, Decimal("1.50"), datetime(2026, 1, 1, tzinfo=UTC), b"x", [1]], ids=lambda value: type(value).__name__
)
def test_a_value_of_another_type_is_refused_with_its_type(tmp_path: Path, value: object) -> None:
    """A function of the project would be handed another Python value than DuckDB gives it."""
    array = pa.array([value])
    with pytest.raises(CannotCheck, match=r"those of DuckDB where they are (?!string)\w"):
        _answered(tmp_path, {"a": pa.array([1]), "b": array})
