"""What a run cycle costs the catalog, and whether that grows: milliseconds of the first and last 20 cycles.

A cycle is fork + write (one commit) and publish + drop the branch + expire (one commit), without making the
data file. Run: `python benchmarks/cycles.py [CYCLES]`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg import MIGRATIONS, IcebergCatalog
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.changes import Publish
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import ColumnStats, Staging, Table, WrittenFile
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.entry import UNRECORDED

COLUMNS = Schema((Field("id", Primitive("long")), Field("name", Primitive("string"))))


def main(cycles: int) -> None:
    for mode in WriteMode:
        with tempfile.TemporaryDirectory() as directory:
            times = list(_cycles(Path(directory), mode, cycles))
            stage, publish = ([pair[side] for pair in times] for side in (0, 1))
            both = [one + other for one, other in times]
            for name, of in (("stage", stage), ("publish", publish), ("both", both)):
                first, last = median(of[:20]), median(of[-20:])
                print(f"{mode:8} {name:8} first 20 {first:6.1f} ms   last 20 {last:6.1f} ms")
            size = sum(file.stat().st_size for file in Path(directory).rglob("metadata/*"))
            print(f"{mode:8} metadata {size / 1e6:.1f} MB after {cycles} cycles")


def _cycles(root: Path, mode: WriteMode, cycles: int) -> Iterator[tuple[float, float]]:
    """(stage, publish) of each cycle, in ms."""
    database = Database(f"sqlite:///{root / 'catalog.db'}")
    database.initialise([MIGRATIONS])
    catalog = IcebergCatalog(database, str(root / "warehouse"), lambda: datetime.now(UTC))
    table = catalog.create(AssetKey(Layer.SILVER, "flights"), COLUMNS)
    for number in range(cycles):
        file = _file(Path(catalog.data_directory(table)) / f"{number}.parquet")
        start = time.perf_counter()
        staged = catalog.stage(table, _staging(table, file, mode, number))
        middle = time.perf_counter()
        table = _publish(catalog, staged, number)
        yield (middle - start) * 1000, (time.perf_counter() - middle) * 1000


def _file(path: Path) -> WrittenFile:
    schema = pa.schema(
        [
            pa.field("id", pa.int64(), metadata={"PARQUET:field_id": "1"}),
            pa.field("name", pa.string(), metadata={"PARQUET:field_id": "2"}),
        ]
    )
    pq.write_table(pa.table({"id": range(100), "name": [str(i) for i in range(100)]}, schema=schema), path)
    stats = {("id",): ColumnStats(100, 0, low="0", high="99"), ("name",): ColumnStats(100, 0, low="0", high="99")}
    return WrittenFile(str(path), 100, path.stat().st_size, stats)


def _staging(table: Table, file: WrittenFile, mode: WriteMode, number: int) -> Staging:
    summary = Provenance(run=f"r{number}", attempt=1, asset=str(table.key), code_version="v1").summary()
    return Staging(f"audit_r{number}", table.main, mode, table.schema, (file,), summary)


def _publish(catalog: IcebergCatalog, staged: Table, number: int) -> Table:
    branch = f"audit_r{number}"
    change = Publish(staged.key, staged.uuid, branch, staged.main, staged.refs[branch], "{}", keep=20)
    return catalog.commit([change], UNRECORDED)[staged.key]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
