"""A ledger that stays open between looks says of verdicts what one that was just opened says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import MIGRATIONS, SqlEnvironments, SqlLedger
from lakeflow.adapters.ledger import statements as asked
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Ruling, RunRecord, RunState, VerdictRecord
from lakeflow.core.ports.database import Connection, Statement

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEYS = tuple(AssetKey.parse(f"silver.{name}") for name in "abcd")
SNAPSHOTS = (1, 2, 3)
Change: TypeAlias = Callable[["Ledgers", Any], None]


class Ledgers:
    """A ledger of main and one of an environment, both open all the time, and their database."""

    def __init__(self) -> None:
        self.database = Database("sqlite://")
        self.database.initialise(MIGRATIONS)
        self.open = {name: self.opened(name) for name in ("", "pr")}
        self.number = count(1)

    def opened(self, environment: str) -> SqlLedger:
        return SqlLedger(self.database, lambda _: True, lambda: NOW, 30, environment=environment)

    def said(self, asset: AssetKey, snapshot: int, ruling: Ruling, at: int) -> VerdictRecord:
        return VerdictRecord(asset, snapshot, ruling, f"r{at}", 1, NOW + timedelta(seconds=at))


def rule(lake: Ledgers, drawn: tuple[str, AssetKey, int, Ruling]) -> None:
    environment, asset, snapshot, ruling = drawn
    at = next(lake.number)
    run = RunRecord(f"r{at}", RunState.PUBLISHED, NOW)
    lake.open[environment].save(run, [lake.said(asset, snapshot, ruling, at)])


def rename(lake: Ledgers, drawn: tuple[AssetKey, AssetKey]) -> None:
    with lake.database.transaction() as connection:
        lake.open[""].rename(connection, *drawn)


def forget(lake: Ledgers, _drawn: None) -> None:
    SqlEnvironments(lake.database, lambda: NOW).forget("pr")


rulings = st.tuples(
    st.sampled_from(["", "pr"]),
    st.sampled_from(KEYS),
    st.sampled_from(SNAPSHOTS),
    st.sampled_from([Ruling.PUBLISH, Ruling.HOLD]),
)
names = st.lists(st.sampled_from(KEYS), min_size=2, max_size=2, unique=True).map(tuple)
changes = st.one_of(
    st.tuples(st.just(rule), rulings), st.tuples(st.just(rename), names), st.tuples(st.just(forget), st.none())
)
wishes = st.dictionaries(st.sampled_from(KEYS), st.frozensets(st.sampled_from(SNAPSHOTS)))


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(changes, wishes, st.sampled_from(["", "pr"])), max_size=12))
def test_what_is_kept_between_looks_is_what_a_ledger_that_was_just_opened_finds(
    told: Sequence[tuple[tuple[Change, Any], Mapping[AssetKey, frozenset[int]], str]],
) -> None:
    lake = Ledgers()
    for (change, drawn), wanted, environment in told:
        change(lake, drawn)
        assert lake.open[environment].latest(wanted) == lake.opened(environment).latest(wanted)


def test_verdicts_that_a_renamed_table_took_along_are_found_by_its_new_name() -> None:
    lake, wanted = Ledgers(), {KEYS[0]: [1, 2], KEYS[1]: [3]}
    for key, snapshot in ((KEYS[0], 1), (KEYS[1], 3)):
        rule(lake, ("", key, snapshot, Ruling.PUBLISH))
    before = lake.open[""].latest(wanted)
    rename(lake, (KEYS[0], KEYS[2]))
    assert lake.open[""].latest({KEYS[2]: [1, 2], KEYS[1]: [3]}) == {
        KEYS[2]: (lake.said(KEYS[2], 1, Ruling.PUBLISH, 1),),
        KEYS[1]: before[KEYS[1]],
    }


def test_a_table_that_was_renamed_and_is_back_has_what_was_said_of_it_meanwhile() -> None:
    lake, wanted = Ledgers(), {KEYS[0]: [1]}
    rule(lake, ("", KEYS[0], 1, Ruling.PUBLISH))
    lake.open[""].latest(wanted)
    rename(lake, (KEYS[0], KEYS[2]))
    rule(lake, ("", KEYS[2], 1, Ruling.HOLD))
    lake.open[""].latest({KEYS[2]: [1]})
    rename(lake, (KEYS[2], KEYS[0]))
    (found,) = lake.open[""].latest(wanted).values()
    assert [said.ruling for said in found] == [Ruling.PUBLISH, Ruling.HOLD]


def test_a_ledger_that_was_emptied_and_filled_anew_is_read_anew() -> None:
    lake, wanted = Ledgers(), {KEYS[0]: [1], KEYS[1]: [1]}
    rule(lake, ("", KEYS[0], 1, Ruling.PUBLISH))
    rule(lake, ("", KEYS[1], 1, Ruling.PUBLISH))
    lake.open[""].latest(wanted)
    with lake.database.transaction() as connection:
        connection.execute(Statement("delete from lakeflow_verdicts"))
    assert lake.open[""].latest(wanted) == {KEYS[0]: (), KEYS[1]: ()}
    rule(lake, ("", KEYS[0], 1, Ruling.HOLD))
    rule(lake, ("", KEYS[1], 1, Ruling.HOLD))
    assert lake.open[""].latest(wanted) == lake.opened("").latest(wanted)


class Watched:
    """A connection that notes of which assets the verdicts are asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.assets: list[str] = []
        self.sent: list[Statement] = []

    def execute(self, statement: Statement, values: Any = None) -> Any:
        if statement in {asked.LATEST_VERDICTS, asked.VERDICTS_OF_ALL}:
            self.sent.append(statement)
            self.assets += values["assets"]
        return self._connection.execute(statement, values)

    def tables(self) -> frozenset[str]:
        return self._connection.tables()


def test_a_second_look_reads_the_verdicts_of_the_asset_alone_that_got_one() -> None:
    lake, wanted = Ledgers(), {key: frozenset({1, 2}) for key in KEYS}
    for key in KEYS:
        rule(lake, ("", key, 1, Ruling.PUBLISH))
    lake.open[""].latest(wanted)
    rule(lake, ("", KEYS[2], 2, Ruling.PUBLISH))
    with lake.database.read() as connection:
        watched = Watched(connection)
        lake.open[""]._latest.read(watched, wanted)
    assert watched.assets == [str(KEYS[2])]


def test_a_first_look_at_many_assets_asks_once_for_all_of_them() -> None:
    lake, keys = Ledgers(), [AssetKey.parse(f"silver.t{number}") for number in range(100)]
    for key in keys:
        rule(lake, ("", key, 1, Ruling.PUBLISH))
    with lake.database.read() as connection:
        watched = Watched(connection)
        found = lake.opened("")._latest.read(watched, {key: frozenset({1, 2}) for key in keys})
    assert watched.sent == [asked.VERDICTS_OF_ALL]
    assert [len(found[key]) for key in keys] == [1] * 100


def test_of_an_asset_with_many_verdicts_only_those_on_the_snapshots_that_are_asked_for_are_read() -> None:
    lake = Ledgers()
    for snapshot in range(60):
        rule(lake, ("", KEYS[0], snapshot, Ruling.PUBLISH))
    rule(lake, ("", KEYS[1], 1, Ruling.PUBLISH))
    with lake.database.read() as connection:
        watched = Watched(connection)
        found = lake.opened("")._latest.read(watched, {KEYS[0]: frozenset({1, 59}), KEYS[1]: frozenset({1})})
    assert watched.sent == [asked.VERDICTS_OF_ALL, asked.LATEST_VERDICTS]
    assert watched.assets == [str(KEYS[1]), str(KEYS[0])]
    assert [said.snapshot_id for said in found[KEYS[0]]] == [1, 59]
    assert found == lake.opened("").latest({KEYS[0]: [1, 59], KEYS[1]: [1]})


def test_in_an_environment_what_was_ruled_there_is_found_beside_what_main_knows() -> None:
    lake, wanted = Ledgers(), {KEYS[0]: [1]}
    rule(lake, ("", KEYS[0], 1, Ruling.PUBLISH))
    rule(lake, ("pr", KEYS[0], 1, Ruling.HOLD))
    assert [said.ruling for said in lake.open["pr"].latest(wanted)[KEYS[0]]][-1] is Ruling.HOLD
    assert [said.ruling for said in lake.open[""].latest(wanted)[KEYS[0]]] == [Ruling.PUBLISH]


def ruled(lake: Ledgers, key: AssetKey, snapshots: int) -> None:
    """So many snapshots of the asset, each with a verdict."""
    at = next(lake.number)
    said = [lake.said(key, snapshot, Ruling.PUBLISH, at) for snapshot in range(snapshots)]
    lake.open[""].save(RunRecord(f"r{at}", RunState.PUBLISHED, NOW), said)


def test_assets_of_which_few_are_wanted_are_asked_for_together_and_others_alone() -> None:
    lake, wanted = Ledgers(), dict(zip(KEYS, map(frozenset, (range(16), {1}, (), range(17))), strict=True))
    for key in KEYS:
        ruled(lake, key, 40)
    with lake.database.read() as connection:
        watched = Watched(connection)
        found = lake.opened("")._latest.read(watched, wanted)
    assert watched.sent == [asked.LATEST_VERDICTS] * 2
    assert watched.assets == [str(KEYS[0]), str(KEYS[1]), str(KEYS[3])], "nothing is asked of what nobody wants"
    assert {key: [said.snapshot_id for said in found[key]] for key in KEYS} == {
        key: sorted(ids) for key, ids in wanted.items()
    }


@pytest.mark.parametrize(("verdicts", "whole"), [(4, True), (5, False)])
def test_all_are_read_where_at_most_half_of_them_are_wanted_for_nothing(verdicts: int, whole: bool) -> None:
    lake = Ledgers()
    ruled(lake, KEYS[0], verdicts)
    with lake.database.read() as connection:
        watched = Watched(connection)
        lake.opened("")._latest.read(watched, {KEYS[0]: frozenset({0, 1})})
    assert watched.sent == [asked.VERDICTS_OF_ALL if whole else asked.LATEST_VERDICTS]
