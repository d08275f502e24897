"""A database that is gone, replaced, or older than its tables never loses a publish in silence."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg.care import rebuild
from lakeflow.core.errors import LakeError
from lakeflow.core.model.run import RunState, VerdictRecord
from lakeflow.lake import care
from lakeflow.lake.keeping import outdated
from tests.care.lab import (
    built,
    collect,
    database,
    execute,
    files,
    mark,
    project,
    rows,
    warehouse,
    without_marker,
)
from tests.cli.process import lakeflow as command
from tests.external.lab import make, opened


def told(verdict: VerdictRecord) -> tuple[object, ...]:
    return verdict.snapshot_id, verdict.ruling, verdict.run, verdict.at, str(verdict.inputs), verdict.passed


def lose(root: Path) -> None:
    for path in database(root).parent.glob("catalog.db*"):
        path.unlink()


def appended(root: Path, *values: int) -> Path:
    """One append to `bronze.a` after the other."""
    for value in values:
        with opened(make(root, {"layers/bronze/a.sql": f"select {value}::bigint as id"})) as lake:
            run = lake.materialize()
            assert run is not None, value
            assert run.state is RunState.PUBLISHED, run
    return root


def refuses(root: Path, match: str) -> None:
    for act in ("status", "materialize", "collect_garbage"):
        with opened(root) as lake, pytest.raises(LakeError, match=match) as caught:
            getattr(lake, act)()
        assert "lakeflow doctor --rebuild-catalog" in (caught.value.hint or "")


def problems(root: Path) -> list[str]:
    return [f"{one.subject}: {one.message}" for one in care.doctor(root) if one.level != "ok"]


def main_of(root: Path, asset: str = "silver.a") -> list[int]:
    """As pyiceberg reads it."""
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{database(root)}", warehouse=str(warehouse(root)))
    with closing(catalog):
        return sorted(catalog.load_table(asset).scan().to_arrow()["id"].to_pylist())


@pytest.mark.long
def test_a_table_that_another_program_dropped_is_not_begun_anew_but_taken_back(tmp_path: Path) -> None:
    """What was appended to it comes from nowhere else."""
    root = appended(tmp_path, 1, 2)
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{database(root)}", warehouse=str(warehouse(root)))
    with closing(catalog):
        catalog.drop_table("bronze.a")
    for act in ("plan", "materialize"):
        with opened(root) as lake, pytest.raises(LakeError, match="the catalog has no such table any more") as caught:
            getattr(lake, act)()
        assert "lakeflow adopt bronze.a --from" in (caught.value.hint or "")
    with opened(root) as lake:
        lake.adopt("bronze.a", str(warehouse(root) / "bronze/a"))
    assert main_of(appended(tmp_path, 3), "bronze.a") == [1, 2, 3]


@pytest.mark.long
def test_a_table_that_another_program_dropped_is_begun_anew_where_that_is_said(tmp_path: Path) -> None:
    root = appended(tmp_path, 1, 2)
    execute(root, "delete from iceberg_tables")
    with opened(root) as lake:
        run = lake.materialize(force=True)
    assert run is not None
    assert run.state is RunState.PUBLISHED
    assert main_of(root, "bronze.a") == [2]


@pytest.mark.long
def test_what_lakeflow_dropped_is_begun_anew(tmp_path: Path) -> None:
    root = built(tmp_path, 1)
    layer = root / "layers/silver/a.sql"
    text = layer.read_text()
    layer.unlink()
    with opened(root) as lake:
        lake.drop("silver.a")
    layer.write_text(text)
    assert rows(built(root, 2)) == [2]


@pytest.mark.long
@pytest.mark.parametrize("how", ["gone", "empty", "blank"])
def test_a_lost_database_begins_no_new_lake(tmp_path: Path, how: str) -> None:
    root = built(tmp_path / "p", 1, 2)
    before = files(warehouse(root))
    lose(root)
    if how == "empty":
        database(root).touch()
    if how == "blank":
        built(tmp_path / "q", 1)
        execute(tmp_path / "q", "delete from iceberg_tables")
        execute(tmp_path / "q", "delete from lakeflow_runs")
        shutil.copy(database(tmp_path / "q"), database(root))
    refuses(root, "is lost or empty, and the warehouse")
    assert how != "gone" or not database(root).exists()
    assert any("is lost or empty" in one for one in problems(root))
    assert files(warehouse(root)) == before


@pytest.mark.long
def test_a_lost_database_of_a_lake_without_a_marker_begins_no_new_lake(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2)
    without_marker(root)
    lose(root)
    refuses(root, "is empty, and the warehouse .* is not")
    assert care.rebuild_catalog(root).tables
    assert rows(built(root, 3)) == [3]


@pytest.mark.long
def test_a_lost_database_is_made_again_from_the_tables(tmp_path: Path) -> None:
    """What was published, what is held, what was rolled back, and on which verdict."""
    root = project(tmp_path / "p", 1, "a", "b")
    make(root, {"checks/silver/b.low.sql": "select * from silver.b where id > 2"})
    with opened(root) as lake:
        lake.materialize()
    with opened(project(root, 2, "a", "b")) as lake:
        second = lake.materialize()
    with opened(project(root, 3, "a", "b")) as lake:
        third = lake.materialize()
        assert third is not None
        assert third.state is RunState.HELD
    with opened(project(root, 4, "a")) as lake:
        fourth = lake.materialize("silver.a")
        assert fourth is not None
        lake.rollback(fourth.id)
    with opened(root) as lake:
        before = {run.id: run.state for run in lake.runs()}
        said = lake._world.ledger.verdicts(lake._world.catalog.keys())
        kept = lake._world.catalog.load(lake._world.catalog.keys())
    id_ = mark(warehouse(root))["id"]
    lose(root)
    done = command("-C", str(root), "doctor", "--rebuild-catalog")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 tables made again" in done.stdout
    assert main_of(root) == [3]
    with opened(root) as lake:
        assert lake._world.catalog.load(lake._world.catalog.keys()) == kept
        runs = {run.id: run.state for run in lake.runs()}
        assert runs == {run: before[run] for run in runs}
        assert {third.id, fourth.id} <= set(runs)
        assert second is not None
        found = lake._world.ledger.verdicts(lake._world.catalog.keys())
        for key, verdicts in said.items():
            published = {told(one) for one in verdicts if one.ruling == "publish"}
            assert {told(one) for one in found[key]} <= published
            assert found[key]
        assert {step.asset for step in lake.publish(third.id).steps}
    assert execute(root, "select id from lakeflow_lake") == [(id_,)]
    assert not problems(root)
    assert collect(root) is not None
    (root / "checks/silver/b.low.sql").unlink()
    with opened(project(root, 5, "a", "b")) as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state is RunState.PUBLISHED
    assert main_of(root) == [5]


@pytest.mark.long
def test_a_damaged_database_is_kept_beside_the_one_that_is_made_again(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2)
    lose(root)
    database(root).write_bytes(b"no database" * 1000)
    assert care.rebuild_catalog(root).tables
    assert [path.read_bytes()[:11] for path in database(root).parent.glob("catalog.db.damaged-*")] == [b"no database"]
    assert rows(root) == [2]
    assert not problems(root)


@pytest.mark.long
def test_a_rebuilt_catalog_of_a_moved_lake_is_relocated(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2)
    lose(root)
    moved = root.rename(tmp_path / "moved")
    assert care.rebuild_catalog(moved).runs == 2
    assert care.relocate(moved)
    assert rows(built(moved, 3)) == [3]
    assert not problems(moved)


@pytest.mark.long
def test_a_sound_catalog_is_left_as_it_is(tmp_path: Path) -> None:
    """Also what was dropped stays dropped."""
    root = built(tmp_path / "p", 1, 2)
    (root / "layers/silver/a.sql").unlink()
    with opened(project(root, 1, "b")) as lake:
        lake.materialize()
        lake.drop("silver.a")
    before = list(sqlite3.connect(database(root)).iterdump())
    done = care.rebuild_catalog(root)
    assert (done.tables, list(sqlite3.connect(database(root)).iterdump())) == ((), before)


@pytest.mark.long
def test_another_lakes_tables_are_not_taken_in(tmp_path: Path) -> None:
    one = built(tmp_path / "one", 1)
    two = built(tmp_path / "two", 2)
    project(two, 2, settings=f'warehouse = "{warehouse(one)}"\n')
    with pytest.raises(LakeError, match="belongs to another lake"):
        care.rebuild_catalog(two)


def newest(root: Path) -> Path:
    return max((warehouse(root) / "silver/a/metadata").glob("*.metadata.json"))


@pytest.mark.long
def test_a_publish_that_never_committed_is_not_made_good(tmp_path: Path) -> None:
    """Its metadata was written, its proof was not: the one rule."""
    root = built(tmp_path / "p", 1, 2)
    last = json.loads(newest(root).read_text())
    head = last["current-snapshot-id"]
    (warehouse(root) / f"silver/a/metadata/proof-{head}.puffin").unlink()
    lose(root)
    assert care.rebuild_catalog(root).tables
    assert main_of(root) == [1]
    assert rows(built(root, 3)) == [3]


@pytest.mark.long
def test_a_publish_of_several_tables_is_made_good_whole_or_not_at_all(tmp_path: Path) -> None:
    root = project(tmp_path / "p", 1, "a", "b")
    with opened(root) as lake:
        lake.materialize()
    with opened(project(root, 2, "a", "b")) as lake:
        lake.materialize()
    head = json.loads(newest(root).read_text())["current-snapshot-id"]
    (warehouse(root) / f"silver/a/metadata/proof-{head}.puffin").unlink()
    lose(root)
    assert care.rebuild_catalog(root).tables
    assert (main_of(root), main_of(root, "silver.b")) == ([1], [1])


@pytest.mark.long
def test_a_rebuild_that_is_killed_anywhere_is_repeated(tmp_path: Path) -> None:
    """Until the new database has its name there is none, and the lake is refused as before."""
    root = built(tmp_path / "p", 1, 2)
    lose(root)
    kill = (
        "import os, signal, sys, sqlite3, pathlib, lakeflow.lake.care\n"
        "replace = pathlib.Path.replace\n"
        "pathlib.Path.replace = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"lakeflow.lake.care.rebuild_catalog({str(root)!r})\n"
    )
    assert subprocess.run([sys.executable, "-c", kill], check=False).returncode == -signal.SIGKILL
    assert not database(root).exists()
    refuses(root, "is lost or empty")
    assert care.rebuild_catalog(root).tables
    assert rows(root) == [2]


@pytest.mark.long
def test_a_database_without_its_log_holds_every_acknowledged_run(tmp_path: Path) -> None:
    """A program that keeps the lake open never lets SQLite clear its log away."""
    root = project(tmp_path / "p", 0)
    with opened(root) as open_meanwhile:
        open_meanwhile.status()
        for value in range(1, 4):
            built(root, value)
        copy = tmp_path / "copy.db"
        shutil.copy(database(root), copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("select count(*) from lakeflow_runs where state = 'published'").fetchone() == (3,)
    lose(root)
    shutil.copy(copy, database(root))
    assert main_of(root) == [3]


@pytest.mark.long
def test_an_old_copy_of_the_database_is_refused_and_brought_up_to_its_tables(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2)
    copy = tmp_path / "copy.db"
    shutil.copy(database(root), copy)
    built(root, 3, 4)
    lose(root)
    shutil.copy(copy, database(root))
    for act in ("materialize", "collect_garbage"):
        with opened(project(root, 9)) as lake, pytest.raises(LakeError, match="is older than the tables") as caught:
            getattr(lake, act)()
        assert "--rebuild-catalog" in (caught.value.hint or "")
    assert any("is older than the tables" in one for one in problems(root))
    assert care.rebuild_catalog(root).tables
    assert rows(root) == [4]
    assert not problems(project(root, 4))
    assert rows(built(root, 5)) == [5]


def test_what_others_publish_while_the_files_are_looked_at_is_no_sign_of_an_old_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = built(tmp_path / "p", 1)
    looked: list[object] = []

    def look(*asked: Any) -> object:
        with monkeypatch.context() as alone:
            alone.setattr(outdated, "newer_runs", rebuild.newer_runs)
            built(root, 2, 3)
        looked.append(rebuild.newer_runs(*asked))
        return looked[-1]

    with opened(root) as lake:
        monkeypatch.setattr(outdated, "newer_runs", look)
        lake.collect_garbage()
    assert looked[0], "newer files than the pointers that were read"
    assert rows(root) == [3]


@pytest.mark.long
@pytest.mark.parametrize("how", ["unlink", "replace"])
def test_a_run_whose_database_goes_meanwhile_is_never_called_published(tmp_path: Path, how: str) -> None:
    root = built(tmp_path / "p", 1)
    copy = tmp_path / "copy.db"
    shutil.copy(database(root), copy)

    def take_away(event: object) -> None:
        if how == "unlink":
            database(root).unlink(missing_ok=True)
        elif copy.exists():
            copy.replace(database(root))

    with opened(project(root, 2)) as lake, pytest.raises(LakeError, match="was removed or replaced while it was open"):
        lake.materialize(observer=take_away)
    assert database(root).exists() == (how == "replace")
    lose(root)
    assert care.rebuild_catalog(root).tables
    assert rows(root) == [1]


def test_a_database_that_is_removed_is_not_made_anew_by_a_connection(tmp_path: Path) -> None:
    one = Database(f"sqlite:///{tmp_path}/x.db")
    one.initialise([])
    (tmp_path / "x.db").unlink()
    one.forget_connections()
    with pytest.raises(LakeError, match="was removed or replaced"), one.read():
        pass
    assert not (tmp_path / "x.db").exists()
