"""Garbage is what no snapshot needs and nobody touched for long; everything else outlives every collection."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from lakeflow.core.model.run import Holder, Lease
from lakeflow.core.model.table import Garbage
from lakeflow.core.view.findings import Level
from lakeflow.lake.lake import Lake
from tests.external.lab import ids, make, opened

NOW = timedelta()
ASSET = "/*\nkey = ['id']\n*/\nselect {0}::bigint as id"


def written(root: Path, *values: int) -> Lake:
    """One replace after the other; two snapshots are kept."""
    lake = opened(root, keep_snapshots="1")
    for value in values:
        make(root, {"layers/silver/a.sql": ASSET.format(value), "pyproject.toml": "[tool.lakeflow]\n"})
        lake.close()
        lake = opened(root, keep_snapshots="1")
        lake.materialize()
    return lake


def of(found: tuple[Garbage, ...], name: str) -> Garbage:
    return next(one for one in found if str(one.key) == name)


def lake_with(root: Path, *values: int) -> Lake:
    make(root, {"layers/silver/a.sql": ASSET.format(values[0]), "pyproject.toml": "[tool.lakeflow]\n"})
    return written(root, *values)


def data_files(root: Path) -> int:
    return len(list((root / ".lakeflow/warehouse").rglob("*.parquet")))


@pytest.mark.long
def test_files_of_expired_snapshots_go_and_every_kept_one_reads_as_before(tmp_path: Path) -> None:
    with lake_with(tmp_path, 1, 2, 3, 4, 5) as lake:
        kept = [row.snapshot_id for row in lake.snapshots("silver.a")]
        assert (len(kept), data_files(tmp_path)) == (2, 5)
        assert of(lake.garbage(older_than=NOW), "silver.a").files
        assert data_files(tmp_path) == 5
        lake.collect_garbage(older_than=NOW)
        assert data_files(tmp_path) == 3  # those of both kept snapshots, and of the one that a reader may still hold
        rows = [lake.read("silver.a", snapshot=f"s{snapshot}").fetchall() for snapshot in kept]
        assert rows == [[(5,)], [(4,)]]
        assert not [one for one in lake.doctor() if one.level is not Level.OK]
        assert not of(lake.garbage(older_than=NOW), "silver.a").files


@pytest.mark.long
def test_nothing_young_goes(tmp_path: Path) -> None:
    with lake_with(tmp_path, 1, 2, 3, 4) as lake:
        assert not any(one.files for one in lake.collect_garbage())
        assert data_files(tmp_path) == 4


def test_what_a_refused_load_left_goes_and_what_waits_on_a_branch_stays(tmp_path: Path) -> None:
    with lake_with(tmp_path, 1) as lake:
        left = tmp_path / ".lakeflow/warehouse/silver/a/data/left/f.parquet"
        left.parent.mkdir()
        left.write_bytes(b"never committed")
    make(tmp_path, {"checks/silver/a.low.sql": "select * from silver.a where id > 1"})
    with written(tmp_path, 2) as lake:
        assert lake.runs()[0].state == "held"
        lake.collect_garbage(older_than=NOW)
        assert not left.parent.exists()
        assert lake.read("silver.a", ref=f"audit_{lake.runs()[0].id}").fetchall() == [(2,)]


@pytest.mark.long
def test_a_table_at_work_is_left_for_another_time(tmp_path: Path) -> None:
    with lake_with(tmp_path, 1, 2, 3, 4) as lake:
        key = lake.select("silver.a")[0]
        holder: Holder = lake._world.invocation.holder
        lease = Lease("r1", "token", frozenset({key}), holder)
        lake._world.ledger.acquire(lease)
        assert of(lake.collect_garbage(older_than=NOW), "silver.a").kept == "a run is at work on it"
        lake._world.ledger.release(lease)
        assert data_files(tmp_path) == 4


@pytest.mark.long
def test_folders_of_dropped_tables_go_once_they_are_old(tmp_path: Path) -> None:
    with lake_with(tmp_path, 1):
        pass
    (tmp_path / "layers/silver/a.sql").unlink()
    make(tmp_path, {"layers/silver/b.sql": ASSET.format(7), "pyproject.toml": "[tool.lakeflow]\n"})
    with opened(tmp_path) as lake:
        lake.materialize()
        lake.drop("silver.a")
        lake.collect_garbage()
        assert data_files(tmp_path) == 2
        lake.collect_garbage(older_than=NOW)
        assert data_files(tmp_path) == 1
        assert ids(lake, "silver.b") == [7]
