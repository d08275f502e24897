"""A REST catalog keeps what every catalog promises; pyiceberg plays the other engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from lakeflow.adapters.iceberg.rest.catalog import RestCatalog
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Table, WrittenFile
from tests.contracts.suites import CatalogContract
from tests.iceberg.lab import Lab, arrow_schema
from tests.rest.lab import RestLab
from tests.servers.fixture import Servers


@pytest.mark.long
class TestJavaRestCatalog(CatalogContract):
    lab: RestLab

    @pytest.fixture
    def catalog(self, tmp_path: Path, servers: Servers) -> Iterator[RestCatalog]:
        self.lab = RestLab(tmp_path, servers.rest("java"))
        yield self.lab.catalog
        self.lab.close()

    def data_file(self, catalog: RestCatalog, table: Table, rows: int) -> WrittenFile:
        del catalog
        columns: dict[str, Sequence[object]]
        columns = {"n": list(range(rows)), "word": [f"w{number}" for number in range(rows)]}
        return Lab.write(self.lab, table, columns, table.schema)[0]  # type: ignore[arg-type] # it asks for a catalog

    def foreign_append(self, catalog: RestCatalog, key: AssetKey, rows: int) -> None:
        columns = {"n": list(range(rows)), "word": ["theirs"] * rows}
        schema = arrow_schema(catalog.load([key])[key].schema)
        with self.lab.foreign(key) as table:
            table.append(pa.table(columns, schema=schema))

    def foreign_compact(self, catalog: RestCatalog, key: AssetKey) -> None:
        pytest.skip("pyiceberg commits no snapshot of operation `replace`")
