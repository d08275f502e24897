"""Assets that Spark runs: Spark computes their rows into scratch files, and the lake's own engine writes these.

So every write mode, cast, mask, partition and count is the one of all other assets, and Spark needs neither the salt of
a mask nor a catalog.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from lakeflow.core.errors import AssetError
from lakeflow.core.keys import AssetKey, TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.table import Scan
from lakeflow.core.plan.landing import Delivery
from lakeflow.core.ports.engine import Engine, Produced
from lakeflow.core.run.code_terms import FREELY, Terms
from lakeflow.core.run.resources import Resources
from lakeflow.core.settings.spark import SparkSettings

if TYPE_CHECKING:
    from lakeflow.adapters.spark.questions import SparkQuestions


class ScratchFolder(Protocol):
    """A folder that goes when it is released, or when its process is dead."""

    path: Path

    def release(self) -> None: ...


class SparkEngine:
    """`writer` is the lake's own engine, `scratch` makes a folder that driver and executors share. No message about an
    asset in `personal`, or with personal columns, quotes a value.

    AssetError, saying what to type, where Spark is not installed or its cluster does not answer.
    """

    def __init__(
        self,
        settings: SparkSettings,
        writer: Engine,
        scratch: Callable[[], ScratchFolder],
        personal: frozenset[AssetKey],
    ) -> None:
        from lakeflow.adapters.spark.session import start  # noqa: PLC0415 - it says so where pyspark is missing

        self._own = scratch()
        self._folder = self._own.path
        self._folder.mkdir(parents=True, mode=0o700)
        try:
            self._session = start(settings, self._folder)
        except BaseException:
            self._own.release()
            raise
        self._settings = settings
        self._writer = writer
        self._personal = personal

    @contextmanager
    def produce(self, asset: Asset, inputs: Mapping[TableKey, Scan], terms: Terms = FREELY) -> Iterator[Produced]:
        from lakeflow.adapters.spark.failures import Running  # noqa: PLC0415 - as above
        from lakeflow.adapters.spark.idle import watching  # noqa: PLC0415 - as above
        from lakeflow.adapters.spark.step import SparkStep  # noqa: PLC0415 - as above

        personal = bool(asset.pii) or asset.key in self._personal
        with self._scratch() as folder, watching(self._session, self._settings) as watch:
            step = SparkStep(self._session, self._writer, folder, terms)
            with step.produced(Running(asset, personal, self._session, watch), inputs) as rows:
                yield rows

    @contextmanager
    def questions(self, asset: Asset, relations: Mapping[str, Scan], terms: Terms = FREELY) -> Iterator[SparkQuestions]:
        """The relations of an audit, to be asked. What the asset's columns say is personal is quoted nowhere."""
        from lakeflow.adapters.spark.failures import Running  # noqa: PLC0415 - as above
        from lakeflow.adapters.spark.idle import watching  # noqa: PLC0415 - as above
        from lakeflow.adapters.spark.questions import SparkQuestions  # noqa: PLC0415 - as above
        from lakeflow.adapters.spark.step import SparkStep  # noqa: PLC0415 - as above

        with self._scratch() as folder, watching(self._session, self._settings) as watch:
            copy = SparkStep(self._session, self._writer, folder, terms).copy
            running = Running(asset, bool(asset.pii), self._session, watch)
            with SparkQuestions(self._session, relations, folder, copy, running).open() as asked:
                yield asked

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        from lakeflow.adapters.spark.session import as_client  # noqa: PLC0415 - as above

        as_client(self._settings)
        folder = self._folder / uuid4().hex
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def land(
        self, asset: Asset, delivery: Delivery, loaded_at: datetime, terms: Terms = FREELY
    ) -> AbstractContextManager[Produced]:
        raise AssetError(f"{asset.key}: Spark lands no files", hint="land them on DuckDB", asset=asset.key)

    def start(self, assets: Iterable[Asset], input_bytes: int = 0) -> None:
        """The session is there already."""

    def regrant(self, key: AssetKey, resources: Resources) -> None:
        self._writer.regrant(key, resources)

    def interrupt(self) -> None:
        """Whoever ends this process ends what Spark does for it, but for what a server does."""
        if self._settings.remote:
            self._session.interruptAll()

    def close(self) -> None:
        self._session.stop()
        self._writer.close()
        self._own.release()
