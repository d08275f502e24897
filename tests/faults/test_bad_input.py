"""Bad input and bad luck, through the real command line: a message, an exit code, and an untouched main."""

from __future__ import annotations

import json
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.core.model.run import RunState
from tests.cli import process
from tests.cli.process import CLEAN
from tests.prepared import Prepared

ORDERS = "id,total\n1,10\n2,20\n"
BRONZE = """/*
reads = ["orders.csv"]
*/
select * from read_csv('orders.csv', header = true, auto_detect = false, delim = ',',
                       columns = {'id': 'bigint', 'total': 'double'})
"""
SILVER = "/*\nkey = ['id']\n*/\nselect distinct id, total from bronze.orders\n"
PYTHON = """
from lakeflow import Relation, asset

@asset(inputs={{"orders": "bronze.orders"}}, key=["id"])
def orders(orders: Relation) -> Relation:
    {body}
"""


class Project:
    """A tiny lake of two assets, built once; the tests break it and look what readers see."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def build(self) -> None:
        self.write("pyproject.toml", "[tool.lakeflow]\n")
        self.write("orders.csv", ORDERS)
        self.write("layers/bronze/orders.sql", BRONZE)
        self.write("layers/silver/orders.sql", SILVER)
        assert self.lakeflow("materialize").returncode == 0

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def silver_in_python(self, body: str) -> None:
        (self.root / "layers/silver/orders.sql").unlink()
        self.write("layers/silver/orders.py", PYTHON.format(body=body))

    def lakeflow(self, *words: str, limit: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
        if limit is None:
            return process.lakeflow(*words, cwd=self.root)
        return subprocess.run(
            [sys.executable, "-m", "lakeflow.cli", *words],
            cwd=self.root,
            env=CLEAN,
            capture_output=True,
            text=True,
            preexec_fn=limit,
            check=False,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "lakeflow.cli", *words],
            cwd=self.root,
            env=CLEAN,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def json(self, *words: str) -> Any:
        return json.loads(self.lakeflow(*words, "--output", "json").stdout)["data"]

    def silver_seen(self) -> list[str]:
        """What a reader of main sees, ids in order."""
        lines = self.lakeflow("show", "silver.orders", "--output", "csv").stdout.splitlines()[1:]
        return sorted(line.split(",")[0] for line in lines)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("built"), lambda root: Project(root).build())


@pytest.fixture
def project(built: Prepared) -> Project:
    return Project(built.again())


def assert_refused(project: Project, done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    for word in words:
        assert word in said, said
    assert "Traceback" not in said
    assert project.silver_seen() == ["1", "2"]


@pytest.mark.long
def test_an_unknown_column_is_named_with_the_columns_near_it(project: Project) -> None:
    project.write("layers/silver/orders.sql", SILVER.replace("total", "totl"))
    assert_refused(project, project.lakeflow("materialize"), 1, "totl", "did you mean", "silver.orders")


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no such shop')", ("ValueError", "no such shop", "layers/silver/orders.py:6")),
        ("import sys; sys.exit(0)", ("called exit", "layers/silver/orders.py:6")),
        ("return None", ("None",)),
        ("return 42", ("int",)),
    ],
)
def test_code_that_raises_leaves_or_returns_no_rows_is_an_errored_step(
    project: Project, body: str, words: tuple[str, ...]
) -> None:
    project.silver_in_python(body)
    assert_refused(project, project.lakeflow("materialize"), 1, *words)


@pytest.mark.long
@pytest.mark.parametrize(
    "mode",
    [
        "",
        pytest.param("write = 'upsert'", marks=pytest.mark.long),
        pytest.param("write = 'partition'\npartition_by = ['bucket(2, id)']", marks=pytest.mark.long),
    ],
)
def test_a_full_disk_is_named_and_nothing_is_published(project: Project, mode: str) -> None:
    """Files may grow to 1 MB, as a disk that is full: the write fails inside DuckDB, not at the commit."""
    silver = SILVER.replace("/*", f"/*\n{mode}")
    project.write(
        "layers/silver/orders.sql", silver + "union all select (hash(i) // 4)::bigint, i from range(900000) r(i)"
    )
    done = project.lakeflow(
        "materialize", limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    )
    assert_refused(project, done, 1, "disk is full")


@pytest.mark.long
def test_a_disk_that_fills_during_a_spill_is_named_and_nothing_is_published_or_left(project: Project) -> None:
    """The result is small; what its query puts aside is not."""
    project.write("pyproject.toml", "[tool.lakeflow]\nmemory_limit = '60MB'\nthreads = 1\n")
    aside = "select count(*) from (select distinct md5(i::varchar) from range(2000000) r(i))"
    project.write("layers/silver/orders.sql", SILVER + f"where total < ({aside})")
    done = project.lakeflow(
        "materialize", limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    )
    assert_refused(project, done, 1, "disk is full")
    assert list((project.root / ".lakeflow/spill").glob("*")) == []


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ("write = 'upsert'\nkey = ['id']", "select null::bigint as id", "key column 'id' is NULL in 1 row"),
        ("write = 'upsert'\nkey = ['id']", "select 1 as id from range(2)", "more than once, in 2 rows"),
        ("write = 'scd2'\nkey = ['id']", "select null::bigint as id", "key column 'id' is NULL in 1 row"),
        (
            "partition_by = ['month(day)']\nkey = ['id']",
            "select 1 as id",
            "the layout names column 'day', which is not produced",
        ),
        ("sort_by = ['day']\nkey = ['id']", "select 1 as id", "the layout names column 'day', which is not produced"),
    ],
)
def test_rows_that_cannot_be_written_as_declared_are_named_and_change_nothing(
    tmp_path: Path, header: str, rows: str, said: str
) -> None:
    """In one lake, in this process: what a person types there differs in nothing else."""
    folder = tmp_path / "layers/silver"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    good = header.splitlines()[-1] if "_by" in header else header
    (folder / "orders.sql").write_text(f"/*\n{good}\n*/\nselect 7 as id")
    with lakeflow.open(tmp_path) as lake:
        assert lake.materialize().state is RunState.PUBLISHED  # type: ignore[union-attr]  # there was something to do
    (folder / "orders.sql").write_text(f"/*\n{header}\n*/\n{rows}")
    with lakeflow.open(tmp_path) as lake:
        run = lake.materialize()
        assert run is not None
        assert (run.state, said in run.steps[0].reason) == (RunState.FAILED, True), run.steps[0].reason
        assert lake.read("silver.orders").project("id").fetchall() == [(7,)]


@pytest.mark.long
def test_a_locked_database_is_busy_and_says_so(project: Project) -> None:
    other = sqlite3.connect(project.root / ".lakeflow" / "catalog.db", isolation_level=None)
    other.execute("begin immediate")
    project.write("layers/silver/orders.sql", SILVER + "-- \nwhere true\n")
    done = project.lakeflow("materialize")
    other.close()
    assert_refused(project, done, 4, "locked")


@pytest.mark.long
def test_a_missing_input_file_is_named(project: Project) -> None:
    (project.root / "orders.csv").unlink()
    assert_refused(project, project.lakeflow("materialize"), 1, "orders.csv")


@pytest.mark.long
def test_an_interrupted_run_is_abandoned_and_a_retry_finishes_it(project: Project) -> None:
    project.silver_in_python(
        "import pathlib, time\n    if not pathlib.Path('again').exists(): time.sleep(60)\n    return orders"
    )
    running = project.start("materialize")
    wait_for_line(running, "silver.orders")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130, out + err
    assert "nothing was lost" in err
    assert project.json("runs")["runs"][0]["state"] == "abandoned"
    assert project.silver_seen() == ["1", "2"]
    project.write("again", "")
    assert project.lakeflow("retry").returncode == 0


@pytest.mark.long
def test_two_runs_of_one_asset_do_not_overlap(project: Project) -> None:
    project.silver_in_python("import time; time.sleep(60)\n    return orders")
    first = project.start("materialize")
    wait_for_line(first, "silver.orders")
    second = project.lakeflow("materialize")
    first.kill()
    first.communicate()
    assert second.returncode == 4, second.stderr
    assert str(first.pid) in second.stderr
    assert "--wait" in second.stderr


@pytest.mark.long
def test_rows_that_another_engine_committed_meanwhile_are_a_conflict_and_are_kept(project: Project) -> None:
    project.silver_in_python(
        "import pyarrow as pa; from pyiceberg.catalog.sql import SqlCatalog\n"
        "    catalog = SqlCatalog('lakeflow', uri='sqlite:///.lakeflow/catalog.db')\n"
        "    table = catalog.load_table('silver.orders')\n"
        "    table.append(pa.table({'id': pa.array([3], pa.int64()), 'total': [30.0]}))\n"
        "    catalog.engine.dispose()\n"
        "    return orders"
    )
    done = project.lakeflow("materialize")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "main moved" in done.stdout
    assert project.silver_seen() == ["1", "2", "3"]


def test_a_lake_made_by_a_newer_release_is_refused_by_name(project: Project) -> None:
    database = sqlite3.connect(project.root / ".lakeflow" / "catalog.db")
    database.execute("insert into lakeflow_migrations (version, applied_at) values (99, 'later')")
    database.commit()
    database.close()
    done = project.lakeflow("status")
    assert done.returncode == 2
    assert "newer release" in done.stderr
    assert "install the release of lakeflow that wrote it, or a newer one" in done.stderr


def test_a_moved_project_folder_is_detected(project: Project, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    project.root.rename(moved)
    done = process.lakeflow("plan", cwd=moved)
    assert done.returncode == 2, done.stderr
    assert "moved" in done.stderr
    assert str(moved) in done.stderr


@pytest.mark.long
def test_a_renamed_column_of_an_append_is_refused_rather_than_lost(project: Project) -> None:
    project.write("orders.csv", "id,amount\n3,30\n")
    project.write("layers/bronze/orders.sql", BRONZE.replace("'total'", "'amount'"))
    assert_refused(project, project.lakeflow("materialize"), 1, "lack 'total'", "bronze.orders")


@pytest.mark.long
def test_a_row_that_does_not_parse_stops_the_load(project: Project) -> None:
    project.write("orders.csv", ORDERS + "3,not a number\n")
    done = project.lakeflow("materialize")
    assert_refused(project, done, 1, "orders.csv, line 4: column 'total' holds no DOUBLE", "bronze.orders")
    assert "not a number" not in done.stdout + done.stderr


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    """Until the process says on stderr that it is at work on something."""
    assert process.stderr
    deadline = time.monotonic() + 60
    while text not in (line := process.stderr.readline()) or "writing" not in line:
        assert process.poll() is None
        assert time.monotonic() < deadline
