"""Refused rows that pass today's checks go back into their asset, once, by a run like any other."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import RunRecord
from lakeflow.lake.lake import Lake
from tests.cli.process import lakeflow as shell
from tests.cli.test_commands import make
from tests.prepared import Prepared
from tests.quarantine.test_quarantine import CHECKS, rows

SALT = "correct horse battery staple"
KEY = "silver.orders__quarantine"
BRONZE = "/*\nreads = ['orders.csv']\n*/\nselect * from read_csv('orders.csv')\n"
SILVER = """/*
write = 'append'
key = ['id']
new_rows = ['bronze.orders']
[columns.email]
pii = true
mask = 'hash'
*/
select id, total, email from bronze.orders
"""
FIRST = "id,total,email\n1,5.0,a@x\n2,-1.0,a@x\n3,,c@x\n4,7.0,d@x\n"
FEW = ', "max_fraction": 0.4'
"""Half of the rows that wait fail again: a feed would be held for that, a readmission is not."""
SECOND = "id,total,email\n5,-2.0,e@x\n6,-9.0,f@x\n7,1.0,g@x\n"
DIES_AT_THE_PUBLISH = """
import os, signal, sys
from lakeflow.adapters.iceberg import IcebergCatalog
from lakeflow.cli.main import run
IcebergCatalog.commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
run(sys.argv[1:])
"""


def refuse_two(root: Path) -> None:
    files = {
        "layers/bronze/orders.sql": BRONZE,
        "layers/silver/orders.sql": SILVER,
        "checks/silver/orders.py": CHECKS.format(more=FEW),
        "orders.csv": FIRST,
    }
    with lakeflow.open(make(root, files)) as lake:
        assert states(lake.materialize()) == "published"


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEFLOW_PII_SALT", SALT)
        return Prepared(tmp_path_factory.mktemp("refused"), refuse_two)


@pytest.fixture
def root(refused: Prepared, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An append asset: of four rows two are refused, one for its total, one because it has none."""
    monkeypatch.setenv("LAKEFLOW_PII_SALT", SALT)
    return refused.again()


def states(run: RunRecord | None) -> str:
    return "" if run is None else str(run.state)


def least(root: Path, value: float) -> None:
    """Today's checks accept totals from this value on."""
    (root / "checks/silver/orders.py").write_text(CHECKS.format(more=FEW).replace("min_value=0", f"min_value={value}"))


def readmit(root: Path) -> RunRecord | None:
    with lakeflow.open(root) as lake:
        return lake.readmit("silver.orders")


def ids(root: Path) -> tuple[str, str, str]:
    """Of the asset's rows, of those that wait, and of all that were ever refused."""
    with lakeflow.open(root) as lake:
        found = lake.quarantined("silver.orders").rows
        waiting = sorted(row[found.columns.index("id")] or "" for row in found.values)
        mine, refused = ("".join(str(id_) for (id_,) in rows(lake, key, "id")) for key in ("silver.orders", KEY))
        return mine, "".join(waiting), refused


@pytest.mark.long
def test_what_passes_goes_back_once_and_the_others_wait_on(root: Path) -> None:
    assert ids(root) == ("14", "23", "23")
    least(root, -5)
    run = readmit(root)
    assert run is not None
    assert {str(step.asset): (str(step.state), step.rows) for step in run.steps} == {
        "silver.orders": ("published", 1),
        KEY: ("published", 1),
    }
    assert ids(root) == ("124", "3", "233")
    with lakeflow.open(root) as lake:
        emails = {row[0]: row[1] for row in rows_of(lake, "id", "email")}
        assert emails["1"] == emails["2"], "what was masked is not masked again"
        inputs = {inputs for check, inputs in rows(lake, KEY, "_run", "_inputs") if check == run.id}
        assert [KEY in str(each) for each in inputs] == [True]
    again = readmit(root)
    assert again is not None
    assert [(str(step.state), step.rows) for step in again.steps] == [("unchanged", 0), ("unchanged", None)]
    assert ids(root) == ("124", "3", "233")


def rows_of(lake: Lake, *columns: str) -> list[tuple[object, ...]]:
    names = ", ".join(f"cast({name} as varchar)" for name in columns)
    found: list[tuple[object, ...]] = lake.read("silver.orders").project(names).fetchall()
    return found


@pytest.mark.long
def test_a_later_write_leaves_alone_what_went_back_and_a_rollback_makes_it_wait_again(root: Path) -> None:
    least(root, -5)
    run = readmit(root)
    (root / "orders.csv").write_text(SECOND)
    with lakeflow.open(root) as lake:
        assert lake.plan("silver.orders").steps == (), "what was consumed stays consumed"
        later = lake.materialize()
    assert run is not None
    assert later is not None
    assert ids(root) == ("12457", "36", "2336")
    with lakeflow.open(root) as lake:
        lake.rollback(later.id)
        lake.rollback(run.id)
    assert ids(root) == ("14", "23", "23")
    assert states(readmit(root)) == "published"
    assert ids(root) == ("124", "3", "233")


@pytest.mark.long
def test_code_and_inputs_that_changed_meanwhile_still_show(root: Path) -> None:
    (root / "orders.csv").write_text(SECOND)
    (root / "layers/silver/orders.sql").write_text(SILVER.replace("total,", "total + 0 as total,"))
    with lakeflow.open(root) as lake:
        lake.materialize("bronze.orders")
    least(root, -5)
    assert states(readmit(root)) == "published"
    with lakeflow.open(root) as lake:
        said = [str(reason) for step in lake.plan("silver.orders").steps for reason in step.reasons]
    words = {each.partition(" (")[0].partition(":")[0] for each in said}
    assert words >= {"code changed", "rebuilds from all rows", "new rows"}


@pytest.mark.long
def test_a_full_refresh_refuses_anew_and_nothing_else_waits(root: Path) -> None:
    least(root, -5)
    readmit(root)
    with lakeflow.open(root) as lake:
        assert states(lake.materialize("silver.orders", full_refresh=True)) == "published"
    assert ids(root) == ("124", "3", "3")


@pytest.mark.long
def test_a_time_without_quarantine_makes_no_row_go_back_again(root: Path) -> None:
    least(root, -5)
    readmit(root)
    checks = root / "checks/silver/orders.py"
    (root / "orders.csv").write_text("id,total,email\n9,9.0,z@x\n")
    kept = checks.read_text()
    checks.write_text(kept.replace("on_fail", "note").replace("meta=APART", "severity='warning'"))
    with lakeflow.open(root) as lake:
        assert states(lake.materialize()) == "published"
    checks.write_text(kept)
    assert ids(root) == ("1249", "3", "233")


@pytest.mark.long
def test_a_held_readmission_is_discarded_or_tried_again(root: Path) -> None:
    """A row that came again under its key meanwhile."""
    (root / "orders.csv").write_text("id,total,email\n2,8.0,b@x\n")
    with lakeflow.open(root) as lake:
        lake.materialize()
    least(root, -5)
    held = readmit(root)
    assert held is not None
    assert states(held) == "held"
    assert ids(root) == ("124", "23", "23")
    with lakeflow.open(root) as lake:
        assert lake.retry(held.id).state == "held"
        assert lake.discard(held.id).state == "discarded"
    least(root, 0)
    assert states(readmit(root)) == "published"
    assert ids(root) == ("124", "23", "23")


@pytest.mark.long
@pytest.mark.parametrize(
    "words", [("quarantine", "readmit", "silver.orders"), pytest.param(("materialize",), marks=pytest.mark.long)]
)
def test_a_kill_between_stage_and_publish_leaves_both_tables_and_a_retry_finishes(
    root: Path, words: tuple[str, ...]
) -> None:
    least(root, -5)
    if words == ("materialize",):
        (root / "orders.csv").write_text(SECOND)
    died = subprocess.run([sys.executable, "-c", DIES_AT_THE_PUBLISH, *words], cwd=root, check=False)
    assert died.returncode == -signal.SIGKILL
    assert ids(root) == ("14", "23", "23")
    with lakeflow.open(root) as lake:
        assert lake.retry().state == "published"
    assert ids(root) == (("124", "3", "233") if "readmit" in words else ("1457", "236", "236"))
    with lakeflow.open(root) as lake:
        branches = [row.ref for key in ("silver.orders", KEY) for row in lake.snapshots(key) if row.ref]
    assert set(branches) == {"main"}


@pytest.mark.long
def test_files_that_landed_do_not_land_again_after_a_readmission(tmp_path: Path) -> None:
    source = "/*\n[source]\nfolder = 'in'\nfiles = '*.csv'\nformat = 'csv'\n[source.columns]\nid = 'long'\n"
    source += "total = 'double'\n*/\nselect * from source"
    make(tmp_path, {"layers/bronze/orders.sql": source, "in/a.csv": "id,total\n1,5\n2,-1\n3,-9\n"})
    make(tmp_path, {"checks/bronze/orders.py": CHECKS.format(more="")})
    with lakeflow.open(tmp_path) as lake:
        assert states(lake.materialize()) == "published"
    make(tmp_path, {"checks/bronze/orders.py": CHECKS.format(more="").replace("min_value=0", "min_value=-5")})
    with lakeflow.open(tmp_path) as lake:
        assert states(lake.readmit("bronze.orders")) == "published"
        assert lake.plan().steps == ()
        make(tmp_path, {"in/b.csv": "id,total\n4,1\n"})
        assert states(lake.materialize()) == "published"
        assert rows(lake, "bronze.orders", "id", "_source_file") == [
            ("1", "in/a.csv"),
            ("2", "in/a.csv"),
            ("4", "in/b.csv"),
        ]


@pytest.mark.long
def test_an_asset_that_replaces_its_rows_is_run_again_instead(root: Path) -> None:
    replaces = SILVER.replace("append", "replace").replace("new_rows = ['bronze.orders']\n", "")
    (root / "layers/silver/orders.sql").write_text(replaces)
    with pytest.raises(UsageError) as refused:
        readmit(root)
    assert refused.value.hint is not None
    assert "lakeflow materialize silver.orders --force" in refused.value.hint
    least(root, -5)
    with lakeflow.open(root) as lake:
        lake.materialize("silver.orders", force=True)
        assert lake.quarantined("silver.orders").waiting == 1
        with pytest.raises(UsageError, match=r"bronze\.orders has no quarantine"):
            lake.readmit("bronze.orders")


@pytest.mark.long
def test_the_command_shows_what_waits_and_says_what_it_did(root: Path) -> None:
    shown = shell("quarantine", "show", "silver.orders", "-o", "csv", cwd=root, LAKEFLOW_PII_SALT=SALT)
    head, first, *_ = shown.stdout.splitlines()
    assert head == "id,total,email,_check,_reason,_run,_inputs"
    assert first.startswith("2,-1.0,•••,total at least 0,total at least 0,")
    told = shell("quarantine", "show", KEY, "--limit", "1", "-o", "json", cwd=root, LAKEFLOW_PII_SALT=SALT)
    data = json.loads(told.stdout)["data"]
    assert (data["asset"], data["quarantine"], data["waiting"]) == ("silver.orders", KEY, 2)
    assert len(data["rows"]) == 1
    least(root, -5)
    done = shell("quarantine", "readmit", "silver.orders", "-o", "csv", cwd=root, LAKEFLOW_PII_SALT=SALT)
    assert [line.split(",")[:3] for line in done.stdout.splitlines()[1:]] == [
        ["silver.orders", "write", "published"],
        [KEY, "write", "published"],
    ]


@pytest.mark.long
def test_a_renamed_asset_takes_its_quarantine_along(root: Path) -> None:
    for path in ("layers/silver/orders.sql", "checks/silver/orders.py"):
        old = root / path
        old.rename(old.with_stem("sales"))
    (root / "layers/silver/sales.sql").write_text(SILVER.replace("write =", "renamed_from = 'silver.orders'\nwrite ="))
    with lakeflow.open(root) as lake:
        planned = {str(step.asset): str(step.reasons[0]) for step in lake.plan("silver.sales").steps}
        assert planned["silver.sales__quarantine"].startswith("renamed from silver.orders__quarantine")
        assert states(lake.materialize("silver.sales")) == "published"
        assert lake.undefined() == ()
        assert sorted(row[0] or "" for row in lake.quarantined("silver.sales").rows.values) == ["2", "3"]
    (root / "checks/silver/sales.py").write_text(CHECKS.format(more=FEW).replace("min_value=0", "min_value=-5"))
    with lakeflow.open(root) as lake:
        assert states(lake.readmit("silver.sales")) == "published"
        assert lake.quarantined("silver.sales").waiting == 1
