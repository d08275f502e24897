"""A landed file is taken out again: its rows, what was made from them, and its way back in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, SqlCode
from lakeflow.core.model.run import RunRecord, RunState, StepState
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.readmission import as_readmission
from lakeflow.core.view.findings import Level
from tests.external.lab import make
from tests.faults.zygote import open_lake as opened

BRONZE = """/*
[source]
files = "drops/*.csv"
format = "csv"
columns = {id = "bigint", who = "string", total = "bigint"}
*/
select * from source
"""
PROJECT = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/orders.sql": BRONZE,
    "layers/silver/orders.sql": "/*\nkey = ['id']\n*/\nselect id, who, total from bronze.orders",
    "layers/silver/log.sql": "/*\nkey = ['id']\nwrite = 'append'\nnew_rows = ['bronze.orders']\n*/\n"
    "select id, total from bronze.orders",
    "layers/silver/latest.sql": "/*\nkey = ['who']\nwrite = 'upsert'\nkeep = 'last by id'\n*/\n"
    "select who, id, total from bronze.orders",
    "layers/gold/totals.sql": "/*\nkey = ['who']\n*/\nselect who, sum(total) as total from silver.orders group by all",
}
TABLES = ("bronze.orders", "silver.orders", "silver.log", "silver.latest", "gold.totals")
DAYS = {
    "drops/1.csv": "id,who,total\n1,ann,10\n2,bob,20\n",
    "drops/2.csv": "id,who,total\n3,eve,-999\n4,ann,-999\n",
    "drops/3.csv": "id,who,total\n5,bob,50\n",
}


def ran(root: Path) -> RunRecord | None:
    with opened(root) as lake:
        run = lake.materialize()
        assert run is None or run.state is RunState.PUBLISHED, run
        return run


def delivered(root: Path, *days: str, together: bool = False) -> None:
    make(root, PROJECT)
    for day in days:
        make(root, {day: DAYS[day]})
        if not together:
            ran(root)
    ran(root)


def seen(root: Path) -> dict[str, list[str]]:
    """What a reader sees that knows nothing of lakeflow; the time of the load aside."""
    state = root / ".lakeflow"
    with closing(SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=str(state))) as catalog:
        found = {name: catalog.load_table(name).scan().to_arrow().to_pylist() for name in TABLES}
    return {
        name: sorted(str({k: v for k, v in row.items() if k != "_loaded_at"}) for row in rows)
        for name, rows in found.items()
    }


def never(root: Path, *days: str) -> dict[str, list[str]]:
    """What a lake shows in which only these files ever landed."""
    delivered(root, *days)
    return seen(root)


def unland(root: Path, *files: str, **asked: Any) -> RunRecord:
    with opened(root) as lake:
        run = lake.unland(*files, **asked)
        assert run is not None
        return run


def is_sound(root: Path) -> bool:
    with opened(root) as lake:
        return not [one for one in lake.doctor() if one.level is not Level.OK]


@pytest.mark.long
@pytest.mark.parametrize("together", [False, True])
def test_the_lake_is_as_if_the_file_had_never_landed(tmp_path: Path, together: bool) -> None:
    delivered(tmp_path / "a", *DAYS, together=together)
    run = unland(tmp_path / "a", "drops/2.csv")
    assert run.state is RunState.PUBLISHED, run
    assert seen(tmp_path / "a") == never(tmp_path / "b", "drops/1.csv", "drops/3.csv")
    assert is_sound(tmp_path / "a")


@pytest.mark.long
def test_it_stays_out_by_itself_and_the_plan_says_so(tmp_path: Path) -> None:
    delivered(tmp_path, *DAYS)
    unland(tmp_path, "drops/2.csv")
    before = seen(tmp_path)
    assert ran(tmp_path) is None
    make(tmp_path, {"drops/4.csv": "id,who,total\n6,cid,60\n"})
    with opened(tmp_path) as lake:
        (warning,) = [each for each in lake.plan().warnings if "taken out" in each]
    assert warning == (
        "bronze.orders leaves out 1 file taken out before, such as drops/2.csv; "
        "`lakeflow unland FILE --undo` lets one land again"
    )
    ran(tmp_path)
    assert len(seen(tmp_path)["bronze.orders"]) == len(before["bronze.orders"]) + 1
    with opened(tmp_path) as lake:
        lake.materialize(full_refresh=True)
    assert len(seen(tmp_path)["bronze.orders"]) == len(before["bronze.orders"]) + 1


@pytest.mark.long
def test_other_bytes_under_its_name_land_with_the_same_publish_or_later(tmp_path: Path) -> None:
    mended = {"drops/2.csv": "id,who,total\n3,eve,30\n4,ann,40\n"}
    for late in (False, True):
        root = tmp_path / str(late)
        delivered(root, *DAYS)
        if not late:
            make(root, mended)
        unland(root, "drops/2.csv")
        if late:
            make(root, mended)
            ran(root)
        assert [row for row in seen(root)["gold.totals"] if "'eve', 'total': Decimal('30')" in row]
        assert len(seen(root)["bronze.orders"]) == 5
        assert ran(root) is None


@pytest.mark.long
def test_it_lands_again_when_somebody_asks(tmp_path: Path) -> None:
    delivered(tmp_path, *DAYS)
    before = seen(tmp_path)
    unland(tmp_path, "drops/2.csv", "drops/3.csv")
    assert unland(tmp_path, "drops/2.csv", undo=True).state is RunState.PUBLISHED
    assert unland(tmp_path, "drops/3.csv", undo=True).state is RunState.PUBLISHED
    assert seen(tmp_path) == before
    assert ran(tmp_path) is None


@pytest.mark.long
def test_a_rollback_of_it_brings_rows_and_file_back(tmp_path: Path) -> None:
    delivered(tmp_path, *DAYS)
    before = seen(tmp_path)
    run = unland(tmp_path, "drops/2.csv")
    with opened(tmp_path) as lake:
        lake.rollback(run.id)
    assert seen(tmp_path) == before
    assert ran(tmp_path) is None


@pytest.mark.long
def test_what_an_audit_holds_leaves_readers_all_as_it_was_and_a_retry_goes_on(tmp_path: Path) -> None:
    delivered(tmp_path, *DAYS)
    before = seen(tmp_path)
    make(tmp_path, {"checks/gold/totals.all.sql": "select 1 as a where (select count(*) from gold.totals) < 3"})
    run = unland(tmp_path, "drops/2.csv")
    assert run.state is RunState.HELD
    assert seen(tmp_path) == before
    (tmp_path / "checks/gold/totals.all.sql").unlink()
    with opened(tmp_path) as lake:
        assert lake.retry(run.id).state is RunState.PUBLISHED
    assert seen(tmp_path) == never(tmp_path / "b", "drops/1.csv", "drops/3.csv")


@pytest.mark.long
def test_a_history_that_no_rebuild_restores_waits_for_a_person(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "layers/silver/people.sql": "/*\nkey = ['who']\nwrite = 'scd2'\nnew_rows = ['bronze.orders']\n"
            "keep = 'last by id'\n*/\nselect who, id, total from bronze.orders"
        },
    )
    delivered(tmp_path, *DAYS)
    before = seen(tmp_path)
    run = unland(tmp_path, "drops/2.csv")
    waits = {str(step.asset): step.reason for step in run.steps if step.state is StepState.HELD}
    assert run.state is RunState.HELD
    assert "`--full-refresh` makes it anew" in waits["silver.people"]
    assert seen(tmp_path) == before
    with opened(tmp_path) as lake:
        lake.discard(run.id)
    assert unland(tmp_path, "drops/2.csv", full_refresh=True).state is RunState.PUBLISHED
    with opened(tmp_path) as lake:
        assert sorted(row[0] for row in lake.read("silver.people").fetchall()) == ["ann", "bob"]


@pytest.mark.parametrize(
    ("files", "said"), [(["drops/9.csv"], "'drops/9.csv'"), (["drops/1.csv", "drops/22.csv"], "22")]
)
@pytest.mark.long
def test_a_file_that_did_not_land_is_refused_with_the_nearest_name(tmp_path: Path, files: list[str], said: str) -> None:
    delivered(tmp_path, "drops/1.csv", "drops/2.csv")
    with opened(tmp_path) as lake, pytest.raises(UsageError, match=said) as caught:
        lake.unland(*files)
    assert "did you mean" in (caught.value.hint or "")
    with opened(tmp_path) as lake, pytest.raises(UsageError, match="no asset keeps"):
        lake.unland("drops/1.csv", undo=True)


def test_refused_rows_of_a_file_that_is_out_do_not_come_back_from_the_quarantine() -> None:
    key = AssetKey.parse("bronze.orders")
    asset = Asset(key, SqlCode("", "layers/bronze/orders.sql", 1), WriteMode.APPEND)
    schema = Schema((Field("id", Primitive("long"), id=1), Field("_source_file", Primitive("string"), id=2)))
    code = as_readmission(asset, schema, schema, ("drops/it's.csv",)).code
    assert isinstance(code, SqlCode)
    with closing(duckdb.connect()) as connection:
        connection.execute("create schema bronze; create table bronze.orders__quarantine (id int, _source_file text)")
        rows = "(1, 'drops/it''s.csv'), (2, 'b.csv'), (3, NULL)"
        connection.execute(f"insert into bronze.orders__quarantine values {rows}")
        assert connection.execute(code.text + " order by id").fetchall() == [(2, "b.csv"), (3, None)]


@pytest.mark.long
def test_a_name_with_quotes_and_rows_of_another_engine_are_left_as_they_are(tmp_path: Path) -> None:
    make(tmp_path, {"drops/it's.csv": "id,who,total\n7,zoe,70\n"})
    delivered(tmp_path, *DAYS)
    run = unland(tmp_path, str(tmp_path / "drops" / "it's.csv"))
    assert run.state is RunState.PUBLISHED
    (tmp_path / "drops/it's.csv").unlink()
    assert seen(tmp_path) == never(tmp_path / "b", *DAYS)


CHECK = """import great_expectations.expectations as gxe
expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="total", min_value=0, meta={"lakeflow": {"on_fail": "quarantine"}})
]
"""


def waits(root: Path) -> tuple[int | None, int, list[str]]:
    """In `status`, and in `quarantine show` with the ids of its rows."""
    with lakeflow.open(root) as lake:
        (status,) = lake.status("bronze.orders")
        found = lake.quarantined("bronze.orders")
        place = found.rows.columns.index("id") if found.rows.columns else 0
        return status.quarantined, found.waiting, sorted(str(row[place]) for row in found.rows.values)


def acted(root: Path, act: Callable[[lakeflow.Lake], RunRecord | None]) -> None:
    """With checks of the library, which a fork of a process that has imported them all may not run."""
    with lakeflow.open(root) as lake:
        run = act(lake)
        assert run is not None
        assert run.state is RunState.PUBLISHED, run


@pytest.mark.long
def test_refused_rows_of_a_file_that_is_out_do_not_wait_until_it_lands_again(tmp_path: Path) -> None:
    make(tmp_path, {**PROJECT, "checks/bronze/orders.py": CHECK})
    make(tmp_path, {"drops/2.csv": "id,who,total\n3,eve,-9\n4,ann,-9\n5,bob,5\n"})
    make(tmp_path, {"drops/4.csv": "id,who,total\n6,zoe,-1\n7,zoe,70\n", "pyproject.toml": "[tool.lakeflow]\n"})
    acted(tmp_path, lambda lake: lake.materialize())
    assert waits(tmp_path) == (3, 3, ["3", "4", "6"])
    acted(tmp_path, lambda lake: lake.unland("drops/2.csv"))
    assert waits(tmp_path) == (1, 1, ["6"])
    acted(tmp_path, lambda lake: lake.unland("drops/2.csv", undo=True))
    number, shown, ids = waits(tmp_path)
    assert number == shown == len(ids)
    assert {"3", "4", "6"} == set(ids)
