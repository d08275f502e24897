"""Today's checks on what stands already: main, branches, old snapshots, a history."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import lakeflow
from lakeflow.cli.main import run as command
from lakeflow.core.errors import UsageError
from lakeflow.core.model.check import Outcome
from lakeflow.core.view.audited.audits import Inspected

SUITE = """
import great_expectations.expectations as gxe

class LessThanTwo(gxe.ExpectColumnMaxToBeBetween):
    max_value: int = 1

expectations = [gxe.ExpectColumnValuesToNotBeNull(column="id"), LessThanTwo(column="id")]
"""
ROWS = "select * from (values {}) as v(id, name)"
FILES = {
    "pyproject.toml": "[tool.lakeflow]\nthreads = 1\n",
    "layers/bronze/sales.sql": ROWS.format("(1, 'a')"),
    "layers/silver/sales.sql": "/*\nkey = ['id']\n*/\nselect * from bronze.sales",
    "layers/silver/names.sql": "/*\nkey = ['name']\n*/\nselect distinct name from bronze.sales",
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def materialize(root: Path, rows: str, *selection: str) -> None:
    """Append these rows and what follows from them."""
    write(root, {"layers/bronze/sales.sql": ROWS.format(rows)})
    with lakeflow.open(root) as lake:
        lake.materialize(*selection)


def audit(root: Path, *selection: str, **where: object) -> tuple[Inspected, ...]:
    with lakeflow.open(root) as lake:
        return lake.audit(*selection, **where)  # type: ignore[arg-type]


def state(root: Path) -> list[str]:
    with sqlite3.connect(root / ".lakeflow/catalog.db") as database:
        return list(database.iterdump())


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """silver.sales was published with 1, 2 and 3 rows; then a check came that wants two at most."""
    root = tmp_path_factory.mktemp("lake")
    write(root, FILES)
    for rows in ("(1, 'a')", "(2, 'b')", "(3, 'c')"):
        materialize(root, rows)
    write(root, {"checks/silver/sales.few.sql": "select * from silver.sales where id > 2"})
    return root


@pytest.mark.long
def test_todays_checks_run_on_main_and_nothing_is_written_or_recorded(root: Path) -> None:
    before = state(root)
    (found,) = audit(root, "silver.sales")
    assert (found.ref, found.rows, found.reason) == ("main", 3, "few failed")
    assert (found.checks[0].name, found.checks[0].outcome) == ("few", Outcome.FAILED)
    assert state(root) == before


@pytest.mark.long
def test_a_history_says_which_snapshots_would_have_been_held(root: Path) -> None:
    found = audit(root, "silver.sales", history=5)
    assert [(one.rows, bool(one.reason)) for one in found] == [(3, True), (2, False), (1, False)]
    assert [(one.rows, bool(one.reason)) for one in audit(root, "silver.sales", history=2)] == [(3, True), (2, False)]


def test_one_snapshot_is_audited_by_its_id(root: Path) -> None:
    second = audit(root, "silver.sales", history=2)[1]
    assert audit(root, "silver.sales", snapshot=f"s{second.snapshot_id}") == (second,)


@pytest.mark.long
def test_old_snapshots_are_compared_with_what_readers_saw_then(root: Path) -> None:
    text = """
from lakeflow import check

@check(inputs={"names": "silver.names", "seen": "published.silver.names"})
def counts(branch, published, names, seen):
    now, before, named, known = (each.count("*").fetchall()[0][0] for each in (branch, published, names, seen))
    return (before, named) == (now - 1, now) and known == now
"""
    write(root, {"checks/silver/sales.py": text})
    try:
        found = audit(root, "silver.sales", history=3)
    finally:
        (root / "checks/silver/sales.py").unlink()
    assert [one.checks[0].outcome for one in found] == [Outcome.PASSED] * 3, found[-1].checks[0]


def test_what_cannot_be_looked_at_is_said(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has a ref 'held'"):
        audit(root, ref="held")
    with pytest.raises(UsageError, match="belongs to one asset"):
        audit(root, snapshot="s1")
    with pytest.raises(UsageError, match="only main has a history"):
        audit(root, ref="held", history=2)
    write(tmp_path, FILES)
    with pytest.raises(UsageError, match="was ever published"):
        audit(tmp_path)


@pytest.mark.long
def test_a_held_branch_is_audited_where_it_is(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    materialize(root, "(4, 'y')", "+silver.sales")
    (found,) = audit(root, ref="held")
    assert (str(found.asset), found.rows, found.reason) == ("silver.sales", 4, "few failed")
    assert str(found.ref).startswith("audit_")
    assert command(["-C", str(root), "audit", "--ref", "held"]) == 1
    out = capsys.readouterr().out
    assert "would be held: few failed" in out
    assert "1 snapshot audited, 1 would be held; nothing was written" in out
    write(root, {"checks/silver/sales.few.sql": "select * from silver.sales where id > 9"})
    assert command(["-C", str(root), "audit", "silver.sales", "--history", "2"]) == 0
    assert "would have been published" in capsys.readouterr().out


def test_what_a_run_recorded_is_told_again_with_the_digest_of_its_checks(root: Path) -> None:
    with lakeflow.open(root) as lake:
        run = next(run for run in lake.runs() if run.state == "published")
        found = lake.audited(run.id, "silver.sales")
        step = run.step(found[0].asset)
    assert step is not None
    assert [(one.snapshot_id, one.checks, one.checks_digest) for one in found] == [
        (step.snapshot_id, step.checks, step.checks_digest)
    ]


@pytest.mark.long
def test_results_and_pages_of_the_library_are_made_of_what_a_run_recorded(tmp_path: Path) -> None:
    write(tmp_path, {**FILES, "checks/silver/sales.py": SUITE, "checks/silver/sales.odd.sql": "from silver.sales"})
    with lakeflow.open(tmp_path) as lake, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns of its own old habits when it is imported
        run = lake.materialize("+silver.sales")
        assert run is not None
        audits = lake.audited(run.id, "silver.sales")
        index, page = lake.data_docs(tmp_path / "pages", audits)
        out = io.StringIO()
        with redirect_stdout(out):
            assert command(["-C", str(tmp_path), "audit", "--run", run.id, "--gx", "-o", "json"]) == 1
    assert page.name in index.read_text()
    text = page.read_text()
    assert "values must never be null" in text, "an expectation, in the library's words"
    assert "LessThanTwo" not in text
    assert "odd" in text, "a check that is no expectation goes by its name"
    assert not re.findall(r"(?:src|srcset)=.https?:", text), "nothing is loaded from elsewhere"
    (found,) = [one for one in json.loads(out.getvalue())["data"]["audits"] if one["asset"] == "silver.sales"]
    by_name = {check["name"]: check["gx"] for check in found["checks"]}
    assert by_name["id not null"]["result"]["element_count"] == 1
    assert by_name["id not null"]["expectation_config"]["type"] == "expect_column_values_to_not_be_null"
    assert by_name["odd"] is None


@pytest.mark.long
def test_failing_rows_are_shown_from_the_branch_itself_more_than_the_few_that_were_kept(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.lakeflow]\nthreads = 1\n",
        "layers/bronze/sales.sql": "select range as id from range(30)",
        "layers/silver/sales.sql": "/*\nkey = ['id']\n*/\nselect id, id % 3 as shop from bronze.sales",
        "checks/silver/sales.py": SUITE,
        "checks/silver/sales.shop.sql": "select id, shop from silver.sales where shop = 1",
    }
    write(tmp_path, files)
    with lakeflow.open(tmp_path) as lake:
        run = lake.materialize()
    assert run is not None
    step = next(step for step in run.steps if str(step.asset) == "silver.sales")
    assert {check.name: len(check.samples) for check in step.checks if check.samples} == {"shop": 5}
    out = io.StringIO()
    with redirect_stdout(out):
        command(
            ["-C", str(tmp_path), "show", "silver.sales", "--ref", "held", "--failing", "--limit", "8", "-o", "json"]
        )
    (max_id, shop) = json.loads(out.getvalue())["data"]["checks"]
    assert (shop["failed_rows"], len(shop["samples"])) == (10, 8)
    assert list(shop["samples"][0]) == ["id", "shop"]
    assert max_id["name"] == "max of id at most 1"
