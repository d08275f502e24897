"""Small lakes of one column, and what stands in their warehouses."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from lakeflow.lake.lake import Lake
from tests.external.lab import make, opened

NOW = timedelta()
ASSET = "/*\nkey = ['id']\n*/\nselect {0}::bigint as id"
MARKER = "lakeflow-lake.json"
PROJECT = "[tool.lakeflow]\nkeep_snapshots = 1\n"


def project(root: Path, value: int = 1, *names: str, settings: str = "") -> Path:
    """Assets of one row in silver, `a` by default."""
    assets = {f"layers/silver/{name}.sql": ASSET.format(value) for name in names or ("a",)}
    return make(root, {**assets, "pyproject.toml": PROJECT + settings})


def built(root: Path, *values: int, settings: str = "") -> Path:
    """One replace of `silver.a` after the other."""
    for value in values:
        with opened(project(root, value, settings=settings)) as lake:
            run = lake.materialize()
            assert run is not None, value
            assert run.state == "published", run
    return root


def rows(root: Path, asset: str = "silver.a") -> list[int]:
    with opened(root) as lake:
        return sorted(row[0] for row in lake.read(asset).fetchall())


def warehouse(root: Path) -> Path:
    return root / ".lakeflow/warehouse"


def files(folder: Path) -> set[str]:
    """All files below, by their place; neither the marker nor what is behind a link."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != MARKER}


def named(lake: Lake) -> set[str]:
    return {path for one in lake.garbage(older_than=NOW) for path in one.files}


def collect(root: Path) -> set[str]:
    """Everything that a collection removes, however much it is."""
    with opened(root) as lake:
        return {path for one in lake.collect_garbage(older_than=NOW, most=1.0) for path in one.files}


def kept(root: Path, asset: str = "silver.a") -> str:
    with opened(root) as lake:
        return next(one.kept for one in lake.garbage(older_than=NOW) if str(one.key) == asset)


def database(root: Path) -> Path:
    return root / ".lakeflow/catalog.db"


def execute(root: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(database(root))) as connection, connection:
        return connection.execute(statement).fetchall()


def mark(folder: Path) -> dict[str, str]:
    said: dict[str, str] = json.loads((folder / MARKER).read_text())
    return said


def without_marker(root: Path, folder: Path | None = None) -> None:
    """As a release without markers left the lake."""
    execute(root, "delete from lakeflow_lake")
    ((folder or warehouse(root)) / MARKER).unlink(missing_ok=True)


@contextmanager
def at_work(root: Path) -> Iterator[None]:
    """While another process holds a lease of the lake: this one, as far as anybody can see."""
    from lakeflow.core.keys import AssetKey
    from lakeflow.wap.run.lease import leased

    with opened(root) as lake, leased(lake._world, "elsewhere1", [AssetKey.parse("silver.a")], wait=0.0):
        yield
