"""A backup is the lake at one moment, and a lake that was put back from it is that lake."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from lakeflow.core.errors import LakeError, UsageError
from lakeflow.lake import care
from tests.care.lab import built, database, files, project, rows, warehouse
from tests.cli.process import lakeflow as command
from tests.external.lab import opened


def put_back(copy: Path, root: Path) -> None:
    """As the page on operations says."""
    shutil.rmtree(root / ".lakeflow", ignore_errors=True)
    (root / ".lakeflow").mkdir()
    shutil.copytree(copy / "warehouse", warehouse(root))
    shutil.copy(copy / "catalog.db", database(root))


def problems(root: Path) -> list[str]:
    return [f"{one.subject}: {one.message}" for one in care.doctor(root) if one.level != "ok"]


def history(root: Path) -> list[object]:
    with opened(root) as lake:
        tables = lake._world.catalog.load(lake._world.catalog.keys())
        return [sorted(tables.items()), lake.runs(), lake._world.ledger.verdicts(tables)]


@pytest.mark.long
def test_a_lake_that_is_put_back_is_the_lake_that_was_copied(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2)
    before = history(root)
    done = command("-C", str(root), "backup", str(tmp_path / "copy"))
    assert done.returncode == 0, done.stderr
    assert "1 table" in done.stdout
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["catalog.db", "warehouse"]
    built(root, 3, 4)
    put_back(tmp_path / "copy", root)
    assert history(root) == before
    assert not problems(root)
    assert rows(built(root, 5)) == [5]


@pytest.mark.long
def test_a_copy_that_is_put_back_elsewhere_is_relocated(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2)
    care.backup(tmp_path / "copy", root)
    other = project(tmp_path / "other", 2)
    put_back(tmp_path / "copy", other)
    assert care.relocate(other)
    assert rows(other) == [2]
    assert not problems(other)
    assert rows(built(root, 3)) == [3]
    assert rows(other) == [2]


@pytest.mark.long
def test_a_backup_during_runs_is_of_one_moment(tmp_path: Path) -> None:
    """The runs publish two tables together; in no copy does one of them run ahead."""
    root = project(tmp_path / "p", 0, "a", "b")
    with opened(root) as lake:
        lake.materialize()
    ended = threading.Event()

    def work() -> None:
        value = 0
        while not ended.is_set():
            value += 1
            with opened(project(root, value, "a", "b")) as lake:
                lake.materialize()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for number in range(4):
            care.backup(tmp_path / f"copy{number}", root)
    finally:
        ended.set()
        thread.join()
    for number in range(4):
        other = project(tmp_path / f"other{number}", 0, "a", "b")
        put_back(tmp_path / f"copy{number}", other)
        assert care.relocate(other)
        assert rows(other, "silver.a") == rows(other, "silver.b")


@pytest.mark.long
def test_a_backup_takes_no_strangers_and_follows_no_link(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1)
    (warehouse(root) / "plan.xlsx").write_bytes(b"theirs")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.parquet").write_bytes(b"theirs")
    (warehouse(root) / "silver/a/data/link").symlink_to(tmp_path / "elsewhere")
    care.backup(tmp_path / "copy", root)
    assert files(tmp_path / "copy/warehouse") == files(warehouse(root)) - {"plan.xlsx"}


def test_a_backup_goes_only_to_a_folder_that_is_new_or_empty(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1)
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled/x").touch()
    for place in (tmp_path / "filled", tmp_path / "filled/x", warehouse(root) / "copy"):
        with pytest.raises(UsageError):
            care.backup(place, root)
    (tmp_path / "empty").mkdir()
    assert care.backup(tmp_path / "empty", root).files
    with pytest.raises(UsageError, match="no lake yet"):
        care.backup(tmp_path / "none", project(tmp_path / "new"))


@pytest.mark.long
def test_a_lake_that_lacks_a_file_gives_no_backup(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1)
    next(warehouse(root).rglob("*.parquet")).unlink()
    with pytest.raises(LakeError, match="is missing"):
        care.backup(tmp_path / "copy", root)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p"]


@pytest.mark.long
def test_a_table_outside_of_the_warehouse_is_named(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1)
    project(root, 2, "b", settings=f'warehouse = "{tmp_path}/wh"\n')
    with opened(root) as lake:
        lake.materialize("silver.b")
    done = care.backup(tmp_path / "copy", root)
    assert (list(map(str, done.tables)), list(map(str, done.outside))) == (["silver.b"], ["silver.a"])


@pytest.mark.long
def test_the_copied_database_needs_no_log(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1)
    with opened(root) as lake:
        lake.status()
        care.backup(tmp_path / "copy", root)
    with closing(sqlite3.connect(f"file:{tmp_path}/copy/catalog.db?immutable=1", uri=True)) as connection:
        assert connection.execute("select count(*) from lakeflow_runs").fetchone() == (1,)
        assert connection.execute("pragma journal_mode").fetchone() == ("delete",)
