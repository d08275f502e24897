"""Some assets of a run are discarded, and the others can still be published."""

from __future__ import annotations

import pytest

from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import Lease, RunRecord, RunState, StepRecord, StepState
from tests.core.samples import key
from tests.wap.lab import ACTOR, Lab, states


@pytest.fixture
def held(lab: Lab) -> Lab:
    """Of run r1 `bronze.a` is published and `silver.b` and `silver.x` are held, each by a check of its own."""
    lab.assets.pop(key("gold.c"))
    lab.define("silver.x", lambda rows: rows["bronze.a"], "bronze.a")
    lab.check("silver.b", lambda *_: False)
    lab.check("silver.x", lambda *_: False)
    lab.materialize()
    return lab


@pytest.fixture
def chained(lab: Lab) -> Lab:
    """Of run r1 nothing is published, since `gold.c` failed its check, which was made from `silver.b`."""
    lab.check("gold.c", lambda *_: False)
    lab.materialize(all_or_nothing=True)
    return lab


def step(run: RunRecord, name: str) -> StepRecord:
    (found,) = (each for each in run.steps if each.asset == key(name))
    return found


def refusal(lab: Lab, names: str) -> tuple[str, str]:
    with pytest.raises(UsageError) as caught:
        lab.discard("r1", names)
    return caught.value.message, caught.value.hint or ""


def test_what_is_selected_loses_its_branch_and_the_rest_waits_on(held: Lab) -> None:
    run = held.discard("r1", "silver.x")
    assert states(run) == {
        "run": "held",
        "bronze.a": "published",
        "silver.b": "held",
        "silver.x": "discarded",
    }
    assert (held.branches("silver.x"), held.branches("silver.b")) == ([], ["audit_r1"])
    gone, stays = step(run, "silver.x"), step(run, "silver.b")
    assert gone.reason == f"discarded by {ACTOR}"
    assert gone.ended_at is not None
    assert gone.ended_at > (stays.ended_at or gone.ended_at)
    assert stays.reason != gone.reason
    assert held.run() == run


def test_what_waits_on_can_be_published_and_what_was_discarded_cannot(held: Lab) -> None:
    held.discard("r1", "silver.x")
    held.check("silver.b", lambda *_: True)
    published = held.publish("r1")
    assert states(published)["silver.b"] == "published"
    assert step(published, "silver.x").state is StepState.DISCARDED
    assert held.rows("silver.x") is None


def test_once_the_last_that_waits_is_discarded_the_whole_run_is(held: Lab) -> None:
    held.discard("r1", "silver.x")
    run = held.discard("r1", "silver.b")
    assert run.state is RunState.DISCARDED
    assert held.branches("silver.b") == []
    assert run.reason == f"discarded by {ACTOR}"


def test_a_selection_of_nothing_that_waits_is_refused_and_nothing_changes(held: Lab) -> None:
    held.discard("r1", "silver.x")
    nothing = ("run r1 has nothing to discard of what you selected", "`lakeflow runs r1` shows what it left")
    for names in ("bronze.a", "silver.x", "gold.unknown"):
        assert refusal(held, names) == nothing
    assert held.branches("silver.b") == ["audit_r1"]


def test_what_others_were_made_from_is_discarded_with_them_or_not_at_all(chained: Lab) -> None:
    assert refusal(chained, "silver.b") == (
        "gold.c was made from silver.b as this run wrote it",
        "select both: `lakeflow discard r1 silver.b gold.c`",
    )
    assert chained.branches("silver.b") == ["audit_r1"]
    assert chained.discard("r1", "silver.b gold.c").state is RunState.HELD
    assert chained.branches("silver.b") == chained.branches("gold.c") == []
    assert chained.branches("bronze.a") == ["audit_r1"]
    assert chained.discard("r1").state is RunState.DISCARDED
    assert chained.branches("bronze.a") == []


def test_the_end_of_a_chain_may_go_alone(chained: Lab) -> None:
    run = chained.discard("r1", "gold.c")
    assert states(run) == {"run": "held", "bronze.a": "held", "silver.b": "held", "gold.c": "discarded"}


def test_a_run_of_which_nothing_waits_is_told_by_the_word_that_was_typed(lab: Lab) -> None:
    lab.materialize()
    with pytest.raises(UsageError) as caught:
        lab.discard("r1")
    assert caught.value.message == "run r1 is published: there is nothing to discard"


def test_while_another_run_holds_what_waits_nothing_is_discarded(held: Lab) -> None:
    """The lease is asked for just the assets that did not reach readers."""
    asked: list[set[str]] = []
    acquire = held.ledger.acquire

    def acquired(lease: Lease) -> tuple[str, ...]:
        asked.append({str(each) for each in lease.assets})
        found: tuple[str, ...] = acquire(lease)
        return found

    held.ledger.acquire = acquired
    held.discard("r1")
    assert asked == [{"silver.b", "silver.x"}]
