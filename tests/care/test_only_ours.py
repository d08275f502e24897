"""A collection of garbage removes only what is provably this lake's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lakeflow.core.care.garbage import HALF
from lakeflow.core.errors import UsageError
from tests.care.lab import (
    NOW,
    built,
    collect,
    execute,
    files,
    kept,
    named,
    project,
    rows,
    warehouse,
    without_marker,
)
from tests.cli.process import lakeflow
from tests.external.lab import make, opened

LANDED = """
from lakeflow import Relation, asset, files

@asset(source=files("{}", format="parquet"))
def landed(source: Relation) -> Relation:
    return source
"""


def shared(root: Path, folder: str) -> str:
    return f'warehouse = "{root}/{folder}"\n'


@pytest.mark.long
def test_two_lakes_in_one_warehouse_of_old_leave_each_other_and_strangers_alone(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    house = tmp_path / "wh"
    built(one, 1, 2, 3, 4, settings=shared(tmp_path, "wh"))
    house.rename(tmp_path / "aside")
    built(two, 11, 12, settings=shared(tmp_path, "wh"))
    (house / "silver/a").rename(house / "silver/a-0000aaaa")
    shutil.rmtree(house / "silver")
    (tmp_path / "aside/silver").rename(house / "silver")
    built(tmp_path / "three", 21, 22, settings='warehouse = "' + str(tmp_path / "other") + '"\n')
    shutil.copytree(tmp_path / "other/silver/a", house / "silver/theirs")
    (house / "finance/budget").mkdir(parents=True)
    (house / "finance/budget/plan.xlsx").write_bytes(b"theirs")
    (house / "silver/a/data/notes.xlsx").write_bytes(b"somebody's")
    without_marker(one, house)
    before = files(house)
    gone = {str(Path(path).relative_to(house)) for path in collect(one)}
    assert gone
    assert all(
        path.startswith("silver/a/") and path.endswith((".parquet", ".avro", ".json", ".json.gz", ".puffin"))
        for path in gone
    )
    assert files(house) == before - gone
    assert rows(one) == [4]


@pytest.mark.long
def test_a_warehouse_that_moved_behind_a_link_loses_nothing(tmp_path: Path) -> None:
    built(tmp_path / "p", 1, 2, 3, 4, settings=shared(tmp_path, "data/wh"))
    (tmp_path / "mnt").mkdir()
    (tmp_path / "data").rename(tmp_path / "mnt/data")
    (tmp_path / "data").symlink_to(tmp_path / "mnt/data")
    with opened(tmp_path / "p") as lake:
        offered = named(lake)
    assert offered
    for spelled in ("data/wh", "mnt/data/wh"):
        project(tmp_path / "p", 4, settings=shared(tmp_path, spelled))
        collect(tmp_path / "p")
        assert rows(tmp_path / "p") == [4]
        with opened(tmp_path / "p") as lake:
            assert [one.message for one in lake.doctor() if one.level == "problem"] == []


@pytest.mark.long
def test_what_stands_behind_a_link_is_not_followed(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2, 3, 4)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "old.parquet").write_bytes(b"theirs")
    (warehouse(root) / "silver/a/data/more").symlink_to(elsewhere)
    (warehouse(root) / "silver/a/data/one.parquet").symlink_to(elsewhere / "old.parquet")
    (warehouse(root) / "silver/linked").symlink_to(elsewhere)
    collect(root)
    assert files(elsewhere) == {"old.parquet"}
    assert rows(root) == [4]


@pytest.mark.long
def test_a_table_whose_folder_became_a_link_is_left_alone(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2, 3, 4)
    home = warehouse(root) / "silver/a"
    home.rename(tmp_path / "a")
    home.symlink_to(tmp_path / "a")
    assert "adopted where it stands" in kept(root)
    assert collect(root) == set()
    assert rows(root) == [4]


@pytest.mark.long
def test_a_table_whose_metadata_is_behind_a_link_is_left_alone(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2, 3, 4)
    metadata = warehouse(root) / "silver/a/metadata"
    metadata.rename(tmp_path / "metadata")
    metadata.symlink_to(tmp_path / "metadata")
    assert kept(root)
    assert collect(root) == set()
    assert rows(root) == [4]


@pytest.mark.long
def test_a_table_that_holds_another_tables_metadata_is_left_alone(tmp_path: Path) -> None:
    """Also where the other stands around it."""
    root = built(tmp_path / "p", 1, 2, 3, 4)
    built(tmp_path / "q", 1)
    shutil.copytree(warehouse(tmp_path / "q") / "silver/a", warehouse(root) / "silver/a/data/b")
    assert "another table's" in kept(root)
    shutil.rmtree(warehouse(root) / "silver/a/data/b")
    shutil.copytree(warehouse(tmp_path / "q") / "silver/a/metadata", warehouse(root) / "silver/metadata")
    assert "in the folder of another table" in kept(root)
    assert collect(root) == set()


@pytest.mark.long
def test_a_warehouse_inside_a_tables_folder_is_left_alone(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2, 3, 4)
    inner = warehouse(root) / "silver/a/inner"
    inner.mkdir()
    shutil.copy(warehouse(root) / "lakeflow-lake.json", inner)
    assert "another lake's warehouse stands in it" in kept(root)
    assert collect(root) == set()


@pytest.mark.long
def test_a_landing_folder_inside_a_tables_folder_is_left_alone(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2, 3, 4)
    landing = warehouse(root) / "silver/a/incoming"
    landing.mkdir()
    shutil.copy(next(warehouse(root).rglob("*.parquet")), landing / "x.parquet")
    for pattern in (f"{landing}/*.parquet", f"{warehouse(root)}/silver/*/incoming/*.parquet"):
        make(root, {"layers/bronze/landed.py": LANDED.format(pattern)})
        assert "is in use" in kept(root), pattern
    assert collect(root) == set()


@pytest.mark.long
def test_a_project_inside_a_tables_folder_is_left_alone(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2, 3, 4, settings=shared(tmp_path, "wh"))
    moved = tmp_path / "wh/silver/a/project"
    shutil.move(root, moved)
    assert "is in use" in kept(moved)
    assert collect(moved) == set()


@pytest.mark.long
def test_a_file_under_two_names_is_needed_under_both(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2, 3, 4)
    live = max((warehouse(root) / "silver/a/data").rglob("*.parquet"), key=os.path.getmtime)
    os.link(live, live.with_name("again.parquet"))
    os.link(live, tmp_path / "mine.parquet")
    collect(root)
    assert live.exists()
    assert (tmp_path / "mine.parquet").exists()
    assert rows(root) == [4]


@pytest.mark.long
@pytest.mark.parametrize("name", ["w h", "w%20h", "wh%", "wähl"])
def test_a_warehouse_with_an_odd_name_is_collected_as_any(tmp_path: Path, name: str) -> None:
    root = built(tmp_path / "p", 1, 2, 3, 4, settings=shared(tmp_path, name))
    assert collect(root)
    assert rows(root) == [4]
    assert len(list((tmp_path / name).rglob("*.parquet"))) == 3


@pytest.mark.long
def test_a_table_that_others_wrote_to_since_it_was_dropped_is_left_alone(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2)
    (root / "layers/silver/a.sql").unlink()
    with opened(project(root, 1, "b")) as lake:
        lake.materialize()
        lake.drop("silver.a")
    metadata = warehouse(root) / "silver/a/metadata"
    last = max(metadata.glob("*.metadata.json"))
    shutil.copy(last, metadata / "00099-0.metadata.json")
    assert not [path for path in collect(root) if "/silver/a/" in path]
    (metadata / "00099-0.metadata.json").unlink()
    assert [path for path in collect(root) if "/silver/a/" in path]
    assert not (warehouse(root) / "silver/a").exists()


@pytest.mark.long
def test_a_drop_that_an_old_release_recorded_is_known(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1)
    (root / "layers/silver/a.sql").unlink()
    with opened(project(root, 1, "b")) as lake:
        lake.materialize()
        lake.drop("silver.a")
    execute(root, "delete from lakeflow_dropped")
    assert [path for path in collect(root) if "/silver/a/" in path]
    assert rows(root, "silver.b") == [1]


@pytest.mark.long
def test_a_dropped_table_that_was_adopted_again_is_in_use(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1)
    (root / "layers/silver/a.sql").unlink()
    with opened(project(root, 1, "b")) as lake:
        lake.materialize("silver.b")
        lake.drop("silver.a")
    with opened(project(root, 1, "c")) as lake:
        assert lake.adopt("silver.c", str(warehouse(root) / "silver/a")).state == "published"
    collect(root)
    assert rows(root, "silver.c") == [1]


def test_a_folder_that_no_catalog_ever_held_stays(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1)
    stray = warehouse(root) / "silver/unknown"
    shutil.copytree(warehouse(root) / "silver/a", stray)
    before = files(stray)
    collect(root)
    assert files(stray) == before


@pytest.mark.long
def test_more_than_half_is_removed_only_by_somebody_who_says_so(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1)
    left = warehouse(root) / "silver/a/data/left.parquet"
    left.write_bytes(b"x" * 1_000_000)
    with opened(root) as lake, pytest.raises(UsageError, match="more than 50% of the warehouse; nothing was removed"):
        lake.collect_garbage(older_than=NOW, most=HALF)
    refused = lakeflow("-C", str(root), "gc", "--delete", "--older-than", "0s")
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert left.exists()
    dry = lakeflow("-C", str(root), "gc", "--older-than", "0s")
    assert str(left) in dry.stdout.replace("\n", "")
    assert "1.0 MB that nothing needs" in dry.stdout
    assert lakeflow("-C", str(root), "gc", "--delete", "--yes", "--older-than", "0s").returncode == 0
    assert not left.exists()
