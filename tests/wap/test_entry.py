"""What an entry tells the ledger of each note, within a transaction and without one."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from lakeflow.core.care.garbage import Dropped
from lakeflow.core.intents.intent import Forgotten, HandedOver, NameNote, Note, Repinned, RunNote
from lakeflow.core.model.changes import Drop
from lakeflow.core.model.run import Holder, Lease, RunRecord, RunState
from lakeflow.wap.entry import RunEntry
from tests.core.samples import NOON, key, verdict

A, B = key("silver.a"), key("silver.b")
LEASE = Lease("r1", "token", frozenset({A}), Holder("here", "boot", 1, "now"))
RUN = RunRecord("r1", RunState.PUBLISHED, NOON)
GONE = Dropped(A, "u", "v1", "r1", NOON)
PLACES: list[Note] = [HandedOver("pr", (), {}), Repinned("pr", {}), Forgotten("pr")]


@dataclass
class Told:
    """A ledger that notes what it is told."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return lambda *said: self.calls.append((name, *said))


def entry(told: Told, *notes: Note, environment: str = "") -> RunEntry:
    world = SimpleNamespace(ledger=told, environment=environment)
    return RunEntry(cast("Any", world), LEASE, (Drop(A, "v1"),), notes)


def test_each_note_is_recorded_in_the_transaction_and_in_its_order() -> None:
    told, said = Told(), (verdict("silver.a", 1),)
    transaction: Any = object()
    entry(told, RunNote(RUN, said), NameNote(A, B), GONE, *PLACES).within(transaction)
    assert told.calls == [
        ("record", transaction, LEASE, RUN, said),
        ("rename", transaction, A, B),
        ("drop", transaction, GONE),
        *(("note_environment", transaction, LEASE, note) for note in PLACES),
    ]


def test_an_intent_says_what_is_about_to_change_and_whose_ledger_records_it() -> None:
    told, note = Told(), RunNote(RUN)
    made = entry(told, note, environment="pr").before({A: "v1"})
    assert told.calls == [("intend", made, LEASE)]
    assert (made.token, made.changes, made.notes) == ("token", (Drop(A, "v1"),), (note,))
    assert (made.seen, made.environment, len(made.id)) == ({A: "v1"}, "pr", 16)
    assert entry(told).before({}).environment == ""
    assert entry(told).before({}).id != made.id


def test_the_same_entry_may_be_of_other_changes() -> None:
    one, other = entry(Told(), GONE), (Drop(B, "v2"),)
    found = one.about(cast("Any", other))
    assert (found.changes, found.notes, found.lease, found.world) == (other, one.notes, LEASE, one.world)


def test_what_was_not_intended_is_neither_fulfilled_nor_withdrawn() -> None:
    told = Told()
    one = entry(told)
    made = one.before({})
    told.calls.clear()
    one.after(None)
    one.withdrawn(None)
    assert (one.settled(None), told.calls) == (False, [])
    one.after(made)
    one.withdrawn(made)
    assert told.calls == [("fulfil", made), ("withdraw", made)]
