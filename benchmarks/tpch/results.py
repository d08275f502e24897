"""Do both sides give the same rows? Without that, a ratio of their times says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb

import lakeflow
from benchmarks.tpch.by_hand import CHECKS


@dataclass(frozen=True)
class Content:
    """Of a table: its rows, its columns, and a checksum over all values in whatever order the rows stand."""

    rows: int
    columns: tuple[tuple[str, str], ...]
    checksum: int


def require_same(root: Path, databases: Mapping[str, Path] = MappingProxyType({})) -> dict[str, Content]:
    """What stands in each table; AssertionError for one that the sides do not agree about. `databases` are other sides'
    files of DuckDB.
    """
    ours = of_lakeflow(root)
    for side, theirs in {
        "by hand": by_hand(root),
        **{each: of_database(databases[each]) for each in databases},
    }.items():
        for name in CHECKS:
            assert ours[name] == theirs[name], f"{name}: lakeflow gives {ours[name]}, {side} {theirs[name]}"
    for name in CHECKS:
        assert ours[name].rows, f"{name} is empty on both sides"
    return ours


def of_lakeflow(root: Path) -> dict[str, Content]:
    with lakeflow.open(root) as lake:
        return {name: _content(lake.read(name)) for name in CHECKS}


def by_hand(root: Path) -> dict[str, Content]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        folders = {name: root / "hand" / name.replace(".", "/") for name in CHECKS}
        return {name: _content(connection.sql(f"from '{folder}/*.parquet'")) for name, folder in folders.items()}


def of_database(file: Path) -> dict[str, Content]:
    with duckdb.connect(file, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return {name: _content(connection.table(name)) for name in CHECKS}


def _content(relation: Any) -> Content:
    """The moment of a load is each side's own."""
    columns = {name: str(type_) for name, type_ in zip(relation.columns, relation.types, strict=True)}
    columns.pop("_loaded_at", None)
    rows, checksum = relation.aggregate(f"count(*), sum(hash({', '.join(columns)})::hugeint)").fetchall()[0]
    return Content(rows, tuple(columns.items()), checksum or 0)
