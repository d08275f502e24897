"""The same lake over the real catalog and the real ledger, in one SQLite file; other engines write with pyiceberg."""

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
from tests.wap.doubles import Numbers, Shelf
from tests.wap.lab import Lab


class RealShelf(Shelf):
    """Files of other engines are read from disk."""

    def read(self, path: str) -> Numbers:
        path = path.removeprefix("file://")
        return self.held[path] if path in self.held else pq.read_table(path)["value"].to_pylist()


class RealLab(Lab):
    def __init__(self, root: Path, uri: str = "") -> None:
        self.uri, self.warehouse = uri or f"sqlite:///{root / 'catalog.db'}", root / "warehouse"
        self.database = Database(self.uri)
        self.database.initialise((CATALOG_LAYOUT, *LEDGER_LAYOUT))
        clock = _now
        super().__init__(
            IcebergCatalog(self.database, str(self.warehouse), clock),
            SqlLedger(self.database, self.is_alive, clock, 30.0),
            clock,
        )
        self.shelf = self.engine.shelf = self.auditor.shelf = RealShelf()

    def close(self) -> None:
        self.database.close()

    def foreign_append(self, name: str, numbers: Numbers) -> None:
        with self._foreign() as catalog:
            catalog.load_table(name).append(_arrow(numbers))

    def foreign_overwrite(self, name: str, numbers: Numbers) -> None:
        """Only tables whose files are all on disk could be read for a delete; these are replaced whole."""
        with self._foreign() as catalog:
            catalog.load_table(name).overwrite(_arrow(numbers))

    def foreign_compact(self, name: str) -> None:
        """pyiceberg writes no operation `replace`: nothing happens."""

    def _foreign(self) -> SqlCatalog:
        uri = self.uri.replace("postgresql://", "postgresql+psycopg://")
        return SqlCatalog("lakeflow", uri=uri, warehouse=f"file://{self.warehouse}")


def _now() -> datetime:
    return datetime.now(UTC)


def _arrow(numbers: Numbers) -> pa.Table:
    return pa.table({"value": pa.array(list(numbers), pa.int64())})
