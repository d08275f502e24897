"""A lake to experiment in: real SQLite, real files, Parquet written by pyarrow with the table's field ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSystem

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg import MIGRATIONS, IcebergCatalog
from lakeflow.adapters.objects import DISK, Places
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.changes import Publish
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.schema import Decimal, Field, Primitive, Schema
from lakeflow.core.model.table import MAIN, ColumnStats, Staging, Table, WrittenFile
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.entry import UNRECORDED
from lakeflow.core.ports.objects import Objects
from tests.servers.endpoints import Endpoint

if TYPE_CHECKING:
    from pyiceberg.schema import Schema as IcebergSchema
    from pyiceberg.types import PrimitiveType

FLIGHTS = AssetKey(Layer.SILVER, "flights")
WEATHER = AssetKey(Layer.SILVER, "weather")
COLUMNS = Schema((Field("id", Primitive("long")), Field("name", Primitive("string"))))
START = datetime(2026, 1, 1, tzinfo=UTC)
_ARROW = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "date": pa.date32(),
}


@dataclass
class Ticking:
    """A clock that moves a second a look, so that every commit has a time of its own."""

    now: datetime = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def wall_clock() -> datetime:
    """For tests in which other engines, on the machine's own time, write too."""
    return datetime.now(UTC)


nothing = UNRECORDED


def same_start(root: Path, url: str = "") -> Database:
    database = Database(url or f"sqlite:///{root / 'catalog.db'}", timeout=5)
    database.initialise([MIGRATIONS])
    return database


def primitive(schema: IcebergSchema, field_id: int) -> PrimitiveType:
    """The type of a column that is no struct, list or map."""
    from pyiceberg.types import PrimitiveType

    type_ = schema.find_type(field_id)
    assert isinstance(type_, PrimitiveType)
    return type_


@dataclass
class Lab:
    root: Path
    clock: Clock = field(default_factory=Ticking)
    url: str = ""
    """Of the database; empty: a file of SQLite in `root`."""
    location: str = ""
    """Where the tables are; empty: a folder in `root`."""
    store: Endpoint | None = None
    """The store in which that is; None on a disk."""

    def __post_init__(self) -> None:
        self.database = same_start(self.root, self.url)
        self.location = self.location or str(self.warehouse)
        store = self.store
        self.objects: Objects = Places(lambda: store.storage) if store else DISK
        self.catalog = IcebergCatalog(self.database, self.location, self.clock, objects=self.objects)

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    def table(self, key: AssetKey = FLIGHTS) -> Table:
        return self.catalog.load([key])[key]

    def write(self, table: Table, columns: Mapping[str, Sequence[object]], schema: Schema) -> tuple[WrittenFile, ...]:
        """One Parquet file in the table's data directory; none for no rows."""
        arrow = pa.table(dict(columns), schema=arrow_schema(schema))
        if not arrow.num_rows:
            return ()
        path = f"{self.catalog.data_directory(table)}/f-{uuid4()}.parquet"  # as our writer calls its files
        size = self._written(arrow, path)
        stats: dict[tuple[str, ...], ColumnStats]
        stats = {(name,): ColumnStats(arrow.num_rows, arrow[name].null_count) for name in arrow.column_names}
        return (WrittenFile(path, arrow.num_rows, size, stats),)

    def _written(self, rows: pa.Table, path: str) -> int:
        """By pyarrow itself; the file's size."""
        if self.store is None:
            pq.write_table(rows, path)
            return Path(path).stat().st_size
        filesystem, inside = self.store.filesystem(), path.removeprefix("s3://")
        assert isinstance(filesystem, FileSystem)
        pq.write_table(rows, inside, filesystem=filesystem)
        return int(filesystem.get_file_info(inside).size)

    def stage(
        self,
        ids: Sequence[int],
        run: str = "r1",
        mode: WriteMode = WriteMode.APPEND,
        key: AssetKey = FLIGHTS,
        table: Table | None = None,
    ) -> Table:
        """Rows with these ids on the branch of that run, in the table's own columns."""
        table = table or self.catalog.create(key, COLUMNS)
        files = self.write(table, {"id": ids, "name": [f"n{i}" for i in ids]}, table.schema)
        return self.catalog.stage(table, staging(table, files, run=run, mode=mode))

    def publish(self, table: Table, run: str = "r1", keep: int = 20) -> Table:
        return self.catalog.commit([publishing(table, run, keep)], nothing)[table.key]

    def land(
        self, ids: Sequence[int], run: str = "r1", mode: WriteMode = WriteMode.APPEND, key: AssetKey = FLIGHTS
    ) -> Table:
        return self.publish(self.stage(ids, run, mode, key), run)

    def ids(self, table: Table, snapshot_id: int | None) -> list[int]:
        """The ids in a snapshot, read from the files of its scan."""
        scan = self.catalog.scan(table, snapshot_id)
        return sorted(value for file in scan.files for value in pq.read_table(file)["id"].to_pylist())


def ticking(lab: Lab) -> Ticking:
    assert isinstance(lab.clock, Ticking)
    return lab.clock


def staging(
    table: Table,
    files: tuple[WrittenFile, ...],
    run: str = "r1",
    mode: WriteMode = WriteMode.APPEND,
    schema: Schema | None = None,
) -> Staging:
    summary = Provenance(run=run, attempt=1, asset=str(table.key), code_version="v1").summary()
    return Staging(f"audit_{run}", table.main, mode, schema or table.schema, files, summary)


def publishing(table: Table, run: str = "r1", keep: int = 20) -> Publish:
    """The publish of what the run staged, on the base that it was staged on."""
    branch = f"audit_{run}"
    return Publish(table.key, table.uuid, branch, table.refs.get(MAIN), table.refs[branch], '{"ok": true}', keep)


def arrow_schema(schema: Schema) -> pa.Schema:
    return pa.schema(
        [
            pa.field(column.name, _arrow_type(column), metadata={"PARQUET:field_id": str(column.id)})
            for column in schema.fields
        ]
    )


def _arrow_type(column: Field) -> pa.DataType:
    if isinstance(column.type, Decimal):
        return pa.decimal128(column.type.precision, column.type.scale)
    return _ARROW[str(column.type)]
