from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakeflow.adapters.database.read_only import ReadOnlyDatabase
from lakeflow.adapters.iceberg.external import IcebergExternals
from lakeflow.adapters.machine.sqlite_file import open_to_read
from lakeflow.core.errors import ConfigError
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import WrittenFile
from lakeflow.core.settings.catalogs import ExternalCatalog
from tests.contracts.suites import ExternalsContract
from tests.contracts.suites.externals_contract import THERE
from tests.external.lab import Theirs
from tests.memory import MemoryExternals


class TestIcebergExternals(ExternalsContract):
    @pytest.fixture
    def externals(self, tmp_path: Path) -> IcebergExternals:
        theirs = Theirs(tmp_path)
        theirs.write(range(1))
        theirs.write(range(1, 2))

        def catalog_of(name: str) -> ExternalCatalog:
            if name != "sales":
                raise ConfigError(f"no catalog {name!r} is configured")
            return ExternalCatalog(name=name, uri=f"sqlite:///{tmp_path}/catalog.db")

        return IcebergExternals(catalog_of, tmp_path, lambda url: ReadOnlyDatabase(url, open_to_read))


class TestMemoryExternals(ExternalsContract):
    @pytest.fixture
    def externals(self) -> MemoryExternals:
        made = MemoryExternals(lambda: datetime.now(UTC))
        schema = Schema((Field("id", Primitive("long"), 1),))
        for name in ("a", "b"):
            made.append(THERE, schema, (WrittenFile(f"{name}.parquet", rows=1, bytes=10),))
        return made
