"""One step on Spark: its inputs as frames, its code, its rows in scratch files, and their way into the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lakeflow.adapters.spark.code import called, selected, views
from lakeflow.adapters.spark.failures import Running, failures
from lakeflow.adapters.spark.read import frame
from lakeflow.adapters.spark.rows import computed, refuse_too_many, scan_of
from lakeflow.adapters.spark.session import require_exact
from lakeflow.adapters.spark.types import schema_of
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import EMPTY, TableKey
from lakeflow.core.model.asset import Asset, PythonCode, SparkSql, SqlCode
from lakeflow.core.model.schema import Primitive, Schema
from lakeflow.core.model.table import Rows, Scan
from lakeflow.core.plan.landing import NOTHING_LANDED
from lakeflow.core.ports.engine import Engine, Produced
from lakeflow.core.run.code_terms import Terms
from lakeflow.core.run.write import Write, WriteResult, all_rows
from lakeflow.core.spark.copied import copying
from lakeflow.core.time.timeline import Window
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_MASKED: Final = Primitive("string")


@dataclass(frozen=True)
class SparkStep:
    """`writer` writes what Spark computes into `folder`."""

    session: SparkSession
    writer: Engine
    folder: Path
    terms: Terms

    @contextmanager
    def produced(self, running: Running, inputs: Mapping[TableKey, Scan]) -> Iterator[ComputedBySpark]:
        with failures(running):
            frames = {key: frame(self.session, scan, self.folder, self.copy) for key, scan in inputs.items()}
            named = {str(key): rows for key, rows in frames.items()}
            with views(self.session, named) as names:
                came = [self._run(running, frames, names, window) for window in self.terms.windows or (None,)]
                require_exact(self.session)
                yield ComputedBySpark(self, running, came)

    def _run(
        self, running: Running, frames: Mapping[TableKey, DataFrame], names: Mapping[str, str], window: Window | None
    ) -> DataFrame:
        code = running.asset.code
        if isinstance(code, SparkSql):
            return selected(self.session, code, names, window)
        assert isinstance(code, PythonCode), "DuckDB's SQL runs on DuckDB"
        return called(running, {name: frames[key] for name, key in running.asset.parameters.items()}, window)

    @contextmanager
    def stored(self, asset: Asset, rows: Scan) -> Iterator[Produced]:
        """Rows in files as the asset's own engine would give them."""
        code = SqlCode(f"SELECT * FROM {asset.key}", asset.code.path, asset.code.line)
        own = {str(asset.key): asset.key}
        stands_in = replace(asset, code=code, inputs=own, externals=EMPTY, new_rows=frozenset(), new_keys=EMPTY)
        with self.writer.produce(stands_in, {asset.key: rows}, replace(self.terms, windows=())) as found:
            yield found

    def copy(self, scan: Scan, folder: Path) -> tuple[str, ...]:
        """The rows of a scan in files that Spark reads as they are."""
        folder.mkdir(mode=0o700)
        with self.writer.produce(copying(scan), {scan.key: scan}, Terms(resources=self.terms.resources)) as rows:
            result = rows.write(all_rows(scan.schema, str(folder)))
        return tuple(file.path for file in result.files)


class ComputedBySpark:
    """What the code gave, window by window and not yet computed; see `lakeflow.core.ports.engine.Produced`."""

    landed = NOTHING_LANDED

    def __init__(self, step: SparkStep, running: Running, frames: Sequence[DataFrame]) -> None:
        self._step = step
        self._running = running
        self._frames = frames

    @cached_property
    def _given(self) -> Schema:
        with failures(self._running):
            return schema_of(self._frames[0].schema)

    @property
    def schema(self) -> Schema:
        masks = self._running.asset.masks
        fields = self._given.fields
        return Schema(tuple(replace(each, type=_MASKED) if each.name.lower() in masks else each for each in fields))

    def write(self, write: Write) -> WriteResult:
        rows = self._computed(self._frames)
        with self._step.stored(self._running.asset, rows) as stored:
            written = stored.write(write)
        if write.mode.traits.adds and write.refused is None and written.rows != rows.rows:
            raise AssetError(f"Spark computed {rows.rows:,} rows, and {written.rows:,} were written")
        return written

    def first(self, schema: Schema, limit: int) -> Rows:
        rows = self._computed([self._frames[0].limit(limit)])
        with self._step.stored(self._running.asset, rows) as stored:
            return stored.first(schema, limit)

    def _computed(self, frames: Sequence[DataFrame]) -> Scan:
        asset, limits = self._running.asset, self._step.terms.limits
        with failures(self._running):
            files = computed(frames, self._given, self._step.folder)
        refuse_too_many(asset, files, limits)
        return scan_of(asset.key, self._given, files)
