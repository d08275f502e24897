"""What a commit asks of a REST catalog, what it makes of each answer, and what stays of it: with no server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg import MIGRATIONS
from lakeflow.adapters.iceberg.commit import numbers
from lakeflow.adapters.iceberg.commit.commits import LostRaceError, TableCommit
from lakeflow.adapters.iceberg.commit.numbers import MainMove
from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable
from lakeflow.adapters.iceberg.rest import commits
from lakeflow.adapters.iceberg.rest.client import RefusedError
from lakeflow.adapters.iceberg.rest.commits import Ledgers, NothingHappenedError, RestCommits, _holds, _is_made
from lakeflow.core.errors import BusyError, ConflictError, LakeError
from lakeflow.core.intents.intent import Intent, Intents
from lakeflow.core.keys import AssetKey
from lakeflow.core.log.recorded import PROPERTY, moves_of
from lakeflow.core.model.changes import Publish
from lakeflow.core.model.run import MoveNote, Ruling
from lakeflow.core.model.table import MAIN, Table
from lakeflow.core.ports.entry import UNRECORDED
from tests.core.samples import NOON, key, snapshot, table
from tests.rest.doubles import LOST, UNSENT, Record, refused

A, B = key("silver.a"), key("silver.b")
AUDIT = "audit_r1"
PUBLISHED = (u.SetBranch(MAIN, 2), u.RemoveRef(AUDIT))
NOTE = MoveNote(Ruling.PUBLISH, "r1", "anna")


def loaded(found: Table) -> LoadedTable:
    json = {"default-spec-id": 0, "default-sort-order-id": 0, "last-updated-ms": 5}
    return LoadedTable(found, json)


def staged(name: AssetKey = A) -> Table:
    """main at 1, and what run `r1` wrote on it at 2."""
    return table(str(name), snapshot(1), snapshot(2, 1), main=1, **{AUDIT: 2})


def published(name: AssetKey = A) -> Table:
    return replace(staged(name), refs={MAIN: 2}, version="v2")


@dataclass
class Server:
    """Tables as values. It makes what it is asked for, or answers in turn as it is told: `then` runs before that."""

    tables: dict[AssetKey, LoadedTable]
    becomes: dict[AssetKey, LoadedTable]
    answers: list[Exception | None] = field(default_factory=list)
    then: Callable[[], object] = lambda: None
    sent: list[Sequence[Mapping[str, Any]]] = field(default_factory=list)
    together: list[int] = field(default_factory=list)
    at: float | None = None
    place = "the REST catalog prod"

    @property
    def client(self) -> Server:
        return self

    def keys(self) -> frozenset[AssetKey]:
        return frozenset(self.tables)

    def load(self, key: AssetKey) -> LoadedTable | None:
        return self.tables.get(key)

    def after(self, seen: LoadedTable, is_there: Callable[[LoadedTable], bool]) -> LoadedTable | None:
        found = self.tables.get(seen.table.key)
        assert found is None or is_there(found)
        assert not is_there(seen)
        return found

    def require_together(self, number: int) -> None:
        self.together.append(number)

    def send(self, changes: Sequence[Mapping[str, Any]]) -> None:
        self.sent.append(changes)
        self.then()
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.make()

    def make(self) -> None:
        self.tables |= self.becomes

    def server_time(self) -> float | None:
        return self.at

    def away(self, lost: Exception) -> LakeError:
        return LakeError(f"away: {lost}")

    def failed(self, refused: RefusedError) -> LakeError:
        return LakeError(f"failed: {refused.code}")


INTENT = Intent("i1", "token", (Publish(A, "silver.a", AUDIT, 1, 2, "{}", 5),), ())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "_PAUSES", (0.0, 0.0))


@pytest.fixture
def server() -> Server:
    return Server({A: loaded(staged())}, {A: loaded(published())})


@pytest.fixture
def record() -> Record:
    return Record(INTENT)


@pytest.fixture
def database() -> Database:
    made = Database("sqlite://")
    made.initialise((MIGRATIONS,))
    return made


def made(server: Server, database: Database, now: datetime = NOON) -> RestCommits:
    ledgers = Ledgers(database, Intents)
    return RestCommits(cast("Any", server), ledgers, cast("Any", None), lambda: now)


@dataclass
class Lab:
    commits: RestCommits
    root: Path

    def publish(self, entry: Any, *keys: AssetKey, updates: Sequence[u.Update] = PUBLISHED) -> Mapping[AssetKey, Table]:
        """One try, for which a manifest is written and a proof is handed in."""

        def plan(found: Mapping[AssetKey, LoadedTable], scratch: Any) -> list[TableCommit]:
            scratch.write(str(self.root / "manifest"), b"files")
            proof = (str(self.root / "proof"), b"checks")
            return [TableCommit(found[one], tuple(updates), proof, MainMove(2, NOTE)) for one in keys or (A,)]

        return self.commits._attempt(frozenset(keys or (A,)), plan, entry)

    def files(self) -> set[str]:
        return {path.name for path in self.root.iterdir()}


@pytest.fixture
def lab(server: Server, database: Database, tmp_path: Path) -> Lab:
    return Lab(made(server, database), tmp_path)


def test_intent_proof_request_and_record_come_in_this_order(server: Server, record: Record, lab: Lab) -> None:
    files: list[set[str]] = []
    record.during = server.then = lambda: files.append(lab.files())
    assert lab.publish(record) == {A: published()}
    assert record.seen == {A: "v1"}
    assert record.told == [("after", INTENT)]
    assert files == [{"manifest"}, {"manifest", "proof"}]
    assert (lab.root / "proof").read_bytes() == b"checks"
    assert server.together == [1]
    ((change,),) = server.sent
    assert change["identifier"] == {"namespace": ["silver"], "name": "a"}
    assert {"type": "assert-ref-snapshot-id", "ref": MAIN, "snapshot-id": 1} in change["requirements"]
    *moved, noted = change["updates"]
    assert [(one["action"], one["ref-name"]) for one in moved] == [
        ("set-snapshot-ref", MAIN),
        ("remove-snapshot-ref", AUDIT),
    ]
    (move,) = moves_of(noted["updates"])
    assert (move.number, move.snapshot_id, move.tables, move.at) == (1, 2, 1, NOON)
    assert move.note is not None
    assert (move.note.run, move.note.actor) == ("r1", "anna")


def test_each_commit_gets_a_number_that_no_other_has(server: Server, record: Record, lab: Lab) -> None:
    server.answers = [refused(), None]
    with pytest.raises(LostRaceError):
        lab.publish(record)
    lab.publish(record)
    counted = [moves_of(sent[0]["updates"][-1]["updates"])[-1].number for sent in server.sent]
    assert counted == [1, 2]


def test_a_number_that_another_commit_took_meanwhile_is_a_lost_race(
    server: Server, record: Record, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "advance", lambda *_: False)
    with pytest.raises(LostRaceError) as caught:
        lab.publish(record)
    assert (caught.value.message, caught.value.hint) == ("other publishes of this lake kept coming", "run it again")
    assert (server.sent, lab.files()) == ([], set())


def test_what_moves_no_main_has_no_number(server: Server, record: Record, lab: Lab) -> None:
    found = loaded(staged())
    steps = [TableCommit(found, (u.RemoveRef(AUDIT),))]
    assert lab.commits._numbered(steps) == steps
    only_asserted = [TableCommit(found), TableCommit(found, PUBLISHED, moved=MainMove(2))]
    still, noted = lab.commits._numbered(only_asserted)
    assert still == only_asserted[0]
    assert [type(each).__name__ for each in noted.updates] == ["SetBranch", "RemoveRef", "SetProperties"]


def test_of_several_tables_main_of_before_stays_one_commit_longer(lab: Lab) -> None:
    gone = u.RemoveSnapshots(frozenset({1, 7}))
    steps = [TableCommit(loaded(staged(one)), (*PUBLISHED, gone), moved=MainMove(2)) for one in (A, B)]
    for step in lab.commits._numbered(steps):
        assert step.updates[:3] == (*PUBLISHED, u.RemoveSnapshots(frozenset({7})))
    (alone,) = lab.commits._numbered(steps[:1])
    assert alone.updates[:3] == (*PUBLISHED, gone)
    born = replace(staged(), refs={AUDIT: 2})
    first, _ = lab.commits._numbered([replace(one, found=loaded(born)) for one in steps])
    assert first.updates[:3] == (*PUBLISHED, gone)


def test_tables_that_only_have_to_stay_are_asked_for_where_it_is_recorded(server: Server, lab: Lab) -> None:
    server.tables[B] = loaded(staged(B))
    steps = [TableCommit(server.tables[A], PUBLISHED), TableCommit(server.tables[B])]
    lab.commits._send(steps, Record(INTENT))
    assert [[one["identifier"]["name"] for one in sent] for sent in server.sent] == [["a", "b"]]
    assert server.together == [1], "one is changed"
    lab.commits._send(steps, UNRECORDED)
    assert [one["identifier"]["name"] for one in server.sent[-1]] == ["a"]
    lab.commits._send(steps[1:], UNRECORDED)
    assert len(server.sent) == 2, "nothing is asked of the server"


def test_what_was_refused_and_is_not_there_is_withdrawn_and_leaves_no_file(
    server: Server, record: Record, lab: Lab
) -> None:
    server.answers = [refused()]
    with pytest.raises(LostRaceError) as caught:
        lab.publish(record)
    assert (caught.value.message, caught.value.hint) == (
        "the REST catalog prod refused the commit",
        "nothing was changed",
    )
    assert record.told == [("withdrawn", INTENT)]
    assert "manifest" not in lab.files()
    assert len(server.sent) == 1


@pytest.mark.parametrize("code", [400, 404, 409, 412])
def test_a_table_that_is_not_as_it_was_read_makes_a_refusal_a_lost_race(
    server: Server, record: Record, lab: Lab, code: int
) -> None:
    server.answers = [refused(code)]
    server.then = lambda: server.tables.update({A: loaded(replace(staged(), version="v9"))})
    with pytest.raises(LostRaceError) as caught:
        lab.publish(record)
    assert caught.value.message == "silver.a: other writers kept changing it while this commit was made"
    assert (caught.value.hint, caught.value.asset) == ("nothing was changed; run it again", A)


def test_a_table_that_went_meanwhile_is_a_lost_race_too(server: Server, record: Record, lab: Lab) -> None:
    server.answers = [refused(404)]
    server.then = server.tables.clear
    with pytest.raises(LostRaceError, match=r"silver\.a: other writers"):
        lab.publish(record)


@pytest.mark.parametrize("code", [400, 404, 412, 403])
def test_any_other_refusal_is_told_as_it_is(server: Server, record: Record, lab: Lab, code: int) -> None:
    server.answers = [refused(code)]
    if code == 403:
        server.then = lambda: server.tables.update({A: loaded(replace(staged(), version="v9"))})
    with pytest.raises(LakeError, match=f"failed: {code}"):
        lab.publish(record)
    assert record.told == [("withdrawn", INTENT)]


def test_what_was_refused_and_is_there_was_made_before(server: Server, record: Record, lab: Lab) -> None:
    server.answers = [refused()]
    server.then = server.make
    assert lab.publish(record) == {A: published()}
    assert record.told == [("settled", INTENT)]


def test_a_refusal_of_which_a_part_is_there_is_settled(server: Server, record: Record, lab: Lab) -> None:
    server.tables[B] = loaded(staged(B))
    both = replace(INTENT, changes=(*INTENT.changes, replace(INTENT.publishes[0], key=B, uuid="silver.b")))
    record.intent, record.ends = both, False
    server.answers = [refused()]
    server.then = lambda: server.tables.update({A: loaded(published())})
    with pytest.raises(LakeError, match="has not made it"):
        lab.publish(record, A, B)
    assert record.told == [("settled", both)]


def test_what_was_lost_is_asked_for_again(server: Server, record: Record, lab: Lab) -> None:
    server.answers = [LOST, LOST, None]
    assert lab.publish(record) == {A: published()}
    assert record.told == [("after", INTENT)]
    assert len(server.sent) == 3
    assert server.sent[0] == server.sent[1] == server.sent[2]


@pytest.mark.parametrize("last", [LOST, UNSENT, refused()])
def test_what_was_lost_to_the_end_is_settled(server: Server, record: Record, lab: Lab, last: Exception) -> None:
    server.answers = [LOST, LOST, last]
    server.becomes, record.ends = {}, False
    with pytest.raises(LakeError) as caught:
        lab.publish(record)
    assert caught.value.message == "the REST catalog prod gave no answer to a commit, and has not made it"
    assert caught.value.hint == "nothing was changed; run it again"
    assert record.told == [("settled", INTENT)]
    assert "manifest" not in lab.files()


def test_what_was_lost_and_is_settled_as_made_keeps_its_files(server: Server, record: Record, lab: Lab) -> None:
    server.answers = [LOST, LOST, LOST]
    server.then = server.make
    assert lab.publish(record) == {A: published()}
    assert record.told == [("settled", INTENT)]
    assert lab.files() == {"manifest", "proof"}


def test_what_never_left_this_machine_is_withdrawn(server: Server, record: Record, lab: Lab) -> None:
    server.answers = [UNSENT]
    with pytest.raises(LakeError, match="away: no route") as caught:
        lab.publish(record)
    assert not isinstance(caught.value, NothingHappenedError)
    assert record.told == [("withdrawn", INTENT)]
    assert "manifest" not in lab.files()
    assert len(server.sent) == 1


def test_what_nothing_records_is_looked_for(server: Server, lab: Lab) -> None:
    server.answers = [LOST, LOST, LOST]
    server.then = server.make
    assert lab.publish(UNRECORDED) == {A: published()}
    server.tables[A] = loaded(staged())
    server.answers, server.then = [refused()], server.make
    assert lab.publish(UNRECORDED) == {A: published()}


def test_what_nothing_records_and_is_not_there_may_still_come(server: Server, lab: Lab) -> None:
    server.answers = [LOST, LOST, LOST]
    with pytest.raises(LakeError, match="away: it was asked for a change that is not there"):
        lab.publish(UNRECORDED)
    assert "manifest" in lab.files(), "nobody knows: its files stay"


def test_a_refusal_after_an_answer_that_was_lost_is_a_refusal_where_nothing_is_recorded(
    server: Server, lab: Lab
) -> None:
    server.answers = [LOST, refused()]
    with pytest.raises(LostRaceError):
        lab.publish(UNRECORDED)


def test_a_plan_that_fails_leaves_nothing(lab: Lab) -> None:
    def plan(_: object, scratch: Any) -> list[TableCommit]:
        scratch.write(str(lab.root / "manifest"), b"files")
        raise ConflictError("main moved")

    with pytest.raises(ConflictError, match="main moved"):
        lab.commits._attempt(frozenset({A}), plan, UNRECORDED)
    assert lab.files() == set()


def test_an_intent_that_may_not_be_written_ends_the_commit(server: Server, record: Record, lab: Lab) -> None:
    def busy() -> None:
        raise BusyError("the lease is gone")

    record.during = busy
    with pytest.raises(BusyError):
        lab.publish(record)
    assert (server.sent, "proof" in lab.files()) == ([], False)


def test_a_table_that_goes_by_the_commit_is_not_among_the_changed(server: Server, record: Record, lab: Lab) -> None:
    server.then = server.tables.clear
    server.becomes = {}
    assert lab.publish(record) == {}


def test_a_look_tells_what_cannot_be_read_by_table_and_what_has_no_table_at_all(
    server: Server, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = LakeError("no metadata", asset=B)

    def load(one: AssetKey) -> LoadedTable | None:
        if one == B:
            raise broken
        return server.tables.get(one)

    monkeypatch.setattr(server, "load", load)
    found = lab.commits.look([A, B, key("silver.none")])
    assert (dict(found.tables), dict(found.broken)) == ({A: staged()}, {B: broken})
    broken.asset = None
    with pytest.raises(LakeError, match="no metadata"):
        lab.commits.look([B])
    assert lab.commits.keys() == {A}
    assert lab.commits.read([A, key("silver.none")]) == {A: loaded(staged())}


@pytest.mark.parametrize(("ahead", "used"), [(-3600, -3600), (0, 0), (20, 20), (20.001, 0), (3600, 0)])
def test_the_time_is_ours_unless_our_clock_is_fast(
    server: Server, database: Database, ahead: float, used: float
) -> None:
    """The server's clock stands at noon, ours is ahead of it by so many seconds."""
    ours = made(server, database, NOON + timedelta(seconds=ahead))
    assert ours._now_ms() == round((NOON.timestamp() + ahead) * 1000), "the server never said its time"
    server.at = NOON.timestamp()
    assert ours._now_ms() == round((NOON.timestamp() + used) * 1000)


HELD = replace(staged(), refs={MAIN: 2, AUDIT: 2, "v1": 1}, log=((NOON, 1),))
MADE: list[tuple[u.Update, bool]] = [
    (u.AddSnapshot({"snapshot-id": 2}), True),
    (u.AddSnapshot({"snapshot-id": 3}), False),
    (u.SetBranch(MAIN, 2), True),
    (u.SetBranch(MAIN, 1), True),
    (u.SetBranch(MAIN, 3), False),
    (u.SetBranch(AUDIT, 2), True),
    (u.SetBranch(AUDIT, 1), False),
    (u.SetTag("v1", 1), True),
    (u.SetTag("v1", 2), False),
    (u.RemoveRef("other"), True),
    (u.RemoveRef(AUDIT), False),
    (u.RemoveSnapshots(frozenset({1})), True),
]


@pytest.mark.parametrize(("update", "is_there"), MADE)
def test_a_commit_is_there_where_all_that_it_was_to_make_is(update: u.Update, is_there: bool) -> None:
    assert _is_made(HELD, update) is is_there
    step = TableCommit(loaded(staged()), (u.RemoveRef("other"), update))
    assert _holds(step, loaded(HELD)) is is_there
    assert not _holds(step, None)


def test_where_nothing_was_to_change_nothing_is_there(lab: Lab) -> None:
    assert not lab.commits._is_there([], None)
    step = TableCommit(loaded(staged()), (u.RemoveRef("other"),))
    assert lab.commits._is_there([step], None)
    assert not lab.commits._is_there([step, replace(step, found=loaded(staged(B)))], None), "a table that is gone"


def test_any_table_that_an_intent_has_changed_says_that_it_is_there(server: Server, lab: Lab) -> None:
    server.tables = {A: loaded(published()), B: loaded(staged(B))}
    both = replace(INTENT, changes=(*INTENT.changes, replace(INTENT.publishes[0], key=B, uuid="silver.b")))
    steps = [TableCommit(loaded(staged(one)), PUBLISHED) for one in (A, B)]
    assert lab.commits._is_there(steps, both)
    server.tables[A] = loaded(staged())
    assert not lab.commits._is_there(steps, both)


def test_versions_are_a_property_of_the_table(server: Server, record: Record, lab: Lab) -> None:
    lab.publish(record)
    assert set(server.sent[0][0]["updates"][-1]["updates"]) == {PROPERTY}


def test_commits_are_made_by_one_way_for_all(lab: Lab, record: Record) -> None:
    plan = partial(lambda found, _: [TableCommit(found[A], PUBLISHED)])
    assert lab.commits.run([A], plan, record) == {A: published()}
