"""`lakeflow mutate`: an asset's own audit of corrupted copies says which faults readers would have seen."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import lakeflow
from lakeflow.cli.main import run
from lakeflow.core.corrupt.survival import MutationReport, Survival
from lakeflow.core.errors import UsageError
from lakeflow.lake.lake import Lake
from tests.prepared import Prepared
from tests.suggest.lakes import make, write

SHOPS = "/*\nkey = ['shop']\n*/ select * from (values ('oslo'), ('bergen')) v(shop)"
SALES = """/*
key = ["id"]
*/
select i as id, ['oslo', 'bergen'][i % 2 + 1] as shop, 10.0 + i % 7 as total, date '2024-01-01' + (i % 5)::int as day
from range({rows}) r(i)
"""
EVERYTHING = """
import great_expectations.expectations as gxe

from lakeflow import expectations as lfx

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="shop"),
    gxe.ExpectColumnValuesToNotBeNull(column="total"),
    gxe.ExpectColumnValuesToNotBeNull(column="day"),
    gxe.ExpectColumnValuesToBeBetween(column="total", min_value=5, max_value=50),
    gxe.ExpectColumnValuesToBeBetween(column="day", min_value="2024-01-01", max_value="2024-01-31"),
    lfx.ExpectForeignKeyToExist(columns="shop", references="silver.shops"),
    lfx.ExpectRowCountToStayNearMain(min_ratio=0.99, max_ratio=1.01),
]
"""


def lake_of_sales(root: Path) -> None:
    (root / "pyproject.toml").write_text("[tool.lakeflow]\n")
    write(root, "layers/silver/shops.sql", SHOPS)
    for rows in (200, 300):
        write(root, "layers/silver/sales.sql", SALES.format(rows=rows))
        with lakeflow.open(root) as lake:
            found = lake.materialize()
            assert found is not None
            assert found.state == "published"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("mutate"), lake_of_sales)


@pytest.fixture
def root(prepared: Prepared) -> Path:
    return prepared.again()


@pytest.fixture
def lake(root: Path) -> Iterator[Lake]:
    with lakeflow.open(root) as opened:
        yield opened


def states(found: MutationReport) -> dict[str, str]:
    return {each.corruption.name: str(each.state) for each in found.results}


@pytest.mark.long
def test_a_suite_that_says_everything_catches_everything_and_says_by_what(root: Path) -> None:
    write(root, "checks/silver/sales.py", EVERYTHING)
    with lakeflow.open(root) as lake:
        found = lake.mutate("silver.sales")
    assert not found.survivors, found.survivors
    assert not found.failing
    by = {each.corruption.name: each.caught_by for each in found.results}
    assert by["total is NULL"] == ("total not null",)
    assert by["total ÷ 100"] == ("total between 5 and 50",)
    assert by["shop in the other case"] == ("shop exists in silver.shops",)
    assert "key (id) unique" in by["the whole load twice"]
    assert "row count near main (at least 0.99 ×, at most 1.01 ×)" in by["the snapshot before, again"]


@pytest.mark.long
def test_without_checks_only_what_is_built_in_catches_anything_and_the_rest_is_suggested(lake: Lake) -> None:
    found = lake.mutate("silver.sales")
    told = states(found)
    caught = {name for name, state in told.items() if state == Survival.CAUGHT}
    assert caught == {"id is NULL", "rows twice", "the whole load twice", "no row at all"}
    assert told["total × 1000"] == told["shop is NULL"] == told["one day of day is missing"] == Survival.MISSED
    suggested = {each.corruption.name: each.suggested for each in found.results}
    assert suggested["shop is NULL"] == ("shop not null",)
    assert suggested["total × 1000"] == ("total between 4 and 22",)
    assert "id × 1000" not in told, "a key is no quantity"


@pytest.mark.long
def test_where_nothing_is_left_to_suggest_the_built_in_checks_still_catch(lake: Lake, root: Path) -> None:
    lake.write_checks(lake.suggest("silver.sales"))
    with lakeflow.open(root) as again:
        found = again.mutate("silver.sales", kinds=["nulls", "doubled"])
    assert states(found)["id is NULL"] == states(found)["the whole load twice"] == Survival.CAUGHT
    assert not any(each.suggested for each in found.results)


@pytest.mark.long
def test_a_warning_is_told_from_a_check_that_holds_and_a_check_that_fails_anyway_catches_nothing(root: Path) -> None:
    checks = """
        import great_expectations.expectations as gxe
        expectations = [
            gxe.ExpectColumnValuesToBeBetween(column="total", min_value=0, max_value=50, severity="warning"),
            gxe.ExpectColumnValuesToBeInSet(column="shop", value_set=["oslo"], severity="warning"),
        ]
    """
    write(root, "checks/silver/sales.py", textwrap.dedent(checks))
    with lakeflow.open(root) as lake:
        found = lake.mutate("silver.sales", kinds=["times_1000", "other_case"])
    assert found.failing == ("shop in {oslo}",)
    assert states(found) == {"total × 1000": Survival.WARNED, "shop in the other case": Survival.MISSED}
    assert [each.warned_by for each in found.results if each.warned_by] == [("total between 0 and 50",)]


@pytest.mark.long
def test_nothing_of_the_lake_changes_and_no_copy_stays(lake: Lake, root: Path) -> None:
    before = files(root)
    lake.mutate("silver.sales")
    assert files(root) == before
    assert not list((root / ".lakeflow/spill").glob("corrupted*"))
    assert len(lake.runs()) == 2


def files(root: Path) -> dict[str, bytes]:
    found = [path for path in (root / ".lakeflow/warehouse").rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in found}


@pytest.mark.long
def test_a_copy_that_changes_nothing_is_not_applicable_and_never_caught(root: Path) -> None:
    write(
        root, "layers/silver/zero.sql", "/*\nkey=['id']\n*/ select 1 as id, 0 as n, '42' as code, null::varchar as gone"
    )
    with lakeflow.open(root) as lake:
        lake.materialize("silver.zero")
        found = lake.mutate("silver.zero")
    why = {each.corruption.name: each.why for each in found.results if each.state == Survival.NOT_APPLICABLE}
    assert why == {
        "n × 1000": "no row would change",
        "n ÷ 100": "no row would change",
        "n with the wrong sign": "no row would change",
        "code in the other case": "no row would change",
        "gone is NULL": "no row would change",
        "gone cut to half its length": "no row would change",
        "gone in the other case": "no row would change",
        "the snapshot before, again": "there is no snapshot before",
    }


@pytest.mark.long
def test_a_corruption_of_a_personal_column_shows_no_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make(tmp_path)
    for form in ("table", "json", "csv"):
        assert run(["-C", str(root), "mutate", "bronze.readings", "--column", "email", "-o", form]) == 0
        out = capsys.readouterr()
        assert "email in the other case" in out.out
        assert "lovelace" not in (out.out + out.err).lower()


@pytest.mark.long
def test_the_exit_code_says_where_readers_would_have_seen_something(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-C", str(root), "mutate", "silver.sales", "--kind", "nulls"]
    assert run([*words, "--column", "shop"]) == 0
    assert run([*words, "--column", "shop", "--exit-code", "-o", "json"]) == 1
    screen, _, answer = capsys.readouterr().out.partition("\n{")
    assert "0 of 1 corruption caught · 0 only warned · 1 missed · 0 not applicable" in screen
    assert json.loads("{" + answer)["data"]["totals"]["missed"] == 1
    assert run([*words, "--column", "id", "--exit-code"]) == 0
    assert run([*words, "--column", "shp"]) == 2
    assert "did you mean 'shop'?" in capsys.readouterr().err


@pytest.mark.long
def test_what_was_never_published_is_refused(root: Path) -> None:
    write(root, "layers/silver/never.sql", "/*\nkey = ['id']\n*/ select 1 as id")
    with lakeflow.open(root) as lake, pytest.raises(UsageError, match="was never published"):
        lake.mutate("silver.never")


KILLED = """
import os, signal, sys
import lakeflow
from lakeflow.core.corrupt.corruption import Corruption, CorruptionKind, Dose

with lakeflow.open(sys.argv[1]) as lake:
    scan = lake._scan("silver.sales", "main", None, None)
    (found,) = lake._world.engine.corruptible(scan, [Corruption(CorruptionKind.DOUBLED)], Dose())
    with lake._world.engine.corrupted(scan, found, Dose()) as copy:
        print(*copy.files, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.long
def test_a_copy_of_a_process_that_was_killed_goes_with_the_next_command(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(root)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = [Path(path) for path in done.stdout.split()]
    assert left
    assert all(path.exists() for path in left)
    assert all(path.is_relative_to(root / ".lakeflow/spill") for path in left), "no table's folder, no branch"
    with lakeflow.open(root) as lake:
        assert lake.query("select count(*) from silver.sales").fetchall() == [(300,)]
    assert not [path for path in left if path.exists()]
    assert not list((root / ".lakeflow/spill").iterdir())
