"""The small lake that orchestrators run: files land, one check may hold, and one only warns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

import lakeflow

PROJECT: Final[Mapping[str, str]] = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "in/monday.csv": "id,amount,mail\n1,30,ada@example.org\n2,12,\n",
    "layers/bronze/orders.sql": (
        '/*\nowner = "sales"\ntags = ["daily"]\nfresh = "2 days"\n[source]\nfiles = "in/*.csv"\nformat = "csv"\n'
        'columns = {id = "int", amount = "int", mail = "text"}\n[columns.mail]\npii = true\n*/\nselect * from source'
    ),
    "layers/silver/orders.sql": (
        '/*\ndescription = "One row per order."\nkey = ["id"]\n*/\nselect id, amount from bronze.orders'
    ),
    "layers/gold/revenue.sql": "select sum(amount) as revenue from silver.orders",
    "checks/silver/orders.positive.sql": "select id from silver.orders where amount < 0",
    "checks/silver/orders.small.sql": '/* severity = "warning" */\nselect id from silver.orders where amount > 20',
}
BAD: Final = {"in/tuesday.csv": "id,amount,mail\n3,-5,bob@example.org\n"}
PERSONAL: Final = ("ada@example.org", "bob@example.org")


def installed(name: str) -> Any:
    """The orchestrator; without it the tests of a module are skipped, and fail where all must be there."""
    if os.environ.get("LAKEFLOW_TEST_ORCHESTRATORS") == "required":
        return import_module(name)
    return pytest.importorskip(name)


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def publishes(root: Path) -> list[tuple[str, int]]:
    """Every publish of each asset that readers saw, by the catalog alone: what is published twice stands here twice."""
    with lakeflow.open(root) as lake:
        rows = [(str(key), row) for key in lake.select() for row in lake.snapshots(str(key))]
    return sorted((name, row.snapshot_id) for name, row in rows if row.state in {"published", "forced"})


def revenue(root: Path) -> int:
    with lakeflow.open(root) as lake:
        ((found,),) = lake.query("select revenue from gold.revenue").fetchall()
        return int(found)
