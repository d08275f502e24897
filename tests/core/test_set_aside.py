"""What a plan leaves to the run that holds it already, and what it does all the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lakeflow.core.care.set_aside import held_since, holds, repeated, set_aside
from lakeflow.core.keys import ExternalKey
from lakeflow.core.model.run import Action, CheckResult, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.model.table import External, Table
from lakeflow.core.plan.facts import Facts, HeldStep
from lakeflow.core.plan.planning import Held, Plan, Step
from lakeflow.core.plan.reasons import Cause, Reason
from tests.core.samples import FAILED, NOON, PASSED, WARNED, asset, key, made, project, step, suite, table

A, B, C, D = (key(name) for name in ("bronze.a", "silver.b", "gold.c", "gold.d"))
HELD_AT = 7
"""The snapshot that the run holds, on its branch."""
ASSETS = (asset("bronze.a"), asset("silver.b", "bronze.a"), asset("gold.c", "silver.b"), asset("gold.d"))
SUITES = {"silver.b": suite("checks-1")}
TABLES = {
    A: table("bronze.a", made(1), main=1),
    B: table("silver.b", made(1), made(HELD_AT, 1), main=1, audit_r9=HELD_AT),
    C: table("gold.c", made(1), main=1),
}


def was(**fields: Any) -> StepRecord:
    """`silver.b` as run `r9` holds it."""
    said = {
        "state": StepState.HELD,
        "base_id": 1,
        "snapshot_id": HELD_AT,
        "code_version": "code-1",
        "checks_digest": "checks-1",
        "inputs": {"bronze.a": 1},
        "checks": (FAILED,),
    }
    return replace(step("silver.b"), **{**said, **fields})


def run(*steps: StepRecord, **fields: Any) -> RunRecord:
    return RunRecord("r9", RunState.HELD, NOON - timedelta(hours=10), steps=steps, **fields)


def held(record: StepRecord | None = None, looked_at: dict[str, int] | None = None, *beside: StepRecord) -> HeldStep:
    record = record or was()
    return HeldStep(run(record, *beside), record, looked_at)


def facts(*steps: HeldStep, **fields: Any) -> Facts:
    found: dict[Any, tuple[HeldStep, ...]] = {}
    for one in steps:
        found[one.step.asset] = (*found.get(one.step.asset, ()), one)
    return Facts(**{"tables": TABLES, "held": found, "now": NOON, **fields})


def planned(name: str, upstreams: str = "", action: Action = Action.WRITE, cause: Cause = Cause.NEVER_BUILT) -> Step:
    above = frozenset(map(key, upstreams.split()))
    return Step(key(name), action, (Reason(cause),), base_id=1, upstreams=above)


def decided(found: Facts, *steps: Step, all_or_nothing: bool = False, suites: Any = None, assets: Any = ()) -> Plan:
    here = project(*(assets or ASSETS), suites=SUITES if suites is None else suites)
    plan = Plan(steps, (D,), 4, 99, ("careful",))
    return set_aside(here, found, plan, all_or_nothing=all_or_nothing)


def said(plan: Plan) -> tuple[list[str], dict[str, str]]:
    return [str(one.asset) for one in plan.steps], {str(one.asset): one.why for one in plan.held}


WHY = "held since 02:00 by run r9, nothing changed"

# what waits with what is held


def test_a_step_that_would_only_repeat_what_is_held_is_left_to_that_run() -> None:
    plan = decided(facts(held()), planned("silver.b"), planned("gold.d"))
    assert said(plan) == (["gold.d"], {"silver.b": WHY})
    assert plan.held == (Held(B, "r9", NOON - timedelta(hours=10), WHY),)
    assert (plan.fresh, plan.total, plan.warnings) == ((D,), 4, ("careful",)), "the rest of the plan stays"


def test_what_is_made_from_it_waits_with_it() -> None:
    plan = decided(facts(held()), planned("silver.b"), planned("gold.c", "silver.b"))
    assert said(plan) == ([], {"silver.b": WHY, "gold.c": "waits for silver.b, which run r9 holds"})


def test_rows_to_read_are_those_of_the_steps_that_stay() -> None:
    plan = decided(facts(held()), planned("silver.b"), planned("gold.d"))
    assert plan.rows_to_read == 0
    reading = (*ASSETS[:3], asset("gold.d", "bronze.a"))
    assert decided(facts(held()), planned("silver.b"), planned("gold.d"), assets=reading).rows_to_read == 10


def test_a_quarantine_waits_in_the_words_of_its_owner() -> None:
    plan = decided(facts(held()), planned("silver.b"), planned("silver.b__quarantine", "silver.b"), assets=QUARANTINED)
    assert said(plan)[1] == {"silver.b": WHY, "silver.b__quarantine": WHY}


QUARANTINED = (*ASSETS, asset("silver.b__quarantine", "silver.b"))


def test_with_all_or_nothing_one_held_asset_leaves_nothing_to_do() -> None:
    plan = decided(facts(held()), planned("gold.d"), planned("silver.b"), all_or_nothing=True)
    assert said(plan) == ([], {"silver.b": WHY, "gold.d": "all or nothing: silver.b is held by run r9"})


def test_without_anything_held_the_plan_is_the_very_plan() -> None:
    plan = Plan((planned("silver.b"),), rows_to_read=99)
    here = project(*ASSETS, suites=SUITES)
    assert set_aside(here, Facts(TABLES), plan, all_or_nothing=True) is plan
    other = facts(held(was(code_version="code-0")))
    assert set_aside(here, other, plan, all_or_nothing=True) is plan


def test_what_a_sibling_alone_kept_back_is_done_again() -> None:
    """Its own checks passed; what held the run may pass now."""
    passed = held(was(checks=(PASSED, WARNED)))
    assert said(decided(facts(passed), planned("silver.b")))[0] == ["silver.b"]
    above = replace(was(), asset=A, inputs={}, checks_digest="", snapshot_id=8)
    stands = table("bronze.a", made(1), made(8, 1), main=1, audit_r9=8)
    found = facts(HeldStep(run(above), above), passed, tables={**TABLES, A: stands})
    below = replace(passed, step=was(checks=(PASSED,), inputs={"bronze.a": 8}))
    found = replace(found, held={A: found.held[A], B: (below,)})
    plan = decided(found, planned("bronze.a"), planned("silver.b", "bronze.a"))
    assert said(plan) == ([], {"bronze.a": WHY, "silver.b": WHY}), "what it waits for is held still"


@pytest.mark.parametrize(("then", "now", "is_left"), [(True, True, True), (True, False, False), (False, True, False)])
def test_of_a_run_of_all_or_nothing_each_part_waits_for_the_rest(*, then: bool, now: bool, is_left: bool) -> None:
    other = replace(step("gold.c", FAILED), state=StepState.HELD, base_id=1, code_version="code-1")
    other = replace(other, inputs={"silver.b": HELD_AT})
    mine = was(checks=(PASSED,))
    whole = run(mine, other, all_or_nothing=then)
    found = facts(HeldStep(whole, mine), HeldStep(whole, other))
    plan = decided(found, planned("silver.b"), planned("gold.d"), planned("gold.c"), all_or_nothing=now)
    if is_left:
        assert said(plan) == (
            [],
            {"silver.b": WHY, "gold.c": WHY, "gold.d": "all or nothing: gold.c is held by run r9"},
        )
    else:
        assert "silver.b" in [*said(plan)[0], *(one for one, why in said(plan)[1].items() if why != WHY)]


def test_what_runs_first_may_change_what_it_reads() -> None:
    steps = (planned("bronze.a"), planned("silver.b", "bronze.a"))
    assert said(decided(facts(held()), *steps)) == (["bronze.a", "silver.b"], {})
    audited = planned("bronze.a", action=Action.AUDIT)
    assert said(decided(facts(held()), audited, steps[1])) == (["bronze.a"], {"silver.b": WHY})


@pytest.mark.parametrize("kind", ["references", "published"])
def test_what_runs_first_may_change_what_its_checks_see(kind: str) -> None:
    suites = {"silver.b": suite("checks-1", **{kind: "gold.d"})}
    plan = decided(facts(held()), planned("gold.d"), planned("silver.b"), suites=suites)
    assert said(plan)[0] == ["gold.d", "silver.b"]


def test_what_is_left_to_a_run_is_read_as_that_run_wrote_it() -> None:
    below = replace(step("gold.c", FAILED), state=StepState.HELD, base_id=1, code_version="code-1")
    for at, is_left in ((HELD_AT, True), (1, False)):
        mine = replace(below, inputs={"silver.b": at})
        found = facts(held(), HeldStep(run(mine), mine))
        why = said(decided(found, planned("silver.b"), planned("gold.c", "silver.b")))[1]["gold.c"]
        assert (why == WHY) is is_left
        assert is_left or why == "waits for silver.b, which run r9 holds"


# what is the same

ABOVE = table("bronze.a", made(1), made(2, 1), main=2)
COMPACTED = table("bronze.a", made(1), made(2, 1, operation="replace"), main=2)
CHANGED: dict[str, tuple[HeldStep, dict[str, Any]]] = {
    "another code": (held(was(code_version="code-0")), {}),
    "other checks": (held(was(checks_digest="checks-0")), {}),
    "other files": (held(was(reads_digest="files-0")), {}),
    "another main": (held(was(base_id=2)), {}),
    "other partitions": (held(was(partitions=("p1",))), {}),
    "another input": (held(was(inputs={"bronze.a": 1, "bronze.z": 1})), {}),
    "no inputs": (held(was(inputs={})), {}),
    "an input that moved": (held(), {"tables": {**TABLES, A: ABOVE}}),
    "an input that is gone": (held(was(inputs={"bronze.a": 5})), {}),
    "a step that was not held": (held(was(state=StepState.SKIPPED)), {}),
    "a branch that moved": (held(), {"tables": {**TABLES, B: replace(TABLES[B], refs={"main": 1, "audit_r9": 1})}}),
    "a branch that is gone": (held(), {"tables": {**TABLES, B: replace(TABLES[B], refs={"main": 1})}}),
    "a snapshot that is gone": (held(was(snapshot_id=6)), {}),
    "a table that is gone": (held(), {"tables": {A: TABLES[A]}}),
    "a person's choice": (held(was(reasons=("full refresh: made from nothing",))), {}),
    "a partition that was open": (held(was(reasons=("partitions p1 (1 of 2 partial)",))), {}),
    "an audit of another main": (held(was(action=Action.AUDIT, snapshot_id=2)), {}),
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_is_not_made_from_the_same_is_done(what: str) -> None:
    one, more = CHANGED[what]
    assert said(decided(facts(one, **more), planned("silver.b"))) == (["silver.b"], {})


UNCHANGED: dict[str, tuple[HeldStep, dict[str, Any]]] = {
    "the same": (held(), {}),
    "another spelling of the same code": (held(was(code_version="v0")), {"renamed_code": {"v0": "code-1"}}),
    "an input that was compacted": (held(), {"tables": {**TABLES, A: COMPACTED}}),
    "one that a person must decide on before a row is made": (held(was(snapshot_id=None, checks=())), {}),
    "an audit of main": (held(was(action=Action.AUDIT, snapshot_id=1)), {}),
    "reasons of another day": (held(was(reasons=("code changed (a → b)",))), {}),
}


@pytest.mark.parametrize("what", UNCHANGED)
def test_what_is_made_from_the_same_is_left(what: str) -> None:
    one, more = UNCHANGED[what]
    assert said(decided(facts(one, **more), planned("silver.b"))) == ([], {"silver.b": WHY})


def test_the_newest_run_that_holds_the_same_is_the_one() -> None:
    older = HeldStep(replace(run(was()), id="r8"), was())
    other = HeldStep(replace(run(was()), id="r7"), was(base_id=3))
    branches = replace(TABLES[B], refs={"main": 1, "audit_r8": HELD_AT, "audit_r9": HELD_AT, "audit_r7": HELD_AT})
    for first, id_ in (((held(), older), "r9"), ((older, held()), "r8"), ((other, older), "r8")):
        found = facts(tables={**TABLES, B: branches}, held={B: first})
        assert [one.run for one in decided(found, planned("silver.b")).held] == [id_]


def test_only_a_write_repeats_what_was_written() -> None:
    audit = planned("silver.b", action=Action.AUDIT)
    assert said(decided(facts(held()), audit))[0] == ["silver.b"]
    of_main = held(was(action=Action.AUDIT, snapshot_id=1))
    assert said(decided(facts(of_main), audit))[1] == {"silver.b": WHY}


def test_a_root_that_nobody_can_tell_changed_is_read_again() -> None:
    always = planned("silver.b", cause=Cause.NO_FINGERPRINT)
    assert said(decided(facts(held()), always))[0] == ["silver.b"]


@pytest.mark.parametrize("cause", [Cause.FULL_REFRESH, Cause.GOES_ON])
def test_a_choice_of_a_person_counts_where_it_is_the_same(cause: Cause) -> None:
    asked = planned("silver.b", cause=cause)
    assert said(decided(facts(held()), asked))[0] == ["silver.b"]
    chosen = held(was(reasons=("never built", str(asked.reasons[0]))))
    assert said(decided(facts(chosen), asked))[1] == {"silver.b": WHY}


def test_refused_rows_are_read_again_as_main_was_made() -> None:
    asked = planned("silver.b", cause=Cause.READMIT)
    refused = key("silver.b__quarantine")
    tables = {**TABLES, refused: table(str(refused), made(4), main=4)}
    for inputs, is_left in (({str(refused): 4}, True), ({str(refused): 3}, False), ({"bronze.a": 1}, False)):
        one = held(was(reasons=(str(asked.reasons[0]),), inputs=inputs, code_version="code-1"))
        found = facts(one, tables=tables, renamed_code={"v0": "code-1"})
        assert bool(
            decided(found, replace(asked), assets=(*ASSETS[:1], asset("silver.b", code_version="new"))).held
        ) is (is_left)


def test_versions_that_turned_since_are_written_again() -> None:
    for turns, is_left in ((NOON, False), (NOON + timedelta(seconds=1), True)):
        turned = table("silver.b", made(1), made(HELD_AT, 1, turns=turns.isoformat()), main=1, audit_r9=HELD_AT)
        plan = decided(facts(held(), tables={**TABLES, B: turned}), planned("silver.b"))
        assert bool(plan.held) is is_left


def test_a_snapshot_of_another_engine_is_not_what_was_held() -> None:
    foreign = replace(TABLES[B].snapshots[HELD_AT], summary={})
    found = replace(TABLES[B], snapshots={**TABLES[B].snapshots, HELD_AT: foreign})
    assert said(decided(facts(held(), tables={**TABLES, B: found}), planned("silver.b")))[0] == ["silver.b"]


THEIRS = ExternalKey.parse("shop.public.orders")


def test_an_input_of_another_catalog_counts_as_one_of_ours() -> None:
    reading = (ASSETS[0], asset("silver.b", externals={"orders": THEIRS}), *ASSETS[2:])
    one = held(was(inputs={str(THEIRS): 1}))
    found: list[tuple[Any, bool]] = [(TABLES[A], True), (COMPACTED, True), (ABOVE, False), (None, False)]
    for there, is_left in found:
        now = facts(one, externals={THEIRS: External(there and replace(there, key=THEIRS))})
        assert bool(decided(now, planned("silver.b"), assets=reading).held) is is_left
    assert not decided(facts(one), planned("silver.b"), assets=reading).held


# what its checks looked into

LOOKS = {"silver.b": suite("checks-1", references="gold.c", published="gold.d")}
OTHERS: dict[Any, Table] = {**TABLES, D: table("gold.d", made(3), main=3)}


@pytest.mark.parametrize(
    ("looked_at", "is_left"),
    [
        ({"gold.c": 1, "published.gold.d": 3}, True),
        ({"gold.c": 2, "published.gold.d": 3}, False),
        ({"gold.c": 1, "published.gold.d": 2}, False),
        ({"gold.c": 1}, False),
        ({"gold.c": 1, "published.gold.d": 3, "gold.z": 1}, False),
        (None, False),
    ],
)
def test_its_checks_must_read_what_they_read_when_they_held_it(
    looked_at: dict[str, int] | None, *, is_left: bool
) -> None:
    plan = decided(facts(held(looked_at=looked_at), tables=OTHERS), planned("silver.b"), suites=LOOKS)
    assert bool(plan.held) is is_left
    if looked_at is None:
        early = held(was(snapshot_id=None))
        assert decided(facts(early, tables=OTHERS), planned("silver.b"), suites=LOOKS).held, "no check ran"


def test_checks_that_look_nowhere_have_looked_nowhere() -> None:
    assert not decided(facts(held(looked_at={"gold.c": 1})), planned("silver.b")).held
    own = {"silver.b": suite("checks-1", references="silver.b", published="silver.b")}
    assert decided(facts(held()), planned("silver.b"), suites=own).held, "its own table is what is audited"
    nowhere = {key: one for key, one in TABLES.items() if key != C}
    absent = {"silver.b": suite("checks-1", references="gold.c", published="gold.d")}
    assert decided(facts(held(), tables=nowhere), planned("silver.b"), suites=absent).held, "a table that is not there"


def test_a_check_reads_the_branch_of_the_same_run_while_that_is_held() -> None:
    looks = {"silver.b": suite("checks-1", references="gold.c")}
    here = project(*ASSETS, suites=looks)
    one = held(looked_at={"gold.c": 8})
    record = was(state=None, snapshot_id=None)
    assert repeated(here, facts(one), record, {C: 8}) == one
    assert repeated(here, facts(one), record, {C: 9}) is None
    assert repeated(here, facts(one), record, {}) is None


# what holds


@pytest.mark.parametrize(
    ("checks", "beside", "snapshot_id", "expected"),
    [
        ((FAILED,), (), 7, True),
        ((PASSED, WARNED), (), 7, False),
        ((), (), 7, False),
        ((), (), None, True),
        ((PASSED,), (FAILED,), 7, True),
        ((PASSED,), (PASSED,), 7, False),
    ],
)
def test_what_holds_is_an_own_check_or_one_of_the_rows_beside_it(
    checks: tuple[CheckResult, ...], beside: tuple[CheckResult, ...], snapshot_id: int | None, *, expected: bool
) -> None:
    refused = (step("silver.b__quarantine", *beside),) if beside else ()
    assert holds(held(was(checks=checks, snapshot_id=snapshot_id), None, *refused)) is expected


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (NOON, "held since 02:00 by run r9, nothing changed"),
        (NOON + timedelta(days=1), "held since 2026-01-01 02:00 by run r9, nothing changed"),
    ],
)
def test_since_when_is_said_with_the_day_where_it_is_another(now: datetime, text: str) -> None:
    assert held_since(held(), now) == text
