"""Whatever changes, fails and is decided: hourly runs come to rest, and what they leave is bounded by what changed."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lakeflow import wap
from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import RunRecord, StepState, waiting
from tests.core.samples import key
from tests.explored import explored
from tests.wap.lab import Lab

NAMES = ("bronze.a", "silver.b", "silver.d", "gold.c")
UPSTREAMS = {"bronze.a": "", "silver.b": "bronze.a", "silver.d": "bronze.a", "gold.c": "silver.b silver.d"}
PER_CHANGE = 2
"""The most runs that one change makes: one that tries it, and one that audits what the first could only wait with."""

actions = st.one_of(
    st.tuples(st.just("code"), st.sampled_from(NAMES), st.integers(1, 3)),
    st.tuples(st.just("check"), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.sampled_from(["discard", "retry", "publish", "nothing"]), st.just(""), st.just(0)),
    st.tuples(st.just("alone"), st.sampled_from(NAMES), st.just(0)),
)


def lab() -> Lab:
    made = Lab()
    made.policy = wap.Policy(retry_pause=0.0, keep_held=0.0)
    for name in NAMES:
        define(made, name, 1)
        made.check(name, lambda *_: True)
    return made


def define(made: Lab, name: str, factor: int) -> None:
    if name == "bronze.a":
        made.define(name, [factor, 2], reads=("a.csv",))
    else:
        made.define(name, lambda rows: [factor * sum(sum(each) for each in rows.values())], UPSTREAMS[name])


def hour(made: Lab, names: str = "") -> RunRecord | None:
    return wap.materialize(made.world, made._request(names), lambda _: None)


def act(made: Lab, what: str, name: str, how: Any) -> None:
    newest: list[RunRecord] = [run for run in made.ledger.runs(999) if run.left]
    match what:
        case "code":
            define(made, name, how)
        case "check":
            made.check(name, lambda *_: how)
        case "alone":
            with suppress(UsageError):
                hour(made, name)
        case "discard" | "retry" | "publish" if newest:
            with suppress(UsageError):
                {"discard": made.discard, "retry": made.retry, "publish": made.publish}[what](newest[0].id)


@explored(60)
@given(st.lists(actions, min_size=1, max_size=6))
def test_hourly_runs_come_to_rest_after_each_change_and_leave_a_bounded_number_of_runs_and_branches(
    story: list[tuple[str, str, Any]],
) -> None:
    made = lab()
    assert hour(made) is not None
    changes = 1
    for what, name, how in story:
        act(made, what, name, how)
        changes += 1
        for _ in range(PER_CHANGE):
            hour(made)
        before = len(made.ledger.runs(999))
        assert hour(made) is None, "nothing changed any more"
        assert len(made.ledger.runs(999)) == before
        assert before <= (PER_CHANGE + 1) * changes
        for each in NAMES:
            assert len(made.branches(each)) <= 2, "what is held, and what was superseded last"
        steps = [step for run in waiting(made.ledger.runs(999)) for step in run.steps]
        open_ = Counter(step.asset for step in steps if step.open and step.state is not StepState.SKIPPED)
        assert all(number == 1 for number in open_.values()), open_
        held = {one.asset for one in wap.plan(made.world, made._request("")).held}
        assert held <= {key(each) for each in NAMES}
