"""An intent as a row: whatever was about to be changed and recorded is read back by another process, as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import intents
from lakeflow.core.intents.intent import Forgotten, HandedOver, Intent, NameNote, Note, Repinned, RunNote
from lakeflow.core.model.changes import Adopt, Change, Drop, LetGo, Promote, Registration, Rename, Retract
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, MoveNote, Ruling, RunState
from lakeflow.core.model.table import Pinned
from lakeflow.core.ports.database import sql
from tests.contracts.suites.examples import ALPHA, BETA, GAMMA
from tests.contracts.suites.intents_contract import CHANGES, DROPPED
from tests.contracts.suites.ledger_contract import BIG, START, STEP, run, verdict

NOTE = MoveNote(Ruling.FORCED, "r1", "ada", "because", ("code changed",), 3, 4)
EVERY = (
    *CHANGES,
    LetGo(ALPHA, {"env_pr": 7, "env_pr__audit_r1": BIG}, frozenset({7, BIG})),
    Promote(ALPHA, "uuid", "env_pr", None, BIG, NOTE, refused="refused_env_pr"),
    Retract(BETA, "uuid", "env_pr", 7, BIG),
)
TWO_CHECKS = (
    CheckResult("first", Outcome.PASSED, rows=3),
    CheckResult("second", Outcome.FAILED, failed_rows=1, samples=({"id": "7", "who": None},)),
)
STEPS = (replace(STEP, checks=TWO_CHECKS), replace(STEP, asset=BETA, checks=(), ended_at=START))
NOTES: tuple[Note, ...] = (
    RunNote(run(state=RunState.PUBLISHED, ended_at=START, steps=STEPS), (verdict(), verdict(asset=BETA))),
    RunNote(run("r2")),
    NameNote(ALPHA, GAMMA),
    DROPPED,
    HandedOver("pr", (verdict(), verdict(asset=BETA)), {ALPHA: Pinned("uuid", 7), BETA: Pinned("uuid-2", None)}),
    Repinned("pr", {ALPHA: Pinned("uuid", 7), BETA: Pinned("uuid-2", None)}),
    Forgotten("pr"),
)


def intent(id_: str = "i1", **other: Any) -> Intent:
    seen = {ALPHA: "s3://lake/1.json", BETA: ""}
    return replace(Intent(id_, "token", EVERY, NOTES, seen, "pr"), **other)


def test_every_kind_of_change_is_among_them() -> None:
    assert {type(change) for change in EVERY} == {*get_args(Change), *get_args(Registration)}
    assert {type(note) for note in NOTES} == {*get_args(Note)}


@pytest.mark.parametrize("change", EVERY, ids=lambda change: type(change).__name__)
def test_a_change_is_read_as_it_was_written(change: Change | Registration) -> None:
    made = intent(changes=(change,), notes=())
    found = intents.read("i1", "token", intents.written(made))
    assert found == made
    assert type(found.changes[0]) is type(change)


@pytest.mark.parametrize("note", NOTES, ids=lambda note: type(note).__name__)
def test_a_note_is_read_as_it_was_written(note: Note) -> None:
    made = intent(changes=(), notes=(note,))
    assert intents.read("i1", "token", intents.written(made)) == made


def test_an_intent_stands_with_all_that_it_says_until_it_is_settled_once(database: Database) -> None:
    with database.transaction() as connection:
        for each in (intent(), intent("i2", token="other", environment="")):
            intents.make(connection, each, "2026-01-01")
        standing = intents.standing(connection)
        assert standing.open == (intent(), intent("i2", token="other", environment=""))
        assert standing.last == 2
        assert intents.settle(connection, intent(), "fulfilled") is True
        assert intents.settle(connection, intent(), "withdrawn") is False
        after = intents.standing(connection)
        assert [each.id for each in after.open] == ["i2"]
        assert after.last == 2
        said = connection.execute(sql("select * from lakeflow_intents order by id")).all()
        assert [(row.id, row.made_at, row.outcome) for row in said] == [
            ("i1", "2026-01-01", "fulfilled"),
            ("i2", "2026-01-01", None),
        ]


def test_no_intent_was_ever_made(database: Database) -> None:
    with database.read() as connection:
        assert intents.standing(connection).last == 0
        assert intents.standing(connection).open == ()


@pytest.mark.parametrize("change", [Adopt(ALPHA, "at", ""), Rename(ALPHA, BETA, "at", ""), Drop(ALPHA, "at")])
def test_what_an_older_release_wrote_is_read(change: Registration) -> None:
    made = intent(changes=(change,), notes=(), environment="")
    said = json.loads(intents.written(made))
    del said["environment"], said["changes"][0]["said"]["uuid"]
    assert intents.read("i1", "token", json.dumps(said)) == made
