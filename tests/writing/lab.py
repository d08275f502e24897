"""A lake of one asset, `silver.things`, whose rows are whatever the test says next; other engines read it too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

import lakeflow
from lakeflow.core.model.run import RunRecord

FEED: Final = "feed.json"
CODE: Final = """
import json
from pathlib import Path

import pyarrow as pa

from lakeflow import asset

@asset(reads=["{feed}"], {fields})
def things() -> pa.Table:
    rows = json.loads(Path("{root}/{feed}").read_text())
    return pa.Table.from_pylist(rows, schema=pa.schema([{columns}]))
"""
COLUMNS: Final = '("k", pa.string()), ("v", pa.int64())'
Row = dict[str, Any]


class Things:
    """The lake in `root`; `fields` are what `@asset` is given besides its source."""

    def __init__(self, root: Path, fields: str, columns: str = COLUMNS) -> None:
        self.root = root
        (root / "layers/silver").mkdir(parents=True, exist_ok=True)
        (root / "pyproject.toml").write_text("[tool.lakeflow]\n")
        self.fields = fields
        self.code(fields, columns)

    def code(self, fields: str, columns: str = COLUMNS) -> None:
        text = CODE.format(feed=FEED, fields=fields, root=self.root, columns=columns)
        (self.root / "layers/silver/things.py").write_text(text)

    def feed(self, rows: Iterable[Row], **asked: Any) -> RunRecord | None:
        """Materialize the asset from these rows."""
        (self.root / FEED).write_text(json.dumps(list(rows)))
        with lakeflow.open(self.root) as lake:
            return lake.materialize(**asked)

    def states(self, rows: Iterable[Row]) -> tuple[str, str]:
        """(how the step ended, why), where rows came that are not those of before."""
        run = self.feed(rows)
        assert run is not None
        return str(run.steps[0].state), run.steps[0].reason

    def snapshots(self) -> int:
        with lakeflow.open(self.root) as lake:
            return len(lake.snapshots("silver.things"))

    def rows(self) -> list[Row]:
        with lakeflow.open(self.root) as lake:
            return ordered(lake.read("silver.things").to_arrow_table().to_pylist())

    def others(self) -> list[list[Row]]:
        """What pyiceberg and polars read of main, each by its own means."""
        table = self.iceberg()
        polars = pl.scan_iceberg(table.metadata_location, reader_override="native").collect()
        return [ordered(rows) for rows in (table.scan().to_arrow().to_pylist(), polars.to_dicts())]

    def iceberg(self) -> Table:
        """The table as pyiceberg finds it."""
        uri = f"sqlite:///{self.root / '.lakeflow/catalog.db'}"
        catalog = SqlCatalog("lakeflow", uri=uri, warehouse=str(self.root))
        try:
            return catalog.load_table("silver.things")
        finally:
            catalog.engine.dispose()

    def files(self) -> list[str]:
        return sorted(task.file.file_path for task in self.iceberg().scan().plan_files())


def ordered(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))
