from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.spark.engine import Spark, beside
from tests.spark.session import REQUIRED, missing, start

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.spark)
            # py4j leaves closing its sockets to the garbage collector
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(scope="session")
def session() -> Iterator[SparkSession]:
    if reason := missing():
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(f"Spark is required here: {reason}", pytrace=False)
        pytest.skip(reason)
    spark = start()
    yield spark
    spark.stop()


@pytest.fixture
def spark(session: SparkSession, tmp_path: Path) -> Spark:
    return beside(session, tmp_path)
