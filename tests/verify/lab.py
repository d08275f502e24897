"""Lakes to verify, each made once: two publishes of two assets, one of which reads the other and landed files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table as IcebergTable

import lakeflow
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Table
from lakeflow.core.verify.values import Remark, RemarkKind, Verification
from lakeflow.lake.lake import look

FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "in/a.csv": "n,note\n1,one\n2,two\n",
    "layers/bronze/numbers.sql": (
        '/*\n[source]\nformat = "csv"\nfolder = "in"\nfiles = "*.csv"\ncolumns = ["n", "note"]\n*/\n'
        "select * replace (cast(n as bigint) as n) from source\n"
    ),
    "layers/silver/numbers.sql": "/*\nkey = ['n']\n*/\nselect n, note from bronze.numbers\n",
    "checks/silver/numbers.small.sql": "select * from silver.numbers where n > 100\n",
}
LEDGER = (
    *("lakeflow_runs", "lakeflow_steps", "lakeflow_checks", "lakeflow_verdicts", "lakeflow_leases"),
    *("lakeflow_code", "lakeflow_dropped", "lakeflow_troubles", "lakeflow_alerts", "lakeflow_intents"),
    *("lakeflow_environments", "lakeflow_pins"),
)


def wrote(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def make(root: Path) -> None:
    wrote(root, FILES)
    with lakeflow.open(root) as lake:
        lake.materialize()
        wrote(root, {"in/b.csv": "n,note\n3,three\n"})
        made = lake.materialize()
        assert made is not None
        assert made.state == "published", made


def verified(root: Path, *selection: str, deep: bool = False) -> Verification:
    with look(root) as lake:
        return lake.verify(*selection, deep=deep)


def faults(root: Path, *selection: str, deep: bool = False) -> dict[RemarkKind, list[Remark]]:
    found: dict[RemarkKind, list[Remark]] = {}
    for one in verified(root, *selection, deep=deep).faults:
        found.setdefault(one.kind, []).append(one)
    return found


def execute(root: Path, *statements: str) -> list[Any]:
    found: list[Any] = []
    with closing(sqlite3.connect(root / ".lakeflow/catalog.db")) as connection, connection:
        for statement in statements:
            found = connection.execute(statement).fetchall()
    return found


def without_ledger(root: Path) -> Path:
    execute(root, *(f"drop table {name}" for name in LEDGER))
    return root


@contextmanager
def theirs(root: Path, asset: str) -> Iterator[IcebergTable]:
    """The table as another program opens it through pyiceberg."""
    state = root / ".lakeflow"
    with closing(
        SqlCatalog("lakeflow", uri=f"sqlite:///{state / 'catalog.db'}", warehouse=f"file://{state / 'warehouse'}")
    ) as found:
        yield found.load_table(asset)


def ours(root: Path, asset: str) -> Table:
    with look(root) as lake:
        return lake._world.catalog.load([AssetKey.parse(asset)])[AssetKey.parse(asset)]
