"""What somebody decides is done in the catalog and recorded, or neither, also where these share no transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lakeflow import wap
from lakeflow.core.errors import LakeError
from lakeflow.core.model.run import RunState
from tests.core.samples import key
from tests.memory import LostAnswerError, MemoryServer
from tests.wap.doubles import Crash, Ticking
from tests.wap.lab import Lab

Decide = Callable[[Lab], object]
NAMES = ("bronze.a", "silver.b", "gold.c", "silver.new")


def published() -> Lab:
    """Two runs on main (r1, r3), a tag between them (r2), and a run that is held (r4)."""
    clock = Ticking()
    lab = Lab(MemoryServer(clock), clock=clock)
    lab.define("bronze.a", [1, 2], reads=("a.csv",))
    lab.define("silver.b", lambda rows: [2 * number for number in rows["bronze.a"]], "bronze.a")
    lab.materialize()
    lab.tag("q1")
    lab.define("silver.b", lambda rows: [3 * number for number in rows["bronze.a"]], "bronze.a")
    lab.define("gold.c", lambda rows: [sum(rows["silver.b"])], "silver.b")
    lab.materialize("silver.b gold.c")
    lab.define("gold.c", lambda rows: [-sum(rows["silver.b"])], "silver.b")
    lab.check("gold.c", lambda rows, _: rows[0] > 0)
    lab.materialize("gold.c")
    return lab


def renamed(lab: Lab) -> None:
    silver = lab.assets.pop(key("silver.b"))
    lab.define("silver.new", lab.engine.recipes[silver.code_version], "bronze.a", renamed_from=key("silver.b"))
    lab.materialize("silver.new")


def dropped(lab: Lab) -> None:
    del lab.assets[key("gold.c")]
    wap.drop(lab.world, key("gold.c"))


DECISIONS: dict[str, Decide] = {
    "discard": lambda lab: lab.discard("r4"),
    "rollback": lambda lab: lab.rollback("r3"),
    "return": lambda lab: lab.return_to("silver.b", lab.table("silver.b").refs["q1"], force=True),
    "tag": lambda lab: lab.tag("q2"),
    "untag": lambda lab: lab.untag("q1"),
    "drop": dropped,
    "rename": renamed,
}


def observed(lab: Lab) -> Any:
    """What readers see, which refs there are, and how the runs of before stand."""
    tables = lab.catalog.load(map(key, NAMES))
    refs = {name: {ref for ref in table.refs if not ref.startswith("audit_r5")} for name, table in tables.items()}
    held = {str(name): (lab.rows(str(name)), sorted(refs[name])) for name in tables}
    return held, {run.id: run.state for run in lab.ledger.runs() if run.id in {"r1", "r3", "r4"}}


def settled(lab: Lab) -> Any:
    """What is observed once another process has come to work."""
    lab.reopen()
    lab.catalog.moment = lambda _: None
    lab.define("bronze.other", [5])
    lab.materialize("bronze.other")
    assert lab.ledger.intents().open == ()
    return observed(lab)


def moments_of(decide: Decide) -> int:
    lab, seen = published(), list[int]()
    lab.catalog.moment = seen.append
    decide(lab)
    return len(seen)


CASES = [(name, at) for name, decide in DECISIONS.items() for at in range(moments_of(decide))]


@pytest.mark.parametrize(("name", "at"), CASES)
def test_a_process_that_dies_in_the_middle_of_a_decision_leaves_it_done_or_not_begun(name: str, at: int) -> None:
    decide, lab, done = DECISIONS[name], published(), published()
    decide(done)
    before, after = observed(lab), observed(done)
    left = iter(range(at, -1, -1))

    def dies(_: int) -> None:
        if next(left) == 0:
            lab.dead = True
            raise Crash("while the server was at work")

    lab.catalog.moment = dies
    with pytest.raises(Crash):
        decide(lab)
    assert settled(lab) in (before, after)


@pytest.mark.parametrize(("name", "at"), CASES)
def test_a_decision_whose_answer_was_lost_is_looked_for(name: str, at: int) -> None:
    decide, lab, done = DECISIONS[name], published(), published()
    decide(done)
    before, after = observed(lab), observed(done)
    left = iter(range(at, -1, -1))

    def loses(_: int) -> None:
        if next(left, -1) == 0:
            raise LostAnswerError

    lab.catalog.moment = loses
    refused = why_not(lambda: decide(lab))
    assert refused in (None, "the server took none of it")
    assert settled(lab) == (before if refused else after)


def test_a_publish_that_was_given_up_takes_its_branch_along() -> None:
    """A request that comes late must not find it, so what was held is made anew by a retry."""
    lab = published()

    def loses(_: int) -> None:
        lab.catalog.moment = lambda _: None
        raise LostAnswerError

    lab.catalog.moment = loses
    assert why_not(lambda: lab.publish("r4", "gold.c", "seen by anna")) == "the server took none of it"
    assert settled(lab) == (
        {"bronze.a": ([1, 2], ["main", "q1"]), "silver.b": ([3, 6], ["main", "q1"]), "gold.c": ([9], ["main"])},
        {"r1": RunState.PUBLISHED, "r3": RunState.PUBLISHED, "r4": RunState.FAILED},
    )
    assert lab.retry("r4").state is RunState.HELD


def why_not(decide: Callable[[], object]) -> str | None:
    try:
        decide()
    except LakeError as refused:
        return refused.message
    return None
