"""The engines of a lake: DuckDB here and in processes for code, and Spark in one for the assets that say so."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from lakeflow.adapters.duckdb.code.masks import Privacy
from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.adapters.duckdb.instance.spill import OwnFolder, lent, sweep
from lakeflow.adapters.duckdb.write.staged import remove_folders
from lakeflow.adapters.processes.engine import BesideTables, CodeProcesses
from lakeflow.adapters.processes.questions import SparkAudits
from lakeflow.adapters.processes.workers import Hello, Patience, Pool
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

Spawn: TypeAlias = "Callable[[str], Child]"
_START: Final = 600.0
"""Seconds that Spark may take to start: a cluster may first have to find room."""
_END: Final = 10.0
"""Seconds in which a server of Spark Connect may be told to end a job: it would go on for minutes without a client."""


class Computing:
    """The engines of a lake with its state in this folder, and the pools of their processes; `spawn` starts one for
    code.
    """

    def __init__(
        self, project: Project, settings: Settings, state: Path, stores: StoreFiles | None, spawn: Spawn
    ) -> None:
        self._project = project
        self._settings = settings
        self._spill = state / "spill"
        self._stores = stores
        self._masked = personal(project)
        pool = partial(Pool, spawn=spawn, folder=state / "logs")
        self._pools = {
            Computer.DUCKDB: pool(lambda: _hello(project.root, self._duckdb)),
            # One session a run: its assets and its audits take turns, and each has the whole cluster.
            Computer.SPARK: pool(
                self._hello_spark, most=1, patience=Patience(_START, _END if settings.spark_table.remote else 0.0)
            ),
        }

    def engine(self) -> Engine:
        disk = BesideTables(self._swept, partial(remove_folders, self._stores), lambda: lent(self._scratch()))
        return CodeProcesses(self._duckdb, self._pools, self._masked, disk=disk)

    def audits(self) -> SparkAudits:
        """Who answers the questions of audits that are too large for this machine."""
        return SparkAudits(self._pools[Computer.SPARK])

    @cached_property
    def _duckdb(self) -> Callable[[], Engine]:
        """What makes DuckDB's engine, here or in another process."""
        settings, spill = self._settings, str(self._spill)
        limits, privacy = (settings.memory_limit, settings.threads), Privacy(self._masked, settings.salt)
        root, caps = self._project.root, settings.caps
        return partial(DuckEngine, root, *limits, spill, privacy=privacy, caps=caps, stores=self._stores)

    def _scratch(self) -> Path:
        settings = self._settings
        return Path(self._project.root, settings.spark.scratch) if settings.spark_table.scratch else self._spill

    def _hello_spark(self) -> Hello:
        make = partial(_spark, self._settings.spark, self._duckdb, self._scratch(), self._masked)
        return _hello(self._project.root, make)

    def _swept(self) -> None:
        sweep(self._spill)
        with suppress(ConfigError):  # a variable that is not set: then nothing was computed there
            sweep(self._scratch())


def _spark(
    settings: SparkSettings, writer: Callable[[], Engine], scratch: Path, masked: frozenset[AssetKey]
) -> SparkEngine:
    return SparkEngine(settings, writer(), partial(OwnFolder, scratch, "spark"), masked)


def _hello(root: str, make: Callable[[], Runner]) -> Hello:
    return Hello(root, make, tuple(entry or str(Path.cwd()) for entry in sys.path))
