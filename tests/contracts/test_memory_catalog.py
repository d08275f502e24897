from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Table, WrittenFile
from tests.contracts.suites import CatalogContract
from tests.memory import MemoryCatalog

_numbers = count()


class TestMemoryCatalog(CatalogContract):
    @pytest.fixture
    def catalog(self, tmp_path: Path) -> MemoryCatalog:
        return MemoryCatalog(lambda: datetime.now(UTC))

    def data_file(self, catalog: MemoryCatalog, table: Table, rows: int) -> WrittenFile:
        return WrittenFile(f"{table.location}/{next(_numbers)}.parquet", rows=rows, bytes=100)

    def foreign_append(self, catalog: MemoryCatalog, key: AssetKey, rows: int) -> None:
        catalog.foreign_append(key, [self._foreign_file(key, rows)])

    def foreign_compact(self, catalog: MemoryCatalog, key: AssetKey) -> None:
        table = catalog.load([key])[key]
        rows = catalog.scan(table, table.main).rows
        catalog.foreign_compact(key, [replace(self._foreign_file(key, rows), bytes=60)])

    def _foreign_file(self, key: AssetKey, rows: int) -> WrittenFile:
        return WrittenFile(f"foreign/{key}/{next(_numbers)}.parquet", rows=rows, bytes=100)
