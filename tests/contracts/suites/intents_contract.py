"""What every ledger promises of intents, which stand for commits in a catalog with a database of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lakeflow.core.care.garbage import Dropped
from lakeflow.core.errors import BusyError
from lakeflow.core.intents.intent import Intent, NameNote, RunNote
from lakeflow.core.model.changes import Adopt, Discard, Drop, Pin, Publish, Rename, Rollback, Stay, Tag, Untag
from lakeflow.core.model.run import MoveNote, Ruling, RunState, StepRecord
from lakeflow.core.ports.ledger import Ledger
from tests.contracts.suites.examples import ALPHA, BETA, GAMMA
from tests.contracts.suites.ledger_contract import BIG, START, STEP, THERE, LedgerContract, lease, run, verdict

CHANGES = (
    Publish(
        *(ALPHA, "uuid", "audit_r1", None, BIG, '{"a": "\N{SNOWMAN}"}', 5),
        needed=frozenset({BIG - 1}),
        since=START,
        note=MoveNote(Ruling.PUBLISH, "r1", "ada", "because", ("code changed",), 3, 4),
    ),
    Discard(ALPHA, "audit_r0", BIG),
    Rollback(BETA, BIG, None),
    Pin(BETA, 7),
    Stay(BETA, None),
    Tag(BETA, "v1", 7),
    Untag(BETA, "v0", 7),
    Adopt(GAMMA, "s3://lake/a b.json", "uuid"),
    Rename(GAMMA, BETA, "s3://lake/a b.json", "uuid"),
    Drop(GAMMA, "s3://lake/a b.json", "uuid"),
)
ENDED = run(state=RunState.PUBLISHED, ended_at=START, steps=(STEP, StepRecord(BETA)), reason="odd \x00 \ud800 text")
DROPPED = Dropped(GAMMA, "uuid-1", "s3://lake/x.json", "r1", START)


def intent(id_: str = "i1", **changes: object) -> Intent:
    notes = (RunNote(run(state=RunState.PUBLISHED, steps=(STEP,)), (verdict(),)), DROPPED)
    return replace(Intent(id_, lease("r1").token, CHANGES, notes, {ALPHA: "s3://lake/1.json"}), **changes)  # type: ignore[arg-type] # fields by name


class WholeLedgerContract(LedgerContract):
    def test_an_intent_comes_back_exactly_and_is_no_record_yet(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1"))
        ledger.intend(intent(), lease("r1"))
        assert ledger.intents().open == (intent(),)
        assert ledger.runs() == ()
        assert ledger.verdicts([ALPHA]) == {ALPHA: ()}

    def test_a_fulfilled_intent_is_recorded_as_a_commit_would_be(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1"))
        ledger.save(run())
        ledger.intend(intent(), lease("r1"))
        ledger.fulfil(ledger.intents().open[0])
        assert ledger.intents().open == ()
        assert ledger.run("r1") == run(state=RunState.PUBLISHED, steps=(STEP,))
        assert ledger.verdicts([ALPHA]) == {ALPHA: (verdict(),)}
        assert ledger.dropped() == (DROPPED,)

    def test_a_renaming_is_recorded_once_it_has_happened(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1"))
        ledger.save(run(), [verdict()])
        ledger.intend(intent(notes=(NameNote(ALPHA, GAMMA),)), lease("r1"))
        assert ledger.verdicts([GAMMA]) == {GAMMA: ()}
        ledger.fulfil(ledger.intents().open[0])
        assert ledger.verdicts([GAMMA]) == {GAMMA: (replace(verdict(), asset=GAMMA),)}

    def test_a_withdrawn_intent_records_nothing(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1"))
        ledger.save(run())
        ledger.intend(intent(), lease("r1"))
        ledger.withdraw(intent())
        assert ledger.intents().open == ()
        assert ledger.run("r1") == run()

    @pytest.mark.parametrize("first", ["fulfil", "withdraw"])
    @pytest.mark.parametrize("then", ["fulfil", "withdraw"])
    def test_an_intent_ends_once_whoever_comes_after(self, ledger: Ledger, first: str, then: str) -> None:
        ledger.acquire(lease("r1"))
        ledger.save(run())
        ledger.intend(intent(), lease("r1"))
        getattr(ledger, first)(intent())
        ended = ledger.run("r1")
        getattr(ledger, then)(replace(intent(), notes=(RunNote(run(state=RunState.FAILED)),)))
        assert ledger.run("r1") == ended

    def test_who_lost_the_lease_intends_nothing(self, ledger: Ledger) -> None:
        with pytest.raises(BusyError, match="lost its lease"):
            ledger.intend(intent(), lease("r1", holder=THERE))
        assert ledger.intents().open == ()

    def test_two_looks_that_are_equal_had_no_intent_between_them(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1"))
        before = ledger.intents()
        assert ledger.intents() == before
        ledger.intend(intent(), lease("r1"))
        during = ledger.intents()
        ledger.withdraw(intent())
        after = ledger.intents()
        assert before != during != after != before

    def test_open_intents_come_oldest_first(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1"))
        for id_ in ("b", "a", "c"):
            ledger.intend(intent(id_), lease("r1"))
        ledger.withdraw(intent("a"))
        assert [one.id for one in ledger.intents().open] == ["b", "c"]

    def test_odd_texts_of_an_intent_are_stored_as_a_saved_run_stores_them(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1"))
        ledger.intend(intent(notes=(RunNote(ENDED),)), lease("r1"))
        ledger.fulfil(ledger.intents().open[0])
        intended, saved = ledger.run("r1"), replace(ENDED, id="r2", started_at=START - timedelta(seconds=1))
        ledger.save(saved)
        assert intended.reason == ledger.run("r2").reason
