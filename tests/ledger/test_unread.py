"""Verdicts that are made when they are read say what a tuple of all of them says, and a flaw is met by who reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import MIGRATIONS, SqlLedger
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import MOVES, STANDING, Ruling, RunRecord, RunState, VerdictRecord
from lakeflow.core.plan.facts import published, taken_back
from lakeflow.core.plan.verdicts import UnreadVerdicts, ruled
from lakeflow.core.ports.database import Statement
from lakeflow.core.view.audited.last_audit import last_verdict
from tests.core.samples import made, snapshot, table

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RAW = AssetKey.parse("bronze.raw")
TABLE = table("bronze.raw", made(1), made(2, parent=1), made(3, parent=2))
several = st.lists(st.tuples(st.sampled_from([1, 2, 3, 9]), st.sampled_from(Ruling), st.integers(0, 3)), max_size=8)


def verdicts(drawn: Sequence[tuple[int, Ruling, int]]) -> tuple[VerdictRecord, ...]:
    return tuple(
        VerdictRecord(RAW, snapshot, ruling, f"r{at}", 1, NOW + timedelta(seconds=at), code_version=f"c{place}")
        for place, (snapshot, ruling, at) in enumerate(drawn)
    )


def unread(said: Sequence[VerdictRecord], asked: list[int]) -> UnreadVerdicts:
    def make(place: int) -> VerdictRecord:
        asked.append(place)
        return said[place]

    return UnreadVerdicts([(each.snapshot_id, each.ruling) for each in said], make)


@given(
    several,
    st.frozensets(st.sampled_from(Ruling)),
    st.none() | st.frozensets(st.sampled_from([None, 1, 2, 3])),
    st.sampled_from([None, 1, 2, 3]),
)
def test_whatever_is_asked_of_them_they_answer_as_a_tuple_of_all(
    drawn: Sequence[tuple[int, Ruling, int]],
    rulings: frozenset[Ruling],
    snapshots: frozenset[int | None] | None,
    seen: int | None,
) -> None:
    said = verdicts(drawn)
    lazy = unread(said, [])
    plain = [each for each in said if each.ruling in rulings and (snapshots is None or each.snapshot_id in snapshots)]
    assert ruled(lazy, rulings, snapshots) == ruled(said, rulings, snapshots) == plain
    judged = [each for each in said if each.snapshot_id == seen and each.ruling not in MOVES]
    assert last_verdict(seen, lazy) == last_verdict(seen, said) == (judged[-1] if judged else None)
    assert published(TABLE, lazy) == published(TABLE, said)
    assert taken_back(TABLE, lazy) == taken_back(TABLE, said)
    assert (lazy == said, said == lazy, hash(lazy) == hash(said)) == (True, True, True)
    assert (len(lazy), list(lazy), lazy[1:], repr(lazy)) == (len(said), list(said), said[1:], repr(said))


def test_only_what_is_read_is_made_and_once() -> None:
    said, asked = verdicts([(1, Ruling.PUBLISH, 1), (2, Ruling.PUBLISH, 2), (3, Ruling.PUBLISH, 3)]), list[int]()
    lazy = unread(said, asked)
    stands = published(TABLE, lazy)
    assert stands is not None
    assert stands.code_version == "c2"
    assert last_verdict(3, lazy) is ruled(lazy, STANDING, {3})[0]
    assert asked == [2]


class Walked(list[tuple[int, Ruling]]):
    """What verdicts are about, and how often it was gone through."""

    times = 0

    def __iter__(self) -> Iterator[tuple[int, Ruling]]:
        self.times += 1
        return super().__iter__()


def test_however_many_snapshots_another_engine_put_on_top_what_was_ruled_is_gone_through_twice() -> None:
    said = verdicts([(1, Ruling.PUBLISH, 1)])
    about = Walked((each.snapshot_id, each.ruling) for each in said)
    lake = table("bronze.raw", made(1), *(snapshot(number, number - 1) for number in range(2, 50)))
    stands = published(lake, UnreadVerdicts(about, lambda place: said[place]))
    assert stands is not None
    assert (stands.code_version, about.times) == ("c0", 2)


@pytest.fixture
def database() -> Database:
    made = Database("sqlite://")
    made.initialise(MIGRATIONS)
    return made


def test_a_row_that_cannot_be_read_is_no_verdict_for_whoever_reads_it(database: Database) -> None:
    ledger = SqlLedger(database, lambda _: True, lambda: NOW, 30)
    ledger.save(RunRecord("r1", RunState.PUBLISHED, NOW), verdicts([(1, Ruling.PUBLISH, 1), (3, Ruling.PUBLISH, 3)]))
    wanted = {RAW: [1, 2, 3]}
    with database.transaction() as connection:
        connection.execute(Statement("update lakeflow_verdicts set inputs = 'no map' where snapshot_id = 3"))
    found = ledger.latest(wanted)[RAW]
    assert [each.snapshot_id for each in ruled(found, STANDING, {1})] == [1]
    for _ in range(2):
        with pytest.raises(LakeError, match="a row that is no VerdictRecord: inputs"):
            published(TABLE, found)
    with pytest.raises(LakeError, match="a row that is no VerdictRecord: inputs"):
        ledger.verdicts([RAW])
