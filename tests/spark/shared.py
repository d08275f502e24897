"""Assets on Spark in the one session that all tests share: what a run does in a process of its own is done in this one,
so that a run costs no start of Spark. All else is the very engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakeflow.adapters.duckdb.instance.spill import OwnFolder
from lakeflow.adapters.processes.engine import CodeProcesses
from lakeflow.adapters.spark import session as sessions
from lakeflow.adapters.spark.engine import SparkEngine
from lakeflow.core.keys import AssetKey, TableKey
from lakeflow.core.model.asset import Asset, Computer
from lakeflow.core.model.table import Scan
from lakeflow.core.ports.engine import Produced
from lakeflow.core.run.code_terms import FREELY, Terms
from lakeflow.core.settings.spark import EXACT, NO_SPARK
from lakeflow.lake.computing import engines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Kept:
    """A session beside the one of all tests, as exact as lakeflow's own. It stays when an engine is closed."""

    def __init__(self, spark: SparkSession) -> None:
        self._mine = spark.newSession()
        for name, value in EXACT.items():
            self._mine.conf.set(name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mine, name)

    def stop(self) -> None:
        pass


@contextmanager
def starting(spark: SparkSession) -> Iterator[None]:
    """While this is open, Spark starts as a session beside this one."""
    kept = Kept(spark)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "start", lambda _settings, _scratch: kept)
        yield


@contextmanager
def in_this_process(spark: SparkSession, scratch: Path) -> Iterator[None]:
    """While this is open, every lake runs its assets on Spark in a session beside this one."""

    class Here(CodeProcesses):
        @cached_property
        def _spark(self) -> SparkEngine:
            personal: frozenset[AssetKey] = self._personal
            return SparkEngine(NO_SPARK, self._make_here(), partial(OwnFolder, scratch, "spark"), personal)

        def start(self, assets: Iterable[Asset], input_bytes: int = 0) -> None:
            super().start([asset for asset in assets if asset.engine is not Computer.SPARK], input_bytes)

        def produce(
            self, asset: Asset, inputs: Mapping[TableKey, Scan], terms: Terms = FREELY
        ) -> AbstractContextManager[Produced]:
            if asset.engine is Computer.SPARK:
                return self._spark.produce(asset, inputs, terms)
            return super().produce(asset, inputs, terms)

        def close(self) -> None:
            if here := self.__dict__.pop("_spark", None):
                here.close()
            super().close()

    with pytest.MonkeyPatch.context() as patch, starting(spark):
        patch.setattr(engines, "CodeProcesses", Here)
        yield
