"""The Iceberg catalog keeps what every catalog promises; pyiceberg plays the other engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from lakeflow.adapters.iceberg import IcebergCatalog
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Table, WrittenFile
from tests.contracts.suites import CatalogContract
from tests.homes import HOMES, STORED, home
from tests.iceberg import foreign
from tests.iceberg.lab import Lab, arrow_schema, wall_clock


class TestIcebergCatalog(CatalogContract):
    lab: Lab

    @pytest.fixture(params=[*HOMES, *STORED])
    def catalog(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IcebergCatalog]:
        place = home(request, tmp_path)
        self.lab = Lab(tmp_path, wall_clock, place.database, place.warehouse, place.store)
        yield self.lab.catalog
        self.lab.database.close()

    def data_file(self, catalog: IcebergCatalog, table: Table, rows: int) -> WrittenFile:
        del catalog
        columns: dict[str, Sequence[object]]
        columns = {"n": list(range(rows)), "word": [f"w{number}" for number in range(rows)]}
        return self.lab.write(table, columns, table.schema)[0]

    def foreign_append(self, catalog: IcebergCatalog, key: AssetKey, rows: int) -> None:
        columns = {"n": list(range(rows)), "word": ["theirs"] * rows}
        schema = arrow_schema(catalog.load([key])[key].schema)
        with foreign.opened(self.lab, key) as table:
            table.append(pa.table(columns, schema=schema))

    def foreign_compact(self, catalog: IcebergCatalog, key: AssetKey) -> None:
        del catalog
        foreign.compact(self.lab, key)
