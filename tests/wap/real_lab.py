"""The same lake over the real catalog and the real ledger, in one database; other engines write with pyiceberg."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg import MIGRATIONS as CATALOG_LAYOUT
from lakeflow.adapters.iceberg import IcebergCatalog
from lakeflow.adapters.ledger import MIGRATIONS as LEDGER_LAYOUT
from lakeflow.adapters.ledger import SqlLedger
from lakeflow.adapters.objects import DISK, Places
from lakeflow.core.ports.objects import Objects
from tests.homes import Home
from tests.servers.endpoints import Endpoint
from tests.wap.doubles import Numbers, Shelf
from tests.wap.lab import Lab


class RealShelf(Shelf):
    """Files of other engines are read where they are: in that store, or on disk."""

    def __init__(self, store: Endpoint | None = None) -> None:
        super().__init__()
        self.remote = store

    def read(self, path: str) -> Numbers:
        path = path.removeprefix("file://")
        if path in self.held:
            return self.held[path]
        files = self.remote.filesystem() if self.remote else None
        numbers: list[int] = pq.read_table(path.removeprefix("s3://"), filesystem=files)["value"].to_pylist()
        return numbers


class RealLab(Lab):
    """In SQLite and on disk, or where `place` is."""

    def __init__(self, root: Path, place: Home | None = None) -> None:
        self.place = place or Home("embedded", f"sqlite:///{root / 'catalog.db'}", str(root / "warehouse"))
        store = self.place.store
        objects: Objects = Places(lambda: store.storage) if store else DISK
        self.database = Database(self.place.database)
        self.database.initialise((CATALOG_LAYOUT, *LEDGER_LAYOUT))
        clock = _now
        super().__init__(
            IcebergCatalog(self.database, self.place.warehouse, clock, objects=objects),
            SqlLedger(self.database, self.is_alive, clock, 30.0),
            clock,
        )
        self.shelf = self.engine.shelf = self.auditor.shelf = RealShelf(store)

    def close(self) -> None:
        self.database.close()

    def foreign_append(self, name: str, numbers: Numbers, branch: str = "main") -> None:
        with self._foreign() as catalog:
            catalog.load_table(name).append(_arrow(numbers), branch=branch)

    def foreign_overwrite(self, name: str, numbers: Numbers) -> None:
        """Only tables whose files are all on disk could be read for a delete; these are replaced whole."""
        with self._foreign() as catalog:
            catalog.load_table(name).overwrite(_arrow(numbers))

    def foreign_compact(self, name: str) -> None:
        """pyiceberg writes no operation `replace`: nothing happens."""

    def _foreign(self) -> SqlCatalog:
        uri = self.place.database.replace("postgresql://", "postgresql+psycopg://")
        if store := self.place.store:
            return SqlCatalog("lakeflow", uri=uri, warehouse=self.place.warehouse, **store.for_pyiceberg)
        return SqlCatalog("lakeflow", uri=uri, warehouse=f"file://{self.place.warehouse}")


def _now() -> datetime:
    return datetime.now(UTC)


def _arrow(numbers: Numbers) -> pa.Table:
    return pa.table({"value": pa.array(list(numbers), pa.int64())})
