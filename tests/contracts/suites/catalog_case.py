"""A catalog under test: how to make one, write to it and disturb it, for the contracts that every catalog keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Staging, Table, WrittenFile
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.catalog import Catalog
from tests.contracts.suites.examples import (
    ALPHA,
    BETA,
    BRANCH,
    GAMMA,
    SCHEMA,
    SUMMARY,
    nothing,
    publish,
)


class CatalogCase(ABC):
    """Say how to make a catalog, a data file, and another engine.

    The catalog is empty at first, and each case is given the kind that it made. `data_file` writes a file of so many
    rows with the columns of `SCHEMA`, the `foreign_…` methods commit to main of the table as another engine would.
    """

    @pytest.fixture
    @abstractmethod
    def catalog(self, tmp_path: Path) -> Catalog: ...

    @abstractmethod
    def data_file(self, catalog: Any, table: Table, rows: int) -> WrittenFile: ...

    @abstractmethod
    def foreign_append(self, catalog: Any, key: AssetKey, rows: int) -> None: ...

    @abstractmethod
    def foreign_compact(self, catalog: Any, key: AssetKey) -> None:
        """Rewrite main's files as a commit of operation `replace`, with the same rows."""

    def staging(
        self, catalog: Catalog, table: Table, rows: int, *, mode: WriteMode = WriteMode.APPEND, schema: Schema = SCHEMA
    ) -> Staging:
        """One file of so many rows (none for 0), for `BRANCH`, on main as `table` has it."""
        files = (self.data_file(catalog, table, rows),) if rows else ()
        return Staging(BRANCH, table.main, mode, schema, files, SUMMARY)

    def staged(self, catalog: Catalog, key: AssetKey, rows: int, *, mode: WriteMode = WriteMode.APPEND) -> Table:
        table = catalog.create(key, SCHEMA)
        return catalog.stage(table, self.staging(catalog, table, rows, mode=mode))

    def merged(self, catalog: Catalog, rows: int, *, removes: bool = True) -> tuple[Table, str]:
        """An upsert into `ALPHA` that takes away the first file of main, or none; and that file."""
        table = self.now(catalog, ALPHA)
        first = catalog.scan(table, table.main).files[0]
        staging = self.staging(catalog, table, rows, mode=WriteMode.UPSERT)
        summary = {**SUMMARY, "lakeflow.write": "upsert"}
        return catalog.stage(table, replace(staging, summary=summary, removes=(first,) if removes else ())), first

    def published(
        self, catalog: Catalog, key: AssetKey, rows: int, *, mode: WriteMode = WriteMode.APPEND, keep: int = 50
    ) -> Table:
        staged = self.staged(catalog, key, rows, mode=mode)
        return catalog.commit([publish(staged, keep=keep)], nothing)[key]

    def now(self, catalog: Catalog, key: AssetKey) -> Table:
        return catalog.load([key])[key]

    def load_all(self, catalog: Catalog) -> Mapping[AssetKey, Table]:
        return dict(catalog.load([ALPHA, BETA, GAMMA]))

    def rows(self, catalog: Catalog, table: Table, snapshot_id: int | None) -> int:
        return catalog.scan(table, snapshot_id).rows
