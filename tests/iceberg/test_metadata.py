"""Metadata is read with the standard library alone, once, and never trusted blindly."""

from __future__ import annotations

import gzip
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakeflow.adapters.iceberg import IcebergCatalog
from lakeflow.core.errors import ConfigError, LakeError
from lakeflow.core.model.table import UnmadeSnapshots
from lakeflow.core.ports.locations import local_path
from tests.iceberg.lab import COLUMNS, FLIGHTS, WEATHER, Lab, Ticking, same_start, staging


def _rewritten(lab: Lab, change: Callable[[dict[str, Any]], object], suffix: str = ".metadata.json") -> None:
    """Point the table to its metadata with a change, as another engine might have left it."""
    old = local_path(lab.table().version)
    content = json.loads(old.read_text())
    change(content)
    new = old.with_name(f"00009-x{suffix}")
    text = json.dumps(content).encode()
    new.write_bytes(gzip.compress(text) if ".gz" in suffix else text)
    with lab.database.transaction() as connection:
        connection.exec_driver_sql("update iceberg_tables set metadata_location = ?", (f"file://{new}",))


@pytest.mark.long
def test_reading_tables_imports_no_pyiceberg(lab: Lab) -> None:
    """`plan`, `status` and `list` must not pay half a second for an import."""
    lab.land([1])
    code = (
        "import sys; from pathlib import Path; from tests.iceberg import lab;"
        "from lakeflow.adapters.iceberg import IcebergCatalog;"
        f"root = Path({str(lab.root)!r});"
        "catalog = IcebergCatalog(lab.same_start(root), str(root / 'warehouse'), lab.Ticking());"
        "assert catalog.load(catalog.keys())[lab.FLIGHTS].main;"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in {'pyiceberg', 'pandas', 'duckdb'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_metadata_file_is_read_once(lab: Lab) -> None:
    table = lab.land([1])
    local_path(table.version).unlink()
    assert lab.table() == table


def test_snapshots_of_sealed_metadata_are_made_when_they_are_asked_for(lab: Lab) -> None:
    """And are the same as those that are made at once, of metadata that another engine wrote."""
    for number in range(3):
        lab.land([number], f"r{number}")
    looked = IcebergCatalog(same_start(lab.root), str(lab.root / "warehouse"), Ticking()).load([FLIGHTS])[FLIGHTS]
    asked: list[int] = []
    assert isinstance(looked.snapshots, UnmadeSnapshots)
    make = looked.snapshots._make
    looked.snapshots._make = lambda id_: (asked.append(id_), make(id_))[1]  # type: ignore[func-returns-value]
    assert not looked.has_more
    assert looked.latest is not None
    assert looked.latest >= looked.snapshots[looked.main or 0].committed_at
    assert looked.published == looked.snapshots[looked.main or 0]
    assert asked == [looked.main]
    _rewritten(lab, lambda content: content["properties"].pop("lakeflow.sha256"))
    at_once = lab.table()
    assert type(at_once.snapshots) is dict
    assert (dict(looked.snapshots), looked.latest) == (at_once.snapshots, at_once.latest)
    assert pickle.loads(pickle.dumps(looked.snapshots)) == at_once.snapshots


def test_a_snapshot_beside_the_line_of_main_is_seen_without_making_any(lab: Lab) -> None:
    lab.land([1])
    lab.catalog.stage(lab.table(), staging(lab.table(), ()))
    table = IcebergCatalog(same_start(lab.root), str(lab.root / "warehouse"), Ticking()).load([FLIGHTS])[FLIGHTS]
    assert table.has_more


def test_a_snapshot_that_is_none_is_told_where_no_seal_proves_it(lab: Lab) -> None:
    lab.land([1])
    _rewritten(lab, lambda content: content["snapshots"][0].pop("timestamp-ms"))
    with pytest.raises(LakeError, match="is not Iceberg table metadata"):
        lab.table()


@pytest.mark.parametrize("suffix", [".gz.metadata.json", ".metadata.json.gz"])
def test_compressed_metadata_is_read(lab: Lab, suffix: str) -> None:
    main = lab.land([1]).main
    _rewritten(lab, lambda content: content, suffix)
    assert lab.table().main == main
    assert lab.land([2], "r2").main != main


@pytest.mark.parametrize("key", ["py-io-impl", "write.py-location-provider.impl"])
def test_metadata_that_asks_to_run_code_is_refused(lab: Lab, key: str) -> None:
    """Trap T14: pyiceberg would import and call whatever is named there."""
    lab.land([1])
    _rewritten(lab, lambda content: content["properties"].update({key: "os.system"}))
    with pytest.raises(LakeError, match=f"asks to run code: {key}"):
        lab.table()


def test_format_v3_is_read_but_not_written(lab: Lab) -> None:
    lab.land([1])
    _rewritten(lab, lambda content: content.update({"format-version": 3, "next-row-id": 5}))
    table = lab.table()
    assert lab.ids(table, table.main) == [1]
    with pytest.raises(LakeError, match="its format is v3"):
        lab.catalog.stage(table, staging(table, ()))


def test_format_v1_is_read(lab: Lab) -> None:
    lab.catalog.create(FLIGHTS, COLUMNS)

    def as_v1(content: dict[str, Any]) -> None:
        content["format-version"] = 1
        content["schema"] = content.pop("schemas")[0]
        content["current-snapshot-id"] = -1
        for name in ("refs", "snapshots", "statistics", "current-schema-id", "last-sequence-number"):
            content.pop(name)

    _rewritten(lab, as_v1)
    table = lab.table()
    assert (table.main, table.schema.names, dict(table.refs)) == (None, ("id", "name"), {})


def test_damaged_metadata_is_named(lab: Lab) -> None:
    lab.land([1])
    _rewritten(lab, lambda content: content.clear())
    with pytest.raises(LakeError, match=r"silver\.flights: file://.* is not Iceberg table metadata"):
        lab.table()


def test_missing_metadata_is_named(lab: Lab) -> None:
    path = local_path(lab.land([1]).version)
    path.unlink()
    fresh = IcebergCatalog(lab.database, str(lab.warehouse), lab.clock)
    with pytest.raises(LakeError, match=rf"silver\.flights: its metadata file {path} is missing"):
        fresh.load([FLIGHTS])


def test_a_moved_project_folder_says_where_it_was(lab: Lab, tmp_path: Path) -> None:
    lab.land([1])
    lab.database.close()
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("catalog.db", "warehouse"):
        (tmp_path / name).rename(moved / name)
    catalog = IcebergCatalog(same_start(moved), str(moved / "warehouse"), lab.clock)
    with pytest.raises(LakeError, match="the lake was moved") as raised:
        catalog.load([FLIGHTS])
    assert str(tmp_path / "warehouse") in (raised.value.hint or "")


@pytest.mark.parametrize("name", ["a#b", "a?b", "a;b"])
def test_a_warehouse_that_no_location_can_spell_is_refused(lab: Lab, name: str) -> None:
    with pytest.raises(ConfigError, match="must be an absolute path"):
        IcebergCatalog(lab.database, str(lab.root / name), lab.clock)


@pytest.mark.parametrize("warehouse", ["warehouse", "./x"])
def test_a_relative_warehouse_is_refused(lab: Lab, warehouse: str) -> None:
    with pytest.raises(ConfigError, match="absolute"):
        IcebergCatalog(lab.database, warehouse, lab.clock)


def test_a_remote_warehouse_is_refused(lab: Lab) -> None:
    with pytest.raises(LakeError, match="not on this machine's disk"):
        IcebergCatalog(lab.database, "hdfs://host/lake", lab.clock)


def test_a_warehouse_with_blanks_and_umlauts_works(lab: Lab) -> None:
    lab.catalog = IcebergCatalog(lab.database, f"file://{lab.root}/my läke 100%", lab.clock)
    table = lab.land([1])
    assert lab.ids(table, table.main) == [1]


def test_views_and_foreign_names_are_left_out(lab: Lab) -> None:
    lab.catalog.create(WEATHER, COLUMNS)
    row = "insert into iceberg_tables values ('lakeflow', ?, ?, 'file:///nowhere', null, ?)"
    with lab.database.transaction() as connection:
        for values in (("silver", "a_view", "VIEW"), ("silver", "Upper", "TABLE"), ("other", "flights", "TABLE")):
            connection.exec_driver_sql(row, values)
    assert lab.catalog.keys() == {WEATHER}
