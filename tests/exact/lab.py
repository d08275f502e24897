"""One column at a time through the engine: what DuckDB and pyiceberg read of it, or why it is refused."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Column, PythonCode, SqlCode
from lakeflow.core.model.file_source import FileSource, Format
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.landing import Delivery, FoundFile
from lakeflow.core.run.schema_evolution import settle
from tests.duckdb.lab import numbered, whole
from tests.exact import foreign

OUT: Final = AssetKey.parse("bronze.out")
EVERYTHING: Final = SqlCode("SELECT * FROM source", "layers/bronze/out.sql", 1)
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Told:
    """What became of a column: its type and values in the written file, as DuckDB's text and as pyiceberg reads
    them, or the message of the error.
    """

    type: str = ""
    values: tuple[Any, ...] = ()
    read: list[Any] = field(default_factory=list)
    error: str = ""
    hint: str = ""

    @property
    def stored(self) -> bool:
        return not self.error


@dataclass(frozen=True)
class Lab:
    """Files lie in `root`, written ones in `data`. Column `v` is what is looked at."""

    root: Path
    engine: DuckEngine
    data: Path
    known: dict[str, Told] = field(default_factory=dict)

    def csv(self, declared: str, *values: str) -> Told:
        """Rows of one quoted value each, behind a number."""
        lines = "".join(f'{n},"{value.replace(chr(34), chr(34) * 2)}"\n' for n, value in enumerate(values, 1))
        return self.text("csv", f"n,v\n{lines}", declared)

    def ndjson(self, declared: str, *values: str) -> Told:
        """Rows of one JSON value each, as it is spelled."""
        return self.text(
            "ndjson", "".join(f'{{"n": {n}, "v": {value}}}\n' for n, value in enumerate(values, 1)), declared
        )

    def parquet(self, declared: str, column: pa.Array, **options: Any) -> Told:
        """A file that Arrow writes."""
        return self._landed(Format.PARQUET, self._parquet(column, **options), declared)

    def read_by(self, function: Callable[..., Any], column: pa.Array) -> Told:
        """The same, landed by a function."""
        return self._landed(Format.PARQUET, self._parquet(column), "", PythonCode(function, "layers/bronze/out.py", 1))

    def _parquet(self, column: pa.Array, **options: Any) -> Path:
        path = self.root / "in.parquet"
        pq.write_table(pa.table({"n": pa.nulls(len(column), pa.int64()), "v": column}), path, **options)
        return path

    def text(self, format_: str, content: str, declared: str) -> Told:
        path = self.root / f"in.{format_}"
        path.write_bytes(content.encode())
        return self._landed(Format(format_), path, declared)

    def sql(self, declared: str, select: str) -> Told:
        """An asset of this SELECT of `v`."""
        return self._produced(SqlCode(select, "layers/bronze/out.sql", 1), declared)

    def python(self, declared: str, value: Any) -> Told:
        """An asset whose function returns this."""
        return self._produced(PythonCode(lambda: value, "layers/bronze/out.py", 1), declared)

    def _produced(self, code: SqlCode | PythonCode, declared: str) -> Told:
        columns = {"v": Column(type=declared)} if declared else {}
        asset = Asset(OUT, code, WriteMode.REPLACE, {}, columns=columns)
        try:
            with self.engine.produce(asset, {}) as produced:
                return self._written(produced, asset)
        except LakeflowError as error:
            return Told(error=error.message, hint=error.hint or "")

    def _landed(self, format_: Format, path: Path, declared: str, code: SqlCode | PythonCode = EVERYTHING) -> Told:
        columns = {"n": "string" if format_ is not Format.PARQUET else "", "v": declared}
        source = FileSource((path.name,), format_, columns)
        asset = Asset(OUT, code, WriteMode.APPEND, {}, files=source)
        try:
            with self.engine.land(asset, Delivery((FoundFile(path.name, path.stat().st_size, "0"),)), NOW) as produced:
                return self._written(produced, asset)
        except LakeflowError as error:
            return Told(error=error.message, hint=error.hint or "")

    def _written(self, produced: Any, asset: Asset) -> Told:
        schema = numbered(settle(produced.schema, asset.columns, None, parse_type))
        folder = Path(tempfile.mkdtemp(dir=self.data))
        files = produced.write(whole(schema, folder)).files
        (column,) = (each for each in schema.fields if each.name == "v")
        values = foreign.column([file.path for file in files], schema, "v")
        with duckdb.connect() as reader:
            reader.execute("SET TimeZone='UTC'")
            found = [
                row for file in files for row in reader.execute(f"SELECT v::VARCHAR FROM '{file.path}'").fetchall()
            ]
        return Told(str(column.type), tuple(row[0] for row in found), values)


@contextmanager
def lab(root: Path) -> Iterator[Lab]:
    engine = DuckEngine(str(root), None, 2, str(root / "spill"))
    (root / "written").mkdir()
    try:
        yield Lab(root, engine, root / "written")
    finally:
        engine.close()
