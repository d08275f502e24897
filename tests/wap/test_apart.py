"""A catalog that shares no transaction with the ledger: whatever dies, comes late or is lost, a commit is all there and
recorded, or not there and never will be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from lakeflow.core.errors import ConflictError, LakeError, UsageError
from lakeflow.core.model.changes import Change, Publish, fenced
from lakeflow.core.model.run import RunState
from lakeflow.core.ports.entry import Entry
from tests.core.samples import key, keys
from tests.memory import LostAnswerError, MemoryServer
from tests.wap.doubles import Crash
from tests.wap.lab import Lab, chain, states

NAMES = ("bronze.a", "silver.b", "gold.c")
KEYS = keys(" ".join(NAMES))
PUBLISHED = [[1, 2], [2, 4], [6]]


class Watched(MemoryServer):
    """Keeps what it was asked to publish."""

    def commit(self, changes: Sequence[Change], entry: Entry) -> object:  # type: ignore[override]
        if any(isinstance(change, Publish) for change in changes):
            self.asked = [*changes]
        return super().commit(changes, entry)


def calls_of_a_run() -> list[str]:
    lab, seen = chain(Watched), list[str]()
    lab.gate(seen.append)
    lab.materialize()
    return seen


CALLS = calls_of_a_run()
POINTS = [(call, CALLS[: place + 1].count(call)) for place, call in enumerate(CALLS)]
MOMENTS = (0, 1, 2, 3)


def unruled(lab: Lab) -> list[int]:
    """What a run of ours wrote and readers of main see without a verdict."""
    said = lab.ledger.verdicts(KEYS)
    tables = lab.catalog.load(KEYS)
    seen = {
        each: [s.id for s in table.ancestry(table.main) if "lakeflow.run" in s.summary]
        for each, table in tables.items()
    }
    return [id_ for each, ids in seen.items() for id_ in ids if id_ not in {one.snapshot_id for one in said[each]}]


def end_well(lab: Lab) -> None:
    """The next process finishes what there is to do, and nothing is left over."""
    lab.reopen()
    lab.catalog.moment = lambda _: None
    if lab.ledger.runs() and lab.run().state is not RunState.PUBLISHED:
        try:
            lab.retry(lab.ledger.runs()[0])
        except UsageError:
            assert lab.run().state is RunState.PUBLISHED, "what the dead process did was found done"
    elif [lab.rows(name) for name in NAMES] != PUBLISHED:
        lab.materialize()
    assert [lab.rows(name) for name in NAMES] == PUBLISHED
    assert not any(lab.branches(name) for name in NAMES)
    assert not any(ref.startswith(fenced("")) for table in lab.catalog.load(KEYS).values() for ref in table.refs)
    assert lab.ledger.intents().open == ()
    assert unruled(lab) == []
    assert {run.state for run in lab.ledger.runs()} == {RunState.PUBLISHED}


@pytest.mark.parametrize(("call", "occurrence"), POINTS)
def test_a_process_that_dies_at_any_call_is_finished_by_the_next_one(call: str, occurrence: int) -> None:
    lab = chain(Watched)
    lab.crash_at(call, occurrence)
    with pytest.raises(Crash):
        lab.materialize()
    end_well(lab)


def dying(lab: Lab, at: int) -> Callable[[int], None]:
    def moment(now: int) -> None:
        if now == at:
            lab.dead = True
            raise Crash("while the server was at work")

    return moment


@pytest.mark.parametrize("at", MOMENTS)
def test_a_process_that_dies_while_the_server_is_at_work_leaves_nothing_torn(at: int) -> None:
    lab = chain(Watched)
    lab.catalog.moment = dying(lab, at)
    with pytest.raises(Crash):
        lab.materialize()
    end_well(lab)


@pytest.mark.parametrize("at", MOMENTS)
def test_a_lost_answer_is_resolved_by_looking(at: int) -> None:
    lab = chain(Watched)

    def lost(now: int) -> None:
        if now == at:
            lab.catalog.moment = lambda _: None
            raise LostAnswerError

    lab.catalog.moment = lost
    if at == 0:
        with pytest.raises(LakeError, match="took none"):
            lab.materialize()
    else:
        assert lab.materialize().state is RunState.PUBLISHED
    end_well(lab)


def test_a_request_that_comes_after_its_intent_was_given_up_is_refused() -> None:
    lab = chain(Watched)
    lab.catalog.moment = dying(lab, 0)
    with pytest.raises(Crash):
        lab.materialize()
    late = lab.catalog.asked
    lab.reopen()
    lab.catalog.moment = lambda _: None
    lab.discard("r1")
    with pytest.raises(ConflictError):
        lab.catalog.late(late)
    assert [lab.rows(name) for name in NAMES] == [None] * 3


def test_a_branch_that_nobody_dropped_after_its_publish_was_given_up_goes_with_the_next_run() -> None:
    lab = chain(Watched)
    lab.catalog.moment = dying(lab, 0)
    with pytest.raises(Crash):
        lab.materialize()
    lab.reopen()
    lab.catalog.moment = lambda _: None
    lab.crash_at("ledger.withdraw<")
    with pytest.raises(Crash):
        lab.retry("r1")
    end_well(lab)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_request_that_comes_again_after_it_was_finished_is_refused(at: int) -> None:
    lab = chain(Watched)
    lab.catalog.moment = dying(lab, at)
    with pytest.raises(Crash):
        lab.materialize()
    late = lab.catalog.asked
    end_well(lab)
    with pytest.raises(ConflictError):
        lab.catalog.late(late)
    assert [lab.rows(name) for name in NAMES] == PUBLISHED


def test_what_cannot_be_finished_is_put_back_and_said() -> None:
    """Another engine moved the main of a table that the server had not come to."""
    lab = chain(Watched)
    lab.materialize()
    lab.define("silver.b", lambda rows: [3 * number for number in rows["bronze.a"]], "bronze.a")
    lab.catalog.moment = dying(lab, 1)
    with pytest.raises(Crash):
        lab.materialize("silver.b gold.c")
    lab.foreign_append("gold.c", [7])
    lab.reopen()
    lab.catalog.moment = lambda _: None
    lab.define("bronze.d", [5])
    lab.materialize("bronze.d")
    run = lab.run("r2")
    assert run.state is RunState.CONFLICT
    assert "published silver.b and not gold.c" in run.reason
    assert lab.rows("silver.b") == [2, 4], "readers have again what they had before"
    assert lab.rows("gold.c") == [6, 7]
    assert lab.ledger.intents().open == ()
    assert unruled(lab) == []
    assert lab.retry("r2").state is RunState.PUBLISHED
    assert lab.rows("gold.c") == [9], "made anew on what there is now"


def test_a_conflict_leaves_no_intent() -> None:
    lab = chain(Watched)
    lab.at("catalog.commit>", lambda: lab.foreign_append("silver.b", [9]))
    lab.materialize("bronze.a")
    assert lab.ledger.intents().open == ()
    assert states(lab.run())["bronze.a"] == "published"
    assert lab.catalog.load([key("bronze.a")])[key("bronze.a")].main
