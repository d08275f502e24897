"""A table that exists becomes an asset's once it has passed; one without an asset is kept until it is dropped."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.core.errors import LakeError, SchemaError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunState, StepState
from lakeflow.core.view.findings import Level
from tests.cli.process import lakeflow
from tests.external.deletes import hide_id
from tests.external.lab import Theirs, ids, make, only_step, opened
from tests.runs import ran

OURS = """/*
key = ["id"]
[columns.id]
type = "long"
*/
select 7::bigint as id, 1.5 as amount
"""
LOW_AMOUNTS = "select * from silver.orders where amount > 2"


@pytest.fixture
def theirs(tmp_path: Path) -> Theirs:
    (tmp_path / "theirs").mkdir()
    made = Theirs(tmp_path / "theirs")
    made.write(range(3))
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path, {"layers/silver/orders.sql": OURS, "layers/bronze/other.sql": "select 1 as n"})


@pytest.mark.long
@pytest.mark.parametrize("place", ["sales.shop.orders", "theirs/warehouse/shop/orders", "METADATA"])
def test_a_table_that_passes_is_the_assets_with_its_history_and_without_a_copy(
    root: Path, theirs: Theirs, place: str
) -> None:
    with opened(root) as lake:
        run = lake.adopt("silver.orders", place.replace("METADATA", theirs.location()))
        assert (run.state, only_step(run).state) == (RunState.PUBLISHED, StepState.AUDITED)
        assert ids(lake, "silver.orders") == [0, 1, 2]
        assert [row.state for row in lake.snapshots("silver.orders")] == ["published"]
    assert not list((root / ".lakeflow" / "warehouse").rglob("*.parquet"))


@pytest.mark.long
def test_its_next_run_writes_on_top_of_it(root: Path, theirs: Theirs) -> None:
    with opened(root) as lake:
        lake.adopt("silver.orders", "sales.shop.orders")
        lake.materialize("silver.orders")
        assert ids(lake, "silver.orders") == [7]
        assert len(lake.snapshots("silver.orders")) == 2
        assert not [one for one in lake.doctor() if one.level is Level.PROBLEM]


@pytest.mark.long
def test_a_table_that_fails_is_left_alone(root: Path, theirs: Theirs) -> None:
    make(root, {"checks/silver/orders.low.sql": LOW_AMOUNTS})
    with opened(root) as lake:
        run = lake.adopt("silver.orders", "sales.shop.orders")
        assert (run.state, only_step(run).state) == (RunState.DISCARDED, StepState.HELD)
        assert {status.state for status in lake.status()} == {"never built"}
        assert not [one for one in lake.doctor() if one.level is Level.PROBLEM]
    assert lakeflow("adopt", "silver.orders", "--from", "sales.shop.orders", cwd=root).returncode == 1


@pytest.mark.long
def test_a_table_that_another_engine_wrote_into_our_catalog_is_adopted_where_it_stands(root: Path) -> None:
    with opened(root) as lake:
        lake.status()
    uri, warehouse = f"sqlite:///{root}/.lakeflow/catalog.db", f"file://{root}/.lakeflow/warehouse"
    catalog = SqlCatalog("lakeflow", uri=uri, warehouse=warehouse)
    rows = pa.table({"id": pa.array([1, 2], pa.int64()), "amount": [1.0, 2.0]})
    catalog.create_table("silver.orders", rows.schema).append(rows)
    catalog.close()
    with opened(root) as lake:
        assert lake.status("silver.*")[0].state != "never built"
        assert lake.adopt("silver.orders").state is RunState.PUBLISHED
        reasons = [str(reason) for step in lake.plan("silver.*").steps for reason in step.reasons]
        assert reasons == ["always runs: nothing says whether its source changed"]


def _v3(theirs: Theirs) -> None:
    path = Path(theirs.location().removeprefix("file://"))
    path.write_text(path.read_text().replace('"format-version":2', '"format-version":3'))


def test_what_could_not_be_written_is_refused(root: Path, theirs: Theirs) -> None:
    _v3(theirs)
    with opened(root) as lake, pytest.raises(LakeError, match="format is v3"):
        lake.adopt("silver.orders", "sales.shop.orders")


@pytest.mark.long
def test_what_cannot_be_read_exactly_is_not_taken(root: Path, theirs: Theirs) -> None:
    hide_id(theirs, 1, column="no id")
    with opened(root) as lake:
        run = lake.adopt("silver.orders", "sales.shop.orders")
        assert run.state is RunState.DISCARDED
        assert lake.status("silver.*")[0].state == "never built"


@pytest.mark.long
def test_rows_that_were_deleted_by_their_values_stay_hidden_and_the_next_run_replaces_both(
    root: Path, theirs: Theirs
) -> None:
    hide_id(theirs, 1)
    with opened(root) as lake:
        lake.adopt("silver.orders", "sales.shop.orders")
        assert ids(lake, "silver.orders") == [0, 2]
        lake.materialize("silver.orders")
        assert ids(lake, "silver.orders") == [7]


@pytest.mark.long
def test_an_upsert_into_a_table_with_such_deletes_brings_no_row_back(root: Path, theirs: Theirs) -> None:
    hide_id(theirs, 1)
    upsert = OURS.replace("/*", "/*\nwrite = 'upsert'").replace("1.5", "1.5::double")
    make(root, {"layers/silver/orders.sql": upsert.replace("7::", "2::")})
    with opened(root) as lake:
        lake.adopt("silver.orders", "sales.shop.orders")
        assert ran(lake.materialize("silver.orders")).state is RunState.PUBLISHED
        assert ids(lake, "silver.orders") == [0, 2]
        make(root, {"layers/silver/orders.sql": upsert.replace("7::", "1::")})
    with opened(root) as lake:
        lake.materialize("silver.orders")
        assert ids(lake, "silver.orders") == [0, 1, 2], "what comes after the delete stands"


@pytest.mark.parametrize(
    ("ours", "told"),
    [
        (OURS.replace('"long"', '"string"'), "column 'id' is long, declared as string"),
        (OURS.replace('key = ["id"]', 'key = ["id", "shop"]'), "it has no column 'shop'"),
    ],
)
def test_the_table_is_compared_with_what_is_declared(root: Path, theirs: Theirs, ours: str, told: str) -> None:
    make(root, {"layers/silver/orders.sql": ours})
    with opened(root) as lake, pytest.raises(SchemaError, match=told):
        lake.adopt("silver.orders", "sales.shop.orders")


@pytest.mark.long
def test_an_asset_with_a_table_takes_no_other(root: Path, theirs: Theirs) -> None:
    with opened(root) as lake:
        lake.materialize()
        for place in ("sales.shop.orders", None):
            with pytest.raises(UsageError, match="has a table already"):
                lake.adopt("silver.orders", place)


@pytest.mark.long
def test_a_table_without_an_asset_that_cannot_be_read_is_told_too(root: Path) -> None:
    with opened(root) as lake:
        lake.materialize()
    (root / "layers/silver/orders.sql").unlink()
    with opened(root) as lake:
        (left,) = lake.undefined()
        assert left.table is not None
        Path(left.table.version.removeprefix("file://")).unlink()
    with opened(root) as lake:
        (left,) = lake.undefined()
        assert (left.key, left.table) == (AssetKey.parse("silver.orders"), None)
        assert left.fault
    shown = lakeflow("status", "-o", "json", cwd=root).stdout
    (told,) = json.loads(shown)["data"]["undefined"]
    assert (told["fault"], told["snapshot_id"]) == (left.fault, None)
    assert "cannot be read" in lakeflow("status", cwd=root).stdout


@pytest.mark.long
def test_a_table_without_an_asset_is_kept_and_told_until_it_is_dropped_and_can_be_taken_back(root: Path) -> None:
    with opened(root) as lake:
        lake.materialize()
        with pytest.raises(UsageError, match="defined by an asset"):
            lake.drop("silver.orders")
    (root / "layers/silver/orders.sql").rename(root / "kept.sql")
    with opened(root) as lake:
        left = lake.undefined()[0].table
        assert left is not None
        assert any(one.subject == "silver.orders" and "no asset defines it" in one.message for one in lake.doctor())
        assert "no asset defines it any more" in lakeflow("status", cwd=root).stdout
        run = lake.drop("silver.orders")
        assert left.version in run.reason
        assert lake.undefined() == ()
        assert not [one for one in lake.doctor() if one.level is not Level.OK]
        with pytest.raises(UsageError, match="not in the catalog"):
            lake.drop("silver.orders")
    (root / "kept.sql").rename(root / "layers/silver/orders.sql")
    with opened(root) as lake:
        lake.adopt("silver.orders", left.version)
        assert ids(lake, "silver.orders") == [7]
        assert not [one for one in lake.doctor() if one.level is Level.PROBLEM]


@pytest.mark.long
def test_a_table_made_anew_after_a_drop_shares_no_folder_with_the_old_one(root: Path) -> None:
    with opened(root) as lake:
        lake.materialize()
    (root / "layers/silver/orders.sql").rename(root / "kept.sql")
    with opened(root) as lake:
        lake.drop("silver.orders")
    (root / "kept.sql").rename(root / "layers/silver/orders.sql")
    with opened(root) as lake:
        lake.materialize()
        assert ids(lake, "silver.orders") == [7]
    assert len(list((root / ".lakeflow/warehouse/silver").iterdir())) == 2
