"""Every finding provoked for real, on a lake that was well before."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from lakeflow.core.errors import BusyError
from lakeflow.core.view.findings import Finding, Level
from lakeflow.lake.care import doctor, relocate
from tests.cli.process import lakeflow as command
from tests.cli.process import run

FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/numbers.sql": "select range as n from range(10)\n",
    "layers/silver/even.sql": '/*\nkey = ["n"]\n*/\nselect n from bronze.numbers where n % 2 = 0\n',
    "layers/silver/held.sql": '/*\nkey = ["n"]\n*/\nselect n from bronze.numbers\n',
    "checks/silver/held.big.sql": "select n from silver.held where n > 8\n",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables published, one held; the tests work on copies."""
    root = tmp_path_factory.mktemp("model") / "lake"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with lakeflow.open(root) as lake:
        made = lake.materialize()
        assert made is not None
        assert made.state == "held"
    return root


@pytest.fixture
def lake(model: Path, tmp_path: Path) -> Path:
    """A copy with a place of its own."""
    root = Path(shutil.copytree(model, tmp_path / "lake"))
    assert len(relocate(root)) == 3
    return root


@pytest.fixture
def database(lake: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(lake / ".lakeflow/catalog.db", isolation_level=None)
    yield connection
    connection.close()


def unwell(root: Path) -> list[Finding]:
    return [one for one in doctor(root) if one.level is not Level.OK]


def only(root: Path) -> Finding:
    found = unwell(root)
    assert len(found) == 1, found
    assert found[0].hint
    return found[0]


def change(path: Path, content: dict[str, Any]) -> None:
    """Metadata as another engine might have left it, which does not say what it holds."""
    content["properties"].pop("lakeflow.sha256")
    path.write_text(json.dumps(content))


def metadata(database: sqlite3.Connection, name: str) -> Path:
    query = "select metadata_location from iceberg_tables where table_name = ?"
    (location,) = database.execute(query, (name,)).fetchone()
    return Path(location.removeprefix("file://"))


@pytest.mark.long
def test_a_lake_with_a_held_run_is_well(lake: Path) -> None:
    assert unwell(lake) == []
    subjects = [one.subject for one in doctor(lake)]
    for subject in ("python", "duckdb", "great-expectations", "pyarrow", "pyiceberg", "database", "tables", "ledger"):
        assert subject in subjects


@pytest.mark.long
def test_a_lake_that_was_retried_forced_and_rolled_back_is_well(lake: Path) -> None:
    with lakeflow.open(lake) as opened:
        held = opened.runs()[0].id
        opened.publish(held, reason="nine is not so big")
        assert [one for one in opened.doctor() if one.level is not Level.OK] == []
        opened.rollback(held)
        assert [one for one in opened.doctor() if one.level is not Level.OK] == []
        opened.materialize()
    assert unwell(lake) == []


def test_the_doctor_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    assert unwell(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


@pytest.mark.long
def test_the_doctor_repairs_nothing(lake: Path, database: sqlite3.Connection) -> None:
    database.execute("update lakeflow_runs set state = 'running'")
    before = list(database.iterdump())
    first = unwell(lake)
    assert unwell(lake) == first
    assert list(database.iterdump()) == before


def test_where_there_is_no_lake_that_is_the_finding(tmp_path: Path) -> None:
    one = only(tmp_path)
    assert "no lake at" in one.message
    assert "lakeflow init" in one.hint


def test_a_bad_setting_is_found(lake: Path) -> None:
    (lake / "pyproject.toml").write_text("[tool.lakeflow]\nthreads = 0\n")
    assert "threads" in only(lake).message


def test_faults_of_the_files_are_found_and_the_lake_is_looked_at_all_the_same(lake: Path) -> None:
    (lake / "layers/gold").mkdir()
    (lake / "layers/gold/a.sql").write_text("select * from silver.nowhere\n")
    assert only(lake).message.startswith("layers/gold/a.sql:")
    assert "ledger" in [one.subject for one in doctor(lake)]


def test_a_file_where_the_state_directory_should_be_is_found(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    (tmp_path / ".lakeflow").write_text("")
    assert only(tmp_path).subject == "state"


def test_a_database_that_is_none_is_found(lake: Path) -> None:
    (lake / ".lakeflow/catalog.db").write_bytes(b"rubbish" * 1000)
    assert "is not a SQLite database" in only(lake).message


def test_a_damaged_database_is_found(lake: Path, database: sqlite3.Connection) -> None:
    database.execute("pragma wal_checkpoint(truncate)")
    (size,) = database.execute("pragma page_size").fetchone()
    (page,) = database.execute("select rootpage from sqlite_master where name = 'lakeflow_runs_by_start'").fetchone()
    database.close()
    with (lake / ".lakeflow/catalog.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x0a\x00\x00\x00\x00")  # an index page that says it is empty
    assert any(one.subject == "database" and "lakeflow_runs_by_start" in one.message for one in unwell(lake))


def test_the_layout_of_a_newer_release_is_found(lake: Path, database: sqlite3.Connection) -> None:
    database.execute("insert into lakeflow_migrations values (99, 'tomorrow')")
    assert "newer release" in only(lake).message


@pytest.mark.long
def test_the_layout_of_an_older_release_is_no_more_than_a_warning(lake: Path, database: sqlite3.Connection) -> None:
    database.execute("delete from lakeflow_migrations where version > 1")
    named = "select name from sqlite_master where name like 'lakeflow%' and type = 'table'"
    for (table,) in database.execute(named).fetchall():
        if table != "lakeflow_migrations":
            database.execute(f"drop table {table}")
    (lake / ".lakeflow/warehouse/lakeflow-lake.json").unlink()
    one = only(lake)
    assert one.level is Level.WARNING
    assert command("status", cwd=lake).returncode == 0
    assert "database" not in [bad.subject for bad in unwell(lake)]


def test_a_missing_data_file_is_found_with_the_snapshot_that_needs_it(lake: Path) -> None:
    (file,) = (lake / ".lakeflow/warehouse/silver/even").rglob("*.parquet")
    file.unlink()
    one = only(lake)
    assert one.subject == "silver.even"
    assert one.message.startswith(f"1 file is missing, such as {file}; needed by s")


def test_a_missing_manifest_list_is_found(lake: Path, database: sqlite3.Connection) -> None:
    (snapshot,) = json.loads(metadata(database, "even").read_text())["snapshots"]
    Path(snapshot["manifest-list"].removeprefix("file://")).unlink()
    assert "missing" in only(lake).message


def test_a_damaged_manifest_is_found(lake: Path, database: sqlite3.Connection) -> None:
    (snapshot,) = json.loads(metadata(database, "even").read_text())["snapshots"]
    path = Path(snapshot["manifest-list"].removeprefix("file://"))
    path.write_bytes(path.read_bytes()[:-30])
    one = only(lake)
    assert f"{path} is damaged" in one.message


def test_a_missing_metadata_file_is_found(lake: Path, database: sqlite3.Connection) -> None:
    metadata(database, "even").unlink()
    one = only(lake)
    assert one.subject == "silver.even"
    assert "is missing" in one.message


def test_compressed_metadata_is_no_finding(lake: Path, database: sqlite3.Connection) -> None:
    path = metadata(database, "even")
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert unwell(lake) == []


def test_a_ref_to_a_snapshot_that_is_gone_is_found(lake: Path, database: sqlite3.Connection) -> None:
    path = metadata(database, "numbers")
    content = json.loads(path.read_text())
    content["refs"]["audit_x"] = {"type": "branch", "snapshot-id": 4711}
    change(path, content)
    assert any("ref audit_x points to snapshot 4711" in one.message for one in unwell(lake))


@pytest.mark.long
def test_a_moved_folder_is_found_and_mended(lake: Path) -> None:
    moved = lake.rename(lake.with_name("moved"))
    one = only(moved)
    assert "was moved or copied" in one.message
    assert "lakeflow doctor --relocate" in one.hint
    relocate(moved)
    assert unwell(moved) == []
    with lakeflow.open(moved) as opened:
        assert opened.read("silver.even").count("*").fetchall() == [(5,)]
        assert opened.relocate() == ()


def test_a_copy_is_refused_before_it_writes_into_its_original(model: Path, tmp_path: Path) -> None:
    """Its commits would land in the original's folders and one day trim the metadata that the original still needs."""
    before = {path: path.stat().st_mtime_ns for path in model.rglob("*.*")}
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    for words in (["status"], ["materialize", "--force"]):
        done = command(*words, cwd=copy)
        assert done.returncode == 2
        assert "moved or copied here" in done.stderr
        assert "lakeflow doctor --relocate" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in model.rglob("*.*")} == before


@pytest.mark.long
def test_a_run_whose_process_died_is_found(lake: Path) -> None:
    code = (
        "import os\nimport subprocess\nfrom lakeflow import asset\n\n\n"
        '@asset(inputs={"even": "silver.even"})\ndef dies(even):\n'
        '    run = subprocess.check_output(["ps", "-o", "ppid=", "-p", str(os.getppid())])  # above is the guard\n'
        "    os.kill(int(run), 9)\n"
    )
    (lake / "layers/gold").mkdir()
    (lake / "layers/gold/dies.py").write_text(code)
    assert command("materialize", "gold.dies", cwd=lake).returncode == -9
    one = only(lake)
    assert one.subject.startswith("run ")
    assert "its process is gone" in one.message
    assert "lakeflow retry" in one.hint


def test_a_branch_without_a_run_is_found(lake: Path, database: sqlite3.Connection) -> None:
    database.execute("delete from lakeflow_runs")
    assert any("belongs to no recorded run" in one.message for one in unwell(lake))


def test_a_branch_of_a_run_that_ended_is_found(lake: Path, database: sqlite3.Connection) -> None:
    database.execute("update lakeflow_runs set state = 'discarded'")
    assert "stands as discarded" in only(lake).message


def test_a_held_step_without_its_branch_is_found(lake: Path, database: sqlite3.Connection) -> None:
    path = metadata(database, "held")
    content = json.loads(path.read_text())
    change(path, content | {"refs": {}})
    one = only(lake)
    assert one.subject == "silver.held"
    assert "is gone or was moved" in one.message


@pytest.mark.long
def test_a_snapshot_on_main_without_a_verdict_is_found(lake: Path, database: sqlite3.Connection) -> None:
    database.execute("delete from lakeflow_verdicts where asset = 'silver.even'")
    one = only(lake)
    assert one.level is Level.PROBLEM
    assert "no verdict is recorded" in one.message
    follow(one, lake)


def follow(one: Finding, root: Path) -> None:
    """Type what the hint says; then all is well."""
    typed = one.hint.split("`lakeflow ")[1].split("`")[0]
    done = command(*typed.split(), cwd=root)
    assert done.returncode == 0, done.stderr
    assert unwell(root) == []


@pytest.mark.long
def test_rows_that_another_engine_put_on_main_are_found(lake: Path) -> None:
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{lake}/.lakeflow/catalog.db", warehouse=str(lake))
    catalog.load_table("silver.even").append(pa.table({"n": pa.array([80], pa.int64())}))
    catalog.close()
    one = only(lake)
    assert "changed outside lakeflow" in one.message
    follow(one, lake)


@pytest.mark.long
def test_a_table_that_the_catalog_lost_is_found(lake: Path, database: sqlite3.Connection) -> None:
    database.execute("delete from iceberg_tables where table_name = 'even'")
    one = only(lake)
    assert "the catalog has no such table" in one.message
    follow(one, lake)


def test_a_publish_that_is_not_on_main_any_more_is_found(lake: Path, database: sqlite3.Connection) -> None:
    path = metadata(database, "even")
    content = json.loads(path.read_text())
    del content["current-snapshot-id"]
    change(path, content | {"refs": {}})
    assert "is not in what readers see" in only(lake).message


HOLD = """
import sys
from pathlib import Path
from lakeflow.core.keys import AssetKey
from lakeflow.lake.care import relocate
from lakeflow.lake.lake import open
from lakeflow.wap.run.lease import leased

old, asset = Path(sys.argv[1]), AssetKey.parse(sys.argv[2])
with open(old) as lake, leased(lake._world, "busy", [asset], 0.0):
    relocate(old.rename(old.with_name("moved")))
"""


@pytest.mark.long
@pytest.mark.parametrize("asset", ["silver.even", "gold.not_built_yet"])
def test_a_lake_is_not_relocated_while_a_run_is_at_work(lake: Path, asset: str) -> None:
    done = run([sys.executable, "-c", HOLD, str(lake), asset], cwd=None, env={})
    assert done.returncode == 1
    assert BusyError.__name__ in done.stderr
    assert "run busy" in done.stderr
    assert only(lake.with_name("moved")).subject == "tables"


@pytest.mark.long
def test_the_command_says_it_all_and_ends_with_one_when_something_was_found(lake: Path) -> None:
    well = command("doctor", cwd=lake)
    assert well.returncode == 0, well.stdout + well.stderr
    assert well.stdout.endswith("\nall is well\n")
    moved = lake.rename(lake.with_name("moved"))
    ill = command("doctor", "--output", "json", cwd=moved)
    envelope = json.loads(ill.stdout)
    assert ill.returncode == envelope["exit_code"] == 1
    bad = [one for one in envelope["data"]["findings"] if one["level"] != "ok"]
    assert [one["subject"] for one in bad] == ["tables"]
    mended = command("doctor", "--relocate", cwd=moved)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "3 tables relocated" in mended.stdout
    again = command("doctor", "--relocate", "-o", "json", cwd=moved)
    assert json.loads(again.stdout)["data"]["relocated"] == []


def test_the_command_answers_where_there_is_no_lake(tmp_path: Path) -> None:
    done = command("doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "no lake at" in done.stdout
