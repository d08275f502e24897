"""A run stops at any point: nothing half is seen, and a retry finishes it without doing anything twice."""

from __future__ import annotations

import pytest

from lakeflow.core.errors import BusyError, UsageError
from lakeflow.core.model.run import RunState
from tests.wap.doubles import Crash
from tests.wap.lab import Lab, states

NAMES = ("bronze.a", "silver.b", "gold.c")
PUBLISHED = [[1, 2], [2, 4], [6]]


def calls_of_a_run(lab: Lab) -> list[str]:
    """Every port call of a materialization, in order."""
    seen: list[str] = []
    lab.gate(seen.append)
    lab.materialize()
    return seen


def chain() -> Lab:
    lab = Lab()
    lab.define("bronze.a", [1, 2], reads=("a.csv",))
    lab.define("silver.b", lambda rows: [2 * number for number in rows["bronze.a"]], "bronze.a")
    lab.define("gold.c", lambda rows: [sum(rows["silver.b"])], "silver.b")
    return lab


CALLS = calls_of_a_run(chain())
POINTS = [(call, CALLS[: place + 1].count(call)) for place, call in enumerate(CALLS)]


@pytest.mark.parametrize(("call", "occurrence"), POINTS)
def test_a_process_that_dies_there_leaves_all_or_nothing_and_the_next_one_finishes_its_work(
    call: str, occurrence: int
) -> None:
    lab = chain()
    lab.crash_at(call, occurrence)
    with pytest.raises(Crash):
        lab.materialize()
    lab.reopen()
    seen = [lab.rows(name) for name in NAMES]
    assert seen in ([None] * 3, PUBLISHED)
    if lab.ledger.runs() and lab.run().state is not RunState.PUBLISHED:
        assert states(lab.retry("r1"))["run"] == "published"
    elif seen != PUBLISHED:
        lab.materialize()
    assert [lab.rows(name) for name in NAMES] == PUBLISHED
    assert not any(lab.branches(name) for name in NAMES)
    assert lab.is_fresh()
    with pytest.raises(UsageError):
        lab.retry("r1")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, SystemExit])
@pytest.mark.parametrize(("call", "occurrence"), POINTS)
def test_an_exception_that_passes_through_takes_nothing_back_and_leaves_a_run_that_a_retry_finishes(
    call: str, occurrence: int, error: type[BaseException]
) -> None:
    lab = chain()
    passed: list[str] = []

    def gate(now: str) -> None:
        passed.append(now)
        if now == call and passed.count(call) == occurrence:
            raise error

    lab.gate(gate)
    with pytest.raises(error):
        lab.materialize()
    lab.gate(lambda _: None)
    seen = [lab.rows(name) for name in NAMES]
    if seen == PUBLISHED:
        assert lab.run().state is RunState.PUBLISHED
    elif lab.ledger.runs():
        assert states(lab.retry("r1"))["run"] == "published"
    else:
        lab.reopen()
        lab.materialize()
    assert [lab.rows(name) for name in NAMES] == PUBLISHED
    assert lab.is_fresh()


def test_an_interrupted_run_is_abandoned_and_says_so(lab: Lab) -> None:
    def interrupt(call: str) -> None:
        if call == "auditor.audit>":
            raise KeyboardInterrupt

    lab.gate(interrupt)
    with pytest.raises(KeyboardInterrupt):
        lab.materialize()
    lab.gate(lambda _: None)
    assert (lab.run().state, lab.run().reason) == (RunState.ABANDONED, "interrupted")
    again = lab.retry("r1")
    assert (again.state, again.reason, again.attempt) == (RunState.PUBLISHED, "", 2)


def test_a_fault_of_ours_leaves_a_failed_run_that_names_it(lab: Lab) -> None:
    def fault(call: str) -> None:
        if call == "auditor.audit>":
            raise ZeroDivisionError

    lab.gate(fault)
    with pytest.raises(ZeroDivisionError):
        lab.materialize()
    assert (lab.run().state, lab.run().reason) == (RunState.FAILED, "stopped by ZeroDivisionError")


def test_a_database_that_is_busy_at_the_commit_leaves_a_failed_run_not_a_running_one(lab: Lab) -> None:
    def locked(call: str) -> None:
        if call == "catalog.commit>":
            raise BusyError("the database is locked")

    lab.gate(locked)
    with pytest.raises(BusyError):
        lab.materialize()
    lab.gate(lambda _: None)
    assert lab.run().state is RunState.FAILED
    assert states(lab.retry("r1"))["run"] == "published"


def test_whoever_writes_next_marks_a_dead_run_abandoned(lab: Lab) -> None:
    lab.crash_at("auditor.audit>")
    with pytest.raises(Crash):
        lab.materialize()
    assert lab.run().state is RunState.RUNNING
    lab.reopen()
    ended: list[RunState] = []
    lab.at("auditor.audit<", lambda: ended.append(lab.run("r1").state))
    assert states(lab.materialize())["run"] == "published"
    assert ended[0] is RunState.ABANDONED
    assert lab.run("r1").state is RunState.SUPERSEDED, "what it left was written anew"


def test_a_living_run_cannot_be_retried_discarded_or_published(lab: Lab) -> None:
    refused: list[str] = []

    def meanwhile() -> None:
        for verb in (lab.retry, lab.discard, lab.publish):
            with pytest.raises(BusyError):
                verb("r1")
            refused.append(verb.__name__)

    lab.at("auditor.audit<", meanwhile)
    assert states(lab.materialize())["run"] == "published"
    assert refused == ["retry", "discard", "publish"]


@pytest.mark.long
@pytest.mark.parametrize("verb", ["publish", "discard", "rollback"])
def test_a_decision_that_dies_at_any_call_can_be_made_again(verb: str) -> None:
    """At every port call of the decision, as many as there are."""
    for point in range(1, 60):
        lab = chain()
        lab.check("gold.c", lambda *_: False)
        lab.materialize(all_or_nothing=verb != "rollback")
        lab.check("gold.c", lambda *_: True)
        if not died_at(lab, point, verb):
            break
        after_the_crash(lab, verb)
        assert not any(lab.branches(name) for name in NAMES)
    else:
        raise AssertionError("the decision never ran to its end")


def died_at(lab: Lab, point: int, verb: str) -> bool:
    left = [point]

    def gate(_: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            lab.dead = True
            raise Crash

    lab.gate(gate)
    try:
        getattr(lab, verb)("r1")
    except Crash:
        lab.reopen()
        return True
    return False


def after_the_crash(lab: Lab, verb: str) -> None:
    done = {"publish": PUBLISHED, "discard": [None] * 3, "rollback": [None] * 3}[verb]
    left = {"publish": RunState.PUBLISHED, "discard": RunState.DISCARDED, "rollback": RunState.ROLLED_BACK}[verb]
    if lab.run().state is left:
        with pytest.raises(UsageError):
            getattr(lab, verb)("r1")
    else:
        getattr(lab, verb)("r1")
    assert [lab.rows(name) for name in NAMES] == done
    assert lab.run().state is left
