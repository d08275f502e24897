"""The random life of a lake, told by the same model, with every asset that can be on Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.explored import examples, lives
from tests.spark.shared import in_this_process
from tests.writing.feeds import FILES
from tests.writing.test_any_life import Life

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def on_spark(name: str, text: str) -> str:
    if not name.startswith("layers/silver/"):
        return text
    return text.replace("/*\n", '/*\nengine = "spark"\n', 1).replace("sum(v)::bigint", "cast(sum(v) as bigint)")


class SparkLife(Life):
    files: ClassVar[Mapping[str, str]] = {name: on_spark(name, text) for name, text in FILES.items()}


@pytest.fixture(autouse=True, scope="module")
def on_one_session(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, in_this_process(session, tmp_path_factory.mktemp("scratch")):
        patch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")  # its own planner is a package more
        yield


TestSparkLife = pytest.mark.timeout(3600)(SparkLife.TestCase)
TestSparkLife.settings = lives(examples(12, few=1), steps=examples(30, few=3))
