"""An external table is an input like any other: pinned, recorded, looked at again; and it is only ever read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lakeflow.core.errors import LakeflowError
from lakeflow.core.model.run import RunState, StepState
from tests.external.deletes import hide_first_row, hide_id
from tests.external.lab import ORDERS, Theirs, ids, make, only_step, opened, reasons
from tests.runs import ran

PYTHON = """
from lakeflow import Relation, asset

@asset(external=["sales.shop.orders"], inputs={"orders": "sales.shop.orders"}, key=["id"])
def orders(orders: Relation) -> Relation:
    return orders.filter("amount > 2")

@asset(external=["sales.shop.orders"], key=["id"])
def doubled():
    return "select id * 2 as id from Sales.Shop.Orders"
"""


@pytest.fixture
def theirs(tmp_path: Path) -> Theirs:
    (tmp_path / "theirs").mkdir()
    return Theirs(tmp_path / "theirs")


def everything_in(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.mark.long
def test_sql_reads_the_table_under_its_full_name_and_the_snapshot_is_recorded(tmp_path: Path, theirs: Theirs) -> None:
    snapshot = theirs.write(range(3))
    with opened(make(tmp_path, {"layers/silver/orders.sql": ORDERS})) as lake:
        step = only_step(lake.materialize())
        assert (step.state, step.inputs) == (StepState.PUBLISHED, {"sales.shop.orders": snapshot})
        assert ids(lake, "silver.orders") == [0, 1, 2]
        assert lake.snapshots("silver.orders")[0].inputs == {"sales.shop.orders": snapshot}


@pytest.mark.long
def test_python_receives_it_as_a_parameter_or_names_it_in_sql(tmp_path: Path, theirs: Theirs) -> None:
    theirs.write(range(4))
    with opened(make(tmp_path, {"layers/silver/sales.py": PYTHON})) as lake:
        assert ran(lake.materialize()).state is RunState.PUBLISHED
        assert ids(lake, "silver.orders") == [2, 3]
        assert ids(lake, "silver.doubled") == [0, 2, 4, 6]
        assert lake.preview("silver.doubled", limit=9).columns == ("id",)


@pytest.mark.long
def test_the_asset_is_fresh_until_the_table_moves(tmp_path: Path, theirs: Theirs) -> None:
    first = theirs.write(range(3))
    with opened(make(tmp_path, {"layers/silver/orders.sql": ORDERS})) as lake:
        lake.materialize()
        assert not lake.plan().steps
        second = theirs.write(range(3, 5))
        assert reasons(lake) == [f"input moved: sales.shop.orders s{str(first)[:6]} → s{str(second)[:6]} (+2 rows)"]
        assert lake.plan().rows_to_read == 5
        lake.materialize()
        assert ids(lake, "silver.orders") == [0, 1, 2, 3, 4]
        assert not lake.plan().steps


@pytest.mark.long
def test_lineage_tells_what_went_in_and_what_is_there_now(tmp_path: Path, theirs: Theirs) -> None:
    first = theirs.write(range(3))
    with opened(make(tmp_path, {"layers/silver/orders.sql": ORDERS})) as lake:
        lake.materialize()
        second = theirs.write(range(3, 5))
        ((use,),) = (tree.externals for tree in lake.lineage())
        assert (str(use.key), use.used, use.used_rows, use.now) == ("sales.shop.orders", first, 3, second)


@pytest.mark.long
def test_nothing_of_theirs_is_written(tmp_path: Path, theirs: Theirs) -> None:
    theirs.write(range(3))
    before = everything_in(theirs.root)
    with opened(make(tmp_path, {"layers/silver/orders.sql": ORDERS})) as lake:
        lake.plan()
        lake.materialize()
        lake.status()
    assert everything_in(theirs.root) == before


@pytest.mark.long
def test_rows_behind_position_deletes_stay_hidden(tmp_path: Path, theirs: Theirs) -> None:
    """pyiceberg rewrites files to delete; a file of position deletes is planted as Spark leaves one."""
    theirs.write(range(4))
    hide_first_row(theirs)
    with opened(make(tmp_path, {"layers/silver/orders.sql": ORDERS})) as lake:
        lake.materialize()
        assert ids(lake, "silver.orders") == [1, 2, 3]


def _other_table(theirs: Theirs) -> None:
    theirs.write(range(1), "shop.others")


def _nothing(_: Theirs) -> None:
    """No catalog at all."""


def _with_code(theirs: Theirs) -> None:
    """What a writer of their metadata could do to every reader that obeys it."""
    theirs.write(range(1))
    path = Path(theirs.location().removeprefix("file://"))
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps(metadata | {"properties": {"py-io-impl": "evil.FileIO"}}))


def _with_deletes_without_ids(theirs: Theirs) -> None:
    theirs.write(range(2))
    hide_id(theirs, 1, column="no id")


def _v3(theirs: Theirs, type_: object) -> None:
    """pyiceberg makes no table of format v3, so the metadata of one is made of its v2."""
    theirs.write(range(2))
    path = Path(theirs.location().removeprefix("file://"))
    metadata = json.loads(path.read_text()) | {"format-version": 3, "next-row-id": 0}
    metadata["schemas"][-1]["fields"].append({"id": 9, "name": "v", "type": type_, "required": False})
    path.write_text(json.dumps(metadata))


def _with_a_variant(theirs: Theirs) -> None:
    _v3(theirs, "variant")


def _with_relative_paths(theirs: Theirs) -> None:
    theirs.write(range(1))
    path = Path(theirs.location().removeprefix("file://"))
    path.write_text(path.read_text().replace(f"file://{theirs.root}/", ""))


@pytest.mark.sampled(6)
@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (_other_table, "catalog 'sales' has no table shop.orders"),
        (_nothing, "does not exist"),
        (_with_code, "its metadata asks to run code: py-io-impl"),
        (_with_deletes_without_ids, "deletes.parquet has no field ids"),
        (_with_relative_paths, "a path that does not say where it starts"),
        (_with_a_variant, "sales.shop.orders: column 'v' is variant, which this release cannot read"),
    ],
)
def test_what_cannot_be_read_is_planned_as_that_and_fails_alone(
    tmp_path: Path, theirs: Theirs, break_it: Callable[[Theirs], None], told: str
) -> None:
    break_it(theirs)
    files = {"layers/silver/orders.sql": ORDERS, "layers/bronze/ours.sql": "select 1 as id"}
    with opened(make(tmp_path, files)) as lake:
        lake.status()
        run = ran(lake.materialize())
        outcome = {str(step.asset): step for step in run.steps}
        assert outcome["bronze.ours"].state is StepState.PUBLISHED
        assert outcome["silver.orders"].state is StepState.ERRORED
        assert told in outcome["silver.orders"].reason


@pytest.mark.long
def test_an_input_that_vanishes_makes_a_published_asset_stale(tmp_path: Path, theirs: Theirs) -> None:
    theirs.write(range(3))
    with opened(make(tmp_path, {"layers/silver/orders.sql": ORDERS})) as lake:
        lake.materialize()
    (theirs.root / "catalog.db").unlink()
    with opened(tmp_path) as lake:
        (status,) = lake.status()
        assert status.state == "stale"
        assert status.reasons[0].startswith("input cannot be read: sales.shop.orders: ")
        assert ids(lake, "silver.orders") == [0, 1, 2]


NESTED = {"type": "list", "element-id": 10, "element": "geometry(srid:4326)", "element-required": False}


@pytest.mark.sampled(5)
@pytest.mark.parametrize("type_", ["variant", "geometry", "geography(srid:4326, karney)", NESTED, "something_new"])
def test_a_type_that_cannot_be_read_stops_only_who_reads_the_table(
    tmp_path: Path, theirs: Theirs, type_: object
) -> None:
    _v3(theirs, type_)
    with opened(
        make(tmp_path, {"layers/silver/orders.sql": ORDERS, "layers/bronze/ours.sql": "select 1 as id"})
    ) as lake:
        assert [str(status.state) for status in lake.status()] == ["never built"] * 2
        assert lake.lineage("silver.orders")
        assert ran(lake.materialize("bronze.ours")).state is RunState.PUBLISHED
        with pytest.raises(LakeflowError, match=r"column 'v.*, which this release cannot read"):
            lake.preview("silver.orders", limit=1)
        assert "which this release cannot read" in only_step(lake.materialize("silver.orders")).reason


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("type_", "state"),
    [
        ("timestamp_ns", StepState.PUBLISHED),
        ("timestamptz_ns", StepState.PUBLISHED),
        ("unknown", StepState.ERRORED),
    ],
)
def test_types_of_format_v3_that_can_be_read_are_in_nobodys_way(
    tmp_path: Path, theirs: Theirs, type_: str, state: StepState
) -> None:
    """Nanoseconds that are whole microseconds are kept as such; of what type a column of nothing is must be said."""
    _v3(theirs, type_)
    whole = ORDERS.replace("id, amount", "*")
    with opened(make(tmp_path, {"layers/silver/orders.sql": ORDERS, "layers/silver/whole.sql": whole})) as lake:
        outcome = {str(step.asset): step for step in ran(lake.materialize()).steps}
        assert ids(lake, "silver.orders") == [0, 1]
        assert outcome["silver.whole"].state is state, outcome["silver.whole"].reason
