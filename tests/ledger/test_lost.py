"""A ledger that lost tables: they are made again, empty and as this release has them; nothing else is touched."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import LEDGER_TABLES, SqlLedger, ToldLedger, counts, make_again
from lakeflow.adapters.ledger.lost import lost_tables
from lakeflow.core.errors import LakeError
from lakeflow.core.model.run import Holder, Lease, Ruling, RunRecord, RunState, VerdictRecord
from lakeflow.core.ports.database import sql
from tests.core.samples import key

START = datetime(2026, 3, 1, tzinfo=UTC)
HERE = Holder("host", "boot", 1, "noon")


def columns(database: Database) -> dict[str, str]:
    """What SQLite says of each table and index of ours."""
    with database.read() as connection:
        found = connection.execute(sql("select name, sql from sqlite_master where tbl_name like 'lakeflow_%'")).all()
    return {row.name: row.sql for row in found}


def filled(database: Database) -> SqlLedger:
    ledger = SqlLedger(database, lambda _: True, lambda: START, 30.0)
    for id_ in ("r1", "r2"):
        ledger.save(RunRecord(id_, RunState.PUBLISHED, START, ended_at=START))
    verdict = VerdictRecord(key("silver.a"), 5, Ruling.PUBLISH, "r1", 1, START)
    ledger.save(RunRecord("r3", RunState.PUBLISHED, START, ended_at=START), [verdict])
    return ledger


def test_nothing_is_lost_of_a_ledger_that_is_whole(database: Database) -> None:
    filled(database)
    with database.transaction() as connection:
        assert lost_tables(connection) == make_again(connection) == ()
        assert counts(connection) == (3, 1)


def test_each_table_is_known_once_in_the_order_in_which_they_came(database: Database) -> None:
    with database.read() as connection:
        there = {name for name in connection.tables() if name.startswith("lakeflow_")}
    assert {*LEDGER_TABLES} <= there
    assert len(LEDGER_TABLES) == len({*LEDGER_TABLES})
    assert LEDGER_TABLES.index("lakeflow_runs") < LEDGER_TABLES.index("lakeflow_intents")


@pytest.mark.parametrize("lost", [("lakeflow_verdicts",), ("lakeflow_steps", "lakeflow_intents"), LEDGER_TABLES])
def test_lost_tables_are_made_again_as_they_were_and_the_others_keep_their_rows(
    lost: tuple[str, ...], database: Database
) -> None:
    filled(database)
    whole = columns(database)
    with database.transaction() as connection:
        for name in lost:
            connection.execute(sql(f"drop table {name}"))
        in_order = tuple(name for name in LEDGER_TABLES if name in lost)
        assert lost_tables(connection) == in_order
        assert make_again(connection) == in_order
        assert lost_tables(connection) == ()
        kept = (0 if "lakeflow_runs" in lost else 3, 0 if "lakeflow_verdicts" in lost else 1)
        assert counts(connection) == kept
    assert columns(database) == whole


def test_a_ledger_that_is_told_by_the_tables_is_there_to_be_looked_at(database: Database) -> None:
    filled(database)
    told = ToldLedger(database, lambda _: True, lambda: START, ["lakeflow_steps", "lakeflow_checks"])
    assert told.lost() == ("lakeflow_steps", "lakeflow_checks")
    assert [run.id for run in told.runs(9)] == ["r3", "r2", "r1"]
    with pytest.raises(LakeError) as caught:
        told.acquire(Lease("r4", "token", frozenset({key("silver.a")}), HERE))
    assert caught.value.message == "the ledger has lost the table lakeflow_steps"
    assert caught.value.hint == (
        "restore the database from a copy, or `lakeflow doctor --rebuild-ledger` takes from the tables what they know"
    )
    assert not told.standing().held


def test_what_such_a_ledger_says_is_alive_and_its_leases_end_at_once(database: Database) -> None:
    real = filled(database)
    lease = Lease("r4", "token", frozenset({key("silver.a")}), HERE)
    real.acquire(lease)
    for alive in (True, False):
        told = ToldLedger(database, {HERE: alive}.get, lambda: START, ["lakeflow_steps"])
        standing = told.standing()
        assert [standing.dead(held) for held in standing.held] == [not alive]
