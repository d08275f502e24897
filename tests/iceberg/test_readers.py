"""Other engines read our tables, and see nothing before it is published."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lakeflow.adapters.iceberg.metadata.types import with_ids
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import MAIN
from lakeflow.core.model.write_mode import WriteMode
from tests.iceberg import foreign
from tests.iceberg.lab import COLUMNS, FLIGHTS, Lab, arrow_schema, nothing, publishing, staging, wall_clock


@pytest.fixture(autouse=True)
def _planner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars warns unless its optional planner is installed or declined."""
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")


def _polars(lab: Lab) -> pl.DataFrame:
    """Polars reads from the metadata file alone, by its own reader."""
    return pl.scan_iceberg(lab.table().version, reader_override="native").collect()


def test_pyiceberg_lists_our_layers_and_tables(lab: Lab) -> None:
    lab.land([1])
    with foreign.sql_catalog(lab) as catalog:
        assert sorted(catalog.list_namespaces()) == [("bronze",), ("gold",), ("silver",)]
        assert catalog.list_tables("silver") == [("silver", "flights")]


def test_pyiceberg_and_polars_read_what_was_published(lab: Lab) -> None:
    lab.land([1, 2])
    lab.land([3], "r2")
    assert sorted(foreign.rows(lab, FLIGHTS)["id"].to_pylist()) == [1, 2, 3]
    assert sorted(_polars(lab)["id"].to_list()) == [1, 2, 3]


def test_an_unborn_main_reads_as_empty(lab: Lab) -> None:
    lab.stage([1, 2])
    assert foreign.rows(lab, FLIGHTS).num_rows == 0
    assert _polars(lab).height == 0


def test_a_pending_schema_is_invisible_until_the_publish(lab: Lab) -> None:
    """Add, drop and retype at once: readers of main see none of it before, all of it after (trap T7)."""
    table = lab.land([1])
    schema = Schema((Field("id", Primitive("double"), 3), Field("note", Primitive("string"), 4)))
    files = lab.write(table, {"id": [2.5], "note": ["new"]}, schema)
    staged = lab.catalog.stage(table, staging(table, files, "r2", schema=schema))
    assert foreign.rows(lab, FLIGHTS).column_names == ["id", "name"]
    assert _polars(lab).columns == ["id", "name"]
    assert foreign.rows(lab, FLIGHTS, staged.refs["audit_r2"]).column_names == ["id", "note"]
    lab.publish(staged, "r2")
    assert sorted(foreign.rows(lab, FLIGHTS)["note"].to_pylist(), key=str) == [None, "new"]
    assert sorted(_polars(lab)["note"].to_list(), key=str) == [None, "new"]
    assert foreign.rows(lab, FLIGHTS, table.main).column_names == ["id", "name"]


@pytest.mark.long
def test_pyiceberg_reads_a_table_of_many_modes(lab: Lab) -> None:
    for number in range(10):
        lab.land([number], f"a{number}")
    lab.land([100, 101], "b", WriteMode.REPLACE)
    table = lab.land([102], "c")
    assert sorted(foreign.rows(lab, FLIGHTS)["id"].to_pylist()) == [100, 101, 102]
    with foreign.opened(lab, FLIGHTS) as theirs:
        assert [entry["snapshot_id"] for entry in theirs.inspect.history().to_pylist()][-1] == table.main
        assert theirs.inspect.entries().num_rows > 0


def test_the_proof_does_not_make_the_table_unreadable(lab: Lab) -> None:
    lab.land([1])
    with foreign.opened(lab, FLIGHTS) as table:
        assert [file.blob_metadata for file in table.metadata.statistics] == [[]]


def test_another_engines_statistics_displace_a_proof_that_can_still_be_read(lab: Lab) -> None:
    main = lab.land([1]).main or 0
    with foreign.opened(lab, FLIGHTS) as table:
        theirs = table.metadata.statistics[0].model_copy(update={"statistics_path": "file:///elsewhere.puffin"})
        with table.update_statistics() as update:
            update.set_statistics(theirs)
    now = lab.table()
    assert dict(now.proofs) == {}
    proof = lab.catalog.proof(now, main)
    assert proof is not None
    assert (proof.displaced, proof.text) == (True, '{"ok": true}')


def test_a_snapshot_without_a_proof_has_none(lab: Lab) -> None:
    staged = lab.stage([1])
    assert lab.catalog.proof(staged, staged.refs["audit_r1"]) is None


def test_what_another_engine_appends_is_read_and_built_upon(tmp_path: Path) -> None:
    lab = Lab(tmp_path, wall_clock)
    lab.land([1])
    with foreign.opened(lab, FLIGHTS) as table:
        table.append(foreign.rows(lab, FLIGHTS))
    theirs = lab.table()
    assert lab.catalog.scan(theirs, theirs.main).unmarked
    after = lab.publish(lab.stage([2], "r2"), "r2")
    assert lab.ids(after, after.main) == [1, 1, 2]
    assert after.published is not None
    assert after.published.rows == 3


def test_our_own_files_need_no_look_at_their_footers(lab: Lab) -> None:
    for number in range(4):
        table = lab.publish(lab.stage([number], f"r{number}"), f"r{number}", keep=0)
    assert not lab.catalog.scan(table, table.main).unmarked


def test_a_delete_by_another_engine_moves_main(tmp_path: Path) -> None:
    lab = Lab(tmp_path, wall_clock)
    lab.land([1, 2, 3])
    with foreign.opened(lab, FLIGHTS) as table:
        table.delete("id = 2")
    now = lab.table()
    assert lab.ids(now, now.main) == [1, 3]


def test_pyiceberg_can_go_on_with_a_table_we_made(tmp_path: Path) -> None:
    lab = Lab(tmp_path, wall_clock)
    lab.catalog.create(FLIGHTS, COLUMNS)
    staged = lab.stage([1])
    with foreign.opened(lab, FLIGHTS) as table:
        assert set(table.refs()) == {"audit_r1"}
    lab.catalog.commit([publishing(staged)], nothing)
    with foreign.opened(lab, FLIGHTS) as table:
        assert set(table.refs()) == {MAIN}


def test_a_table_that_pyiceberg_made_is_ours_to_publish_to(tmp_path: Path) -> None:
    lab = Lab(tmp_path, wall_clock)
    with foreign.sql_catalog(lab) as catalog:
        catalog.create_table("silver.flights", arrow_schema(with_ids(COLUMNS)))
    table = lab.land([1, 2])
    assert lab.ids(table, table.main) == [1, 2]
    assert sorted(foreign.rows(lab, FLIGHTS)["id"].to_pylist()) == [1, 2]
