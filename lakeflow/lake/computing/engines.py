"""The engines of a lake: DuckDB here and in processes for code, and Spark in one for the assets that say so."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lakeflow.adapters.duckdb.code.masks import Privacy
from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.adapters.duckdb.instance.spill import OwnFolder, lent, sweep
from lakeflow.adapters.duckdb.write.staged import remove_folders
from lakeflow.adapters.processes.engine import BesideTables, CodeProcesses
from lakeflow.adapters.processes.workers import Hello, Pool
from lakeflow.adapters.spark.engine import SparkEngine
from lakeflow.core.errors import ConfigError
from lakeflow.core.model.asset import Computer
from lakeflow.core.view.lineage import personal

if TYPE_CHECKING:
    from lakeflow.adapters.processes import Child
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.model.asset import Project
    from lakeflow.core.ports.engine import Engine, Runner
    from lakeflow.core.ports.store_files import StoreFiles
    from lakeflow.core.settings.settings import Settings
    from lakeflow.core.settings.spark import SparkSettings

_PATIENCE: Final = 600.0
"""Seconds that Spark may take to start: a cluster may first have to find room."""


def engine_of(
    project: Project, settings: Settings, state: Path, stores: StoreFiles | None, spawn: Callable[[str], Child]
) -> Engine:
    """The engine of a lake with its state in this folder; `spawn` starts a process for code."""
    spill, masked, logs = state / "spill", personal(project), state / "logs"

    @cache
    def duckdb() -> Callable[[], Engine]:
        """What makes DuckDB's engine, here or in another process."""
        limits, privacy = (settings.memory_limit, settings.threads), Privacy(masked, settings.salt)
        root, caps = project.root, settings.caps
        return partial(DuckEngine, root, *limits, str(spill), privacy=privacy, caps=caps, stores=stores)

    def scratch() -> Path:
        return Path(project.root, settings.spark.scratch) if settings.spark_table.scratch else spill

    def hello_spark() -> Hello:
        return _hello(project.root, partial(_spark, settings.spark, duckdb(), scratch(), masked))

    def swept() -> None:
        sweep(spill)
        with suppress(ConfigError):  # a variable that is not set: then nothing was computed there
            sweep(scratch())

    pools = {
        Computer.DUCKDB: Pool(lambda: _hello(project.root, duckdb()), spawn, logs),
        # One session a run: its assets take turns, and each has the whole cluster.
        Computer.SPARK: Pool(hello_spark, spawn, logs, 1, _PATIENCE),
    }
    disk = BesideTables(swept, partial(remove_folders, stores), lambda: lent(scratch()))
    return CodeProcesses(duckdb(), pools, masked, disk=disk)


def _spark(
    settings: SparkSettings, writer: Callable[[], Engine], scratch: Path, masked: frozenset[AssetKey]
) -> SparkEngine:
    return SparkEngine(settings, writer(), partial(OwnFolder, scratch, "spark"), masked)


def _hello(root: str, make: Callable[[], Runner]) -> Hello:
    return Hello(root, make, tuple(entry or str(Path.cwd()) for entry in sys.path))
