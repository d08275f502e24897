"""Whatever moved between plan and commit: nothing is lost, and the message says what was expected and found."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.types import IntegerType

from lakeflow.core.errors import AssetError, BusyError, ConflictError
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.changes import Discard, Pin, Publish, Rollback
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import MAIN, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.entry import Transaction
from tests.iceberg import foreign
from tests.iceberg.lab import COLUMNS, FLIGHTS, START, WEATHER, Lab, arrow_schema, nothing, publishing, staging, ticking
from tests.recording import Doing


def _metadata_files(lab: Lab) -> set[Path]:
    return set(lab.warehouse.rglob("metadata/*"))


def _with_note(table: Table) -> Schema:
    return Schema((*table.schema.fields, Field("note", Primitive("string"), table.last_column_id + 1)))


def test_staging_on_a_main_that_moved_is_a_conflict(lab: Lab) -> None:
    before = lab.land([1])
    lab.land([2], "r2")
    with pytest.raises(ConflictError, match=r"silver\.flights: main moved: expected snapshot \d+, found snapshot \d+"):
        lab.stage([3], "r3", table=before)


def test_staging_on_a_branch_that_exists_is_a_conflict(lab: Lab) -> None:
    table = lab.stage([1])
    with pytest.raises(ConflictError, match="branch audit_r1 moved: expected no snapshot, found snapshot"):
        lab.stage([2], table=table)


def test_staging_on_a_table_made_anew_is_a_conflict(lab: Lab) -> None:
    table = lab.catalog.create(FLIGHTS, COLUMNS)
    with pytest.raises(ConflictError, match="the table was replaced"):
        lab.catalog.stage(replace(table, uuid="other"), staging(table, ()))


def test_two_schemas_made_from_one_plan_do_not_share_an_id(lab: Lab) -> None:
    table = lab.land([1])
    lab.catalog.stage(table, staging(table, (), "r2", schema=_with_note(table)))
    other = Schema((*table.schema.fields, Field("other", Primitive("date"), table.last_column_id + 1)))
    with pytest.raises(ConflictError, match="expected column ids up to 2, found 3"):
        lab.catalog.stage(table, staging(table, (), "r3", schema=other))


def test_a_refused_stage_leaves_no_file(lab: Lab) -> None:
    table = lab.stage([1])
    before = _metadata_files(lab)
    with pytest.raises(ConflictError):
        lab.stage([2], table=table)
    assert _metadata_files(lab) == before


def test_publishing_on_a_main_that_moved_is_a_conflict(lab: Lab) -> None:
    staged = lab.stage([1])
    other = lab.stage([2], "r2")
    lab.publish(other, "r2")
    with pytest.raises(ConflictError, match="main moved: expected no snapshot, found snapshot"):
        lab.publish(staged)
    assert lab.ids(lab.table(), lab.table().main) == [2]


def test_publishing_a_branch_that_moved_is_a_conflict(lab: Lab) -> None:
    change = replace(publishing(lab.stage([1])), snapshot_id=7)
    with pytest.raises(ConflictError, match="branch audit_r1 moved: expected snapshot 7"):
        lab.catalog.commit([change], nothing)


def test_publishing_to_a_table_made_anew_is_a_conflict(lab: Lab) -> None:
    change = replace(publishing(lab.stage([1])), uuid="other")
    with pytest.raises(ConflictError, match="the table was replaced: expected table other"):
        lab.catalog.commit([change], nothing)


def _alter(lab: Lab) -> None:
    """Another engine adds a column: the schema is another, and main stands where it stood."""
    before = lab.table()
    with foreign.opened(lab, FLIGHTS) as theirs, theirs.update_schema() as update:
        update.add_column("theirs", IntegerType())
    after = lab.table()
    assert (after.main, after.refs) == (before.main, before.refs)
    assert after.schema_id != before.schema_id


@pytest.mark.parametrize("published", [False, True])
def test_publishing_under_a_schema_that_changed_is_a_conflict(lab: Lab, published: bool) -> None:
    """A publish makes the staged schema the table's own: the column of another engine would go without a word."""
    if published:
        lab.land([1], "r0")
    staged = lab.stage([2])
    _alter(lab)
    before = lab.table()
    with pytest.raises(ConflictError, match=r"silver\.flights: the schema changed: expected schema 0 on main, found 1"):
        lab.catalog.commit([publishing(staged)], nothing)
    assert lab.table() == before
    assert before.schema.names == ("id", "name", "theirs")


def test_publishing_a_wider_schema_over_one_that_changed_is_a_conflict(lab: Lab) -> None:
    table = lab.land([1])
    staged = lab.catalog.stage(table, staging(table, (), "r2", schema=_with_note(table)))
    _alter(lab)
    with pytest.raises(ConflictError, match="the schema changed: expected schema 0 on main, found 2"):
        lab.catalog.commit([publishing(staged, "r2")], nothing)
    assert lab.table().schema.names == ("id", "name", "theirs")


def test_one_schema_that_changed_publishes_none_of_the_tables(lab: Lab) -> None:
    weather = lab.stage([1], key=WEATHER)
    flights = lab.stage([1])
    _alter(lab)
    with pytest.raises(ConflictError, match="the schema changed"):
        lab.catalog.commit([publishing(weather), publishing(flights)], nothing)
    assert (lab.table(WEATHER).main, lab.table().main) == (None, None)


@pytest.mark.parametrize("published", [False, True])
def test_staging_under_a_schema_that_changed_is_a_conflict(lab: Lab, published: bool) -> None:
    """The columns of the new files follow from the schema that was planned on, and so does what is audited."""
    table = lab.land([1], "r0") if published else lab.catalog.create(FLIGHTS, COLUMNS)
    _alter(lab)
    with pytest.raises(ConflictError, match=r"silver\.flights: the schema changed: expected schema 0 on main, found 1"):
        lab.stage([2], table=table)
    assert "audit_r1" not in lab.table().refs


def test_a_schema_that_went_and_came_back_is_no_conflict(lab: Lab) -> None:
    """What a publish asserts is the schema that readers see, and a rollback gives them the one that was."""
    table = lab.land([1])
    lab.catalog.stage(table, staging(table, (), "r2", schema=_with_note(table)))
    held = lab.stage([2], "r3", table=lab.table())
    wider = lab.publish(held, "r2")
    assert wider.schema.names == ("id", "name", "note")
    back = lab.catalog.commit([Rollback(FLIGHTS, wider.main or 0, table.main)], nothing)[FLIGHTS]
    assert back.schema_id == table.schema_id
    after = lab.catalog.commit([publishing(held, "r3")], nothing)[FLIGHTS]
    assert lab.ids(after, after.main) == [1, 2]


def test_a_missing_table_is_a_conflict(lab: Lab) -> None:
    with pytest.raises(ConflictError, match=r"silver\.weather: the table is gone"):
        lab.catalog.commit([Discard(WEATHER, "audit_r1", 1)], nothing)


def test_one_conflict_publishes_none_of_the_tables(lab: Lab) -> None:
    flights, weather = lab.stage([1]), lab.stage([2], key=WEATHER)
    stale = replace(publishing(weather), base=5)
    with pytest.raises(ConflictError, match=r"silver\.weather"):
        lab.catalog.commit([publishing(flights), stale], nothing)
    assert lab.table().main is None


def test_many_tables_are_published_together(lab: Lab) -> None:
    keys = [AssetKey(Layer.GOLD, f"t{number}") for number in range(5)]
    staged = [lab.stage([1], key=key) for key in keys]
    tables = lab.catalog.commit([publishing(table) for table in staged], nothing)
    assert {key: table.main for key, table in tables.items()} == {t.key: t.refs["audit_r1"] for t in staged}


def test_what_record_raises_undoes_everything(lab: Lab) -> None:
    staged = lab.stage([1])
    before = _metadata_files(lab)

    def refuse(_: Transaction | None) -> None:
        raise BusyError("the lease is gone")

    with pytest.raises(BusyError, match="the lease is gone"):
        lab.catalog.commit([publishing(staged)], Doing(refuse))
    assert lab.table() == staged
    assert _metadata_files(lab) == before


def test_what_record_writes_is_committed_with_the_tables(lab: Lab) -> None:
    with lab.database.transaction() as connection:
        connection.exec_driver_sql("create table notes (note text)")

    def record(connection: Any) -> None:
        connection.exec_driver_sql("insert into notes values ('x')")

    lab.catalog.commit([publishing(lab.stage([1]))], Doing(record))
    with lab.database.read() as connection:
        assert connection.exec_driver_sql("select note from notes").scalar_one() == "x"


def test_a_pin_holds_while_its_snapshot_is_in_mains_history(lab: Lab) -> None:
    pinned = lab.land([1], key=WEATHER).main
    lab.land([2], "r2", key=WEATHER)
    lab.catalog.commit([publishing(lab.stage([1])), Pin(WEATHER, pinned or 0)], nothing)
    assert lab.table().main is not None


def test_a_pin_that_left_mains_history_is_a_conflict(lab: Lab) -> None:
    pinned = lab.land([1], key=WEATHER).main
    lab.catalog.commit([Rollback(WEATHER, pinned or 0, None)], nothing)
    with pytest.raises(ConflictError, match=r"silver\.weather: main moved: expected snapshot \d+ in its history"):
        lab.catalog.commit([publishing(lab.stage([1])), Pin(WEATHER, pinned or 0)], nothing)


def test_writers_of_one_table_lose_no_branch(lab: Lab) -> None:
    """Every writer stages its own branch; a lost swap is planned again (trap T5)."""
    table = lab.land([0], "r0")
    failures: list[Exception] = []

    def write(run: str) -> None:
        try:
            lab.stage([1], run, table=table)
        except Exception as error:  # noqa: BLE001 - the thread hands it to the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    now = lab.table()
    assert set(now.refs) == {MAIN, *(f"audit_w{number}" for number in range(6))}
    assert all(now.snapshots[now.refs[f"audit_w{number}"]].parent_id == table.main for number in range(6))


def test_discarding_drops_the_branch_and_its_snapshot(lab: Lab) -> None:
    published = lab.land([1])
    held = lab.stage([2], "r2").refs["audit_r2"]
    table = lab.catalog.commit([Discard(FLIGHTS, "audit_r2", held)], nothing)[FLIGHTS]
    assert table.refs == {MAIN: published.main}
    assert held not in table.snapshots


def test_discarding_a_branch_that_no_run_wrote_takes_nothing_from_other_engines(lab: Lab) -> None:
    lab.catalog.create(FLIGHTS, COLUMNS)
    with foreign.opened(lab, FLIGHTS) as opened:
        opened.append(pa.table({name: [None] for name in COLUMNS.names}, schema=arrow_schema(COLUMNS)))
    theirs = lab.table().main
    assert theirs is not None
    table = lab.catalog.stage(lab.table(), replace(staging(lab.table(), (), "r2"), summary={}))
    lab.catalog.commit([Rollback(FLIGHTS, theirs, None)], nothing)
    table = lab.catalog.commit([Discard(FLIGHTS, "audit_r2", table.refs["audit_r2"])], nothing)[FLIGHTS]
    assert set(table.snapshots) == {theirs}


def test_discarding_on_an_unborn_main_leaves_an_empty_table(lab: Lab) -> None:
    held = lab.stage([2]).refs["audit_r1"]
    table = lab.catalog.commit([Discard(FLIGHTS, "audit_r1", held)], nothing)[FLIGHTS]
    assert (dict(table.refs), dict(table.snapshots)) == ({}, {})


def test_discarding_a_branch_that_moved_is_a_conflict(lab: Lab) -> None:
    lab.stage([2])
    with pytest.raises(ConflictError, match="branch audit_r1 moved"):
        lab.catalog.commit([Discard(FLIGHTS, "audit_r1", 3)], nothing)


def test_a_rollback_restores_rows_and_schema(lab: Lab) -> None:
    first = lab.land([1])
    staged = lab.catalog.stage(first, staging(first, (), "r2", WriteMode.REPLACE, _with_note(first)))
    second = lab.publish(staged, "r2")
    assert second.schema.names == ("id", "name", "note")
    table = lab.catalog.commit([Rollback(FLIGHTS, second.main or 0, first.main)], nothing)[FLIGHTS]
    assert table.main == first.main
    assert table.schema == first.schema


def test_rolling_back_the_first_publish_makes_main_unborn_again(lab: Lab) -> None:
    made = lab.catalog.create(FLIGHTS, COLUMNS)
    first = lab.publish(lab.catalog.stage(made, staging(made, (), schema=_with_note(made))))
    table = lab.catalog.commit([Rollback(FLIGHTS, first.main or 0, None)], nothing)[FLIGHTS]
    assert table.main is None
    assert table.schema == made.schema
    again = lab.land([4], "r2")
    assert lab.ids(again, again.main) == [4]


def test_a_rollback_over_a_newer_publish_is_a_conflict(lab: Lab) -> None:
    first = lab.land([1])
    lab.land([2], "r2")
    with pytest.raises(ConflictError, match="main moved"):
        lab.catalog.commit([Rollback(FLIGHTS, first.main or 0, None)], nothing)


def test_a_rollback_to_a_stranger_is_a_conflict(lab: Lab) -> None:
    table = lab.land([1])
    held = lab.stage([2], "r2").refs["audit_r2"]
    with pytest.raises(ConflictError, match="readers never saw"):
        lab.catalog.commit([Rollback(FLIGHTS, table.main or 0, held)], nothing)


def test_a_rollback_past_what_is_kept_is_a_conflict(lab: Lab) -> None:
    for number in range(4):
        table = lab.publish(lab.stage([number], f"r{number}"), f"r{number}", keep=1)
    with pytest.raises(ConflictError, match="an older one has expired"):
        lab.catalog.commit([Rollback(FLIGHTS, table.main or 0, None)], nothing)


def test_a_clock_that_runs_a_year_behind_leaves_the_time_of_the_table_where_it_is(lab: Lab) -> None:
    """Java engines refuse a log whose entries run backwards by more than a minute (trap T13)."""
    before = lab.land([1])
    ticking(lab).now = START.replace(year=2025)
    after = lab.land([2], "r2")
    assert before.latest == after.latest
    assert after.published is not None
    assert after.published.committed_at == before.latest


def test_a_clock_a_little_behind_never_writes_backwards(lab: Lab) -> None:
    before = lab.land([1])
    ticking(lab).now = START
    after = lab.land([2], "r2")
    assert before.published is not None
    assert after.published is not None
    assert after.published.committed_at >= before.published.committed_at


def test_a_disk_that_cannot_be_written_is_named(lab: Lab) -> None:
    table = lab.catalog.create(FLIGHTS, COLUMNS)
    metadata = lab.warehouse / "silver" / "flights" / "metadata"
    metadata.rename(metadata.with_name("away"))
    metadata.write_text("a file where a directory should be")
    with pytest.raises(AssetError, match=r"cannot write .*/flights/metadata/.*: (File exists|Not a directory)"):
        lab.catalog.stage(table, staging(table, ()))


def test_two_publishers_of_one_snapshot_leave_one_whole_proof(lab: Lab) -> None:
    staged = lab.stage([1])
    change: Publish = publishing(staged)
    lab.catalog.commit([change], nothing)
    with pytest.raises(ConflictError):
        lab.catalog.commit([replace(change, proof="the loser's")], nothing)
    proof = lab.catalog.proof(lab.table(), change.snapshot_id)
    assert proof is not None
    assert proof.text == change.proof
