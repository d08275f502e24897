"""A COMMIT whose answer is lost: read again, then go on or say so, and delete nothing on a guess."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakeflow.adapters.database.connected import Connected
from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg import IcebergCatalog
from lakeflow.core.errors import BusyError, ConflictError, LakeError
from lakeflow.core.model.changes import Pin, Rollback
from lakeflow.core.ports.entry import Transaction
from tests.iceberg.lab import COLUMNS, FLIGHTS, WEATHER, Lab, nothing, publishing
from tests.recording import Doing


class LosesTheAnswer(Database):
    """The COMMIT happens, its answer does not arrive."""

    @contextmanager
    def transaction(self) -> Iterator[Connected]:
        with super().transaction() as connection:
            yield connection
        raise LakeError("the connection was lost")


class FailsToCommit(Database):
    """All statements run, the COMMIT fails."""

    @contextmanager
    def transaction(self) -> Iterator[Connected]:
        with super().transaction() as connection:
            yield connection
            raise BusyError("the database is locked")


def _through(lab: Lab, kind: type[Database]) -> IcebergCatalog:
    return IcebergCatalog(kind(f"sqlite:///{lab.root / 'catalog.db'}"), str(lab.warehouse), lab.clock)


def _files(lab: Lab) -> set[Path]:
    return set(lab.warehouse.rglob("metadata/*"))


def test_a_publish_that_happened_returns_though_its_answer_was_lost(lab: Lab) -> None:
    change = publishing(lab.stage([1]))
    table = _through(lab, LosesTheAnswer).commit([change], nothing)[FLIGHTS]
    assert table.main == change.snapshot_id
    assert lab.table() == table


def test_a_publish_that_did_not_happen_raises_and_deletes_no_file(lab: Lab) -> None:
    staged = lab.stage([1])
    before = _files(lab)
    with pytest.raises(BusyError, match="locked"):
        _through(lab, FailsToCommit).commit([publishing(staged)], nothing)
    assert lab.table() == staged
    assert len(_files(lab) - before) == 2, "metadata and proof stay for the sweeper"


def test_the_same_publish_can_be_tried_again(lab: Lab) -> None:
    staged = lab.stage([1])
    with pytest.raises(BusyError):
        _through(lab, FailsToCommit).commit([publishing(staged)], nothing)
    assert lab.publish(staged).main == staged.refs["audit_r1"]


def test_a_commit_that_changes_no_table_and_lost_its_answer_raises(lab: Lab) -> None:
    """Nothing that could be read again says whether its record was kept."""
    table = lab.land([1])
    pin = Pin(FLIGHTS, table.main or 0)
    with pytest.raises(LakeError, match="the connection was lost"):
        _through(lab, LosesTheAnswer).commit([pin], nothing)


def test_a_stage_whose_answer_was_lost_is_found(lab: Lab) -> None:
    lab.catalog.create(FLIGHTS, COLUMNS)
    lab.catalog = _through(lab, LosesTheAnswer)
    assert set(lab.stage([1]).refs) == {"audit_r1"}


def test_a_table_whose_making_lost_its_answer_is_found(lab: Lab) -> None:
    assert _through(lab, LosesTheAnswer).create(FLIGHTS, COLUMNS) == lab.table()


def test_a_table_that_could_not_be_made_raises(lab: Lab) -> None:
    with pytest.raises(BusyError):
        _through(lab, FailsToCommit).create(FLIGHTS, COLUMNS)
    assert lab.catalog.keys() == frozenset()


def test_a_loser_of_the_race_for_the_last_word_plans_again(lab: Lab) -> None:
    """Another writer moves the pointer between our read and our swap: read, assert and write anew."""
    staged = lab.stage([1])
    raced: list[str] = []

    class RacedOnce(Database):
        @contextmanager
        def transaction(self) -> Iterator[Connected]:
            if not raced:
                raced.append(lab.stage([2], "other").version)
            with super().transaction() as connection:
                yield connection

    table = _through(lab, RacedOnce).commit([publishing(staged)], nothing)[FLIGHTS]
    assert raced
    assert table.main == staged.refs["audit_r1"]
    assert "audit_other" in table.refs


def test_a_pin_that_leaves_main_during_the_commit_is_a_conflict(lab: Lab) -> None:
    pinned = lab.land([1], key=WEATHER).main or 0
    staged = lab.stage([1])
    raced: list[int] = []

    class RacedOnce(Database):
        @contextmanager
        def transaction(self) -> Iterator[Connected]:
            if not raced:
                raced.append(1)
                lab.catalog.commit([Rollback(WEATHER, pinned, None)], nothing)
            with super().transaction() as connection:
                yield connection

    with pytest.raises(ConflictError, match=r"silver\.weather"):
        _through(lab, RacedOnce).commit([publishing(staged), Pin(WEATHER, pinned)], nothing)
    assert lab.table().main is None


def test_record_is_asked_again_after_a_lost_race_but_kept_once(lab: Lab) -> None:
    with lab.database.transaction() as connection:
        connection.exec_driver_sql("create table notes (note text)")
    staged = lab.stage([1])
    raced: list[str] = []

    def record(connection: Transaction | None) -> None:
        assert isinstance(connection, Connected)
        connection.exec_driver_sql("insert into notes values ('published')")

    class RacedOnce(Database):
        @contextmanager
        def transaction(self) -> Iterator[Connected]:
            if not raced:
                raced.append(lab.stage([2], "other").version)
            with super().transaction() as connection:
                yield connection

    _through(lab, RacedOnce).commit([publishing(staged)], Doing(record))
    with lab.database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from notes").scalar_one() == 1
