"""A REST catalog keeps what every catalog promises; pyiceberg plays the other engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import FileSystem

from lakeflow.adapters.iceberg.rest.catalog import RestCatalog
from lakeflow.adapters.iceberg.rest.sessions import table_path
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Drop
from lakeflow.core.model.table import ColumnStats, Table, WrittenFile
from lakeflow.core.ports.catalog import Catalog
from tests.contracts.suites import CatalogContract
from tests.contracts.suites.examples import ALPHA, SCHEMA, nothing
from tests.iceberg.lab import arrow_schema
from tests.rest.lab import RestLab
from tests.servers.endpoints import Rest
from tests.servers.fixture import RestKind, Servers


@pytest.fixture(scope="module")
def warehouse(servers: Servers) -> Callable[[RestKind], Rest]:
    """One of each kind for all tests."""
    return cache(servers.rest)


class RestCase(CatalogContract):
    """All tests have one warehouse, and leave no table in it."""

    lab: RestLab
    kind: RestKind

    @pytest.fixture
    def catalog(self, tmp_path: Path, warehouse: Callable[[RestKind], Rest]) -> Iterator[RestCatalog]:
        self.lab = RestLab(tmp_path, warehouse(self.kind))
        self.lab.wait()
        store = self.lab.server.store
        self.files = store.filesystem() if store else None
        yield self.lab.catalog
        for key in sorted(self.lab.catalog.keys()):
            self.lab.client.call("DELETE", table_path(key))
        self.lab.close()

    def data_file(self, catalog: RestCatalog, table: Table, rows: int) -> WrittenFile:
        columns = {"n": list(range(rows)), "word": [f"w{number}" for number in range(rows)]}
        arrow = pa.table(columns, schema=arrow_schema(table.schema))
        path = f"{catalog.data_directory(table)}/f-{uuid4()}.parquet"
        if self.files is None:
            pq.write_table(arrow, path)
        else:
            assert isinstance(self.files, FileSystem)
            pq.write_table(arrow, path.removeprefix("s3://"), filesystem=self.files)
        stats: dict[tuple[str, ...], ColumnStats]
        stats = {(name,): ColumnStats(arrow.num_rows, arrow[name].null_count) for name in arrow.column_names}
        return WrittenFile(path, arrow.num_rows, arrow.nbytes, stats)

    def foreign_append(self, catalog: RestCatalog, key: AssetKey, rows: int) -> None:
        columns = {"n": list(range(rows)), "word": ["theirs"] * rows}
        schema = arrow_schema(catalog.load([key])[key].schema)
        with self.lab.foreign(key) as table:
            table.append(pa.table(columns, schema=schema))

    def foreign_compact(self, catalog: RestCatalog, key: AssetKey) -> None:
        pytest.skip("pyiceberg commits no snapshot of operation `replace`")


class TestJavaRestCatalog(RestCase):
    kind: RestKind = "java"


class TestJavaRestCatalogInAStore(RestCase):
    kind: RestKind = "java-s3"


class TestSeaweedFsRestCatalog(RestCase):
    kind: RestKind = "seaweedfs"

    def test_a_dropped_table_is_gone_and_can_be_adopted_under_another_name(self, catalog: Catalog) -> None:
        """It is gone. Sooner or later this server removes its files too, though it is asked to leave them."""
        table = catalog.create(ALPHA, SCHEMA)
        catalog.register([Drop(ALPHA, table.version)], nothing)
        assert catalog.keys() == frozenset()
        assert not catalog.load([ALPHA])
