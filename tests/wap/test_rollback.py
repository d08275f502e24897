"""Some tables of a run are taken back, or one goes to a snapshot that readers once saw; nobody loses its ground."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.errors import BusyError, ConflictError, UsageError
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import Ruling, RunState, StepState
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.run.rollbacks import resting_on
from tests.core.samples import key
from tests.explored import explored
from tests.wap.doubles import Crash
from tests.wap.lab import ACTOR, Lab, states

A, B, C = key("bronze.a"), key("silver.b"), key("gold.c")


def refused(decide: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(UsageError) as caught:
        decide()
    return caught.value.message, caught.value.hint or ""


@pytest.fixture
def twice(lab: Lab) -> Lab:
    """Runs r1 and r2, each of which published bronze.a, silver.b and gold.c."""
    lab.materialize()
    lab.define("bronze.a", [3], reads=("a.csv",))
    lab.materialize()
    return lab


# some tables of a run


def test_a_table_on_which_nobody_rests_goes_back_alone(twice: Lab) -> None:
    run = twice.rollback("r2", "gold.c")
    assert [twice.rows(name) for name in ("silver.b", "gold.c")] == [[2, 4, 6], [6]]
    assert states(run) == {"run": "published", "bronze.a": "published", "silver.b": "published", "gold.c": "skipped"}
    step = run.step(C)
    assert step is not None
    assert step.reason == f"rolled back by {ACTOR}"
    assert twice.run("r2") == run


def test_a_table_on_which_others_rest_stays_and_they_are_named_with_what_to_type(twice: Lab) -> None:
    before = {name: twice.main(name) for name in ("bronze.a", "silver.b", "gold.c")}
    said, hint = refused(lambda: twice.rollback("r2", "silver.b"))
    assert said == "others rest on it: gold.c was made from silver.b in run r2"
    assert "`lakeflow rollback r2 gold.c silver.b`" in hint
    assert {name: twice.main(name) for name in before} == before


def test_tables_that_rest_on_each_other_go_back_together(twice: Lab) -> None:
    run = twice.rollback("r2", "silver.b gold.c")
    assert [twice.rows(name) for name in ("bronze.a", "silver.b", "gold.c")] == [[1, 2, 3], [2, 4], [6]]
    assert states(run)["run"] == "published"


def test_a_later_run_that_rests_on_it_is_rolled_back_first(lab: Lab) -> None:
    lab.materialize("bronze.a silver.b")
    lab.materialize("gold.c")
    said, hint = refused(lambda: lab.rollback("r1", "silver.b"))
    assert said == "others rest on it: gold.c was made from silver.b in run r2"
    assert "`lakeflow rollback r2`" in hint
    lab.rollback("r2")
    lab.rollback("r1", "silver.b")
    assert (lab.rows("bronze.a"), lab.rows("silver.b")) == ([1, 2], None)


def test_force_takes_it_from_under_others_and_the_next_run_makes_those_anew(twice: Lab) -> None:
    twice.rollback("r2", "silver.b", force=True)
    assert (twice.rows("silver.b"), twice.rows("gold.c")) == ([2, 4], [12])
    twice.materialize("silver.b gold.c")
    assert twice.rows("gold.c") == [12]


def test_what_was_only_checked_against_it_rests_on_it_too(lab: Lab) -> None:
    lab.materialize()
    lab.define("silver.b", [2, 4, 5])
    lab.define("gold.d", [7])
    lab.check("gold.d", lambda *_: True, "silver.b")
    lab.materialize("silver.b")
    lab.materialize("gold.d")
    said, _ = refused(lambda: lab.rollback("r2", "silver.b"))
    assert said == "others rest on it: gold.d was checked against silver.b in run r3"


def test_an_older_write_counts_where_its_rows_are_still_there(lab: Lab) -> None:
    lab.define("silver.e", [1], "bronze.a", write=WriteMode.APPEND)
    lab.materialize("bronze.a silver.e")
    lab.define("silver.e", [2], write=WriteMode.APPEND)
    lab.materialize("silver.e")
    said, _ = refused(lambda: lab.rollback("r1", "bronze.a"))
    assert said == "others rest on it: silver.e was made from bronze.a in run r1"


def test_what_a_later_write_replaced_rests_on_nothing(lab: Lab) -> None:
    lab.materialize("bronze.a silver.b")
    lab.define("silver.b", [9])
    lab.materialize("silver.b")
    lab.rollback("r1", "bronze.a")
    assert (lab.rows("bronze.a"), lab.rows("silver.b")) == (None, [9])


def test_a_selection_of_which_the_run_published_nothing_is_refused(twice: Lab) -> None:
    assert refused(lambda: twice.rollback("r2", "silver.z")) == (
        "run r2 published nothing of what you selected",
        "`lakeflow runs r2` shows it",
    )


def test_a_run_of_which_all_went_back_bit_by_bit_is_rolled_back(twice: Lab) -> None:
    twice.rollback("r2", "gold.c")
    twice.rollback("r2", "silver.b")
    assert twice.rollback("r2", "bronze.a").state is RunState.ROLLED_BACK
    assert refused(lambda: twice.rollback("r2"))[0] == "run r2 has nothing on main to roll back"


def test_what_the_run_holds_stays_held_when_some_of_it_goes_back(lab: Lab) -> None:
    lab.check("gold.c", lambda *_: False)
    lab.materialize()
    run = lab.rollback("r1", "silver.b")
    assert (run.state, lab.branches("gold.c")) == (RunState.HELD, ["audit_r1"])


def test_each_snapshot_that_went_has_a_ruling_with_who_and_when(twice: Lab) -> None:
    gone = twice.main("gold.c")
    twice.rollback("r2", "gold.c")
    *_, went, came = twice.ledger.verdicts([C])[C]
    assert (went.snapshot_id, went.ruling, went.run, went.actor) == (gone, Ruling.ROLLED_BACK, "r2", ACTOR)
    assert (came.snapshot_id, came.ruling, came.run) == (twice.main("gold.c"), Ruling.RETURNED, "r2")


def test_a_table_that_comes_to_rest_on_it_meanwhile_makes_it_a_conflict(lab: Lab) -> None:
    lab.materialize("bronze.a silver.b")
    lab.check("gold.c", lambda *_: False)
    lab.materialize("gold.c")
    lab.check("gold.c", lambda *_: True)
    lab.at("catalog.commit>", lambda: lab.publish("r2"))
    with pytest.raises(ConflictError):
        lab.rollback("r1", "silver.b")
    assert (lab.rows("silver.b"), lab.rows("gold.c")) == ([2, 4], [6])


def test_a_table_that_is_first_built_meanwhile_waits_for_the_rollback(lab: Lab) -> None:
    lab.materialize("bronze.a silver.b")
    busy: list[str] = []

    def build() -> None:
        with pytest.raises(BusyError) as caught:
            lab.materialize("gold.c")
        busy.append(caught.value.message)

    lab.at("catalog.commit>", build)
    lab.rollback("r1", "silver.b")
    assert busy
    assert lab.rows("gold.c") is None


@pytest.mark.parametrize("call", ["ledger.acquire>", "catalog.commit<", "catalog.commit>"])
def test_a_rollback_that_dies_has_moved_all_or_nothing_and_is_typed_again(twice: Lab, call: str) -> None:
    twice.crash_at(call)
    with pytest.raises(Crash):
        twice.rollback("r2", "silver.b gold.c")
    twice.reopen()
    assert (twice.rows("silver.b"), twice.rows("gold.c")) in (([2, 4, 6], [12]), ([2, 4], [6]))
    if twice.rows("gold.c") == [12]:
        twice.rollback("r2", "silver.b gold.c")
    assert (twice.rows("silver.b"), twice.rows("gold.c")) == ([2, 4], [6])


# to a snapshot


def test_a_table_returns_to_a_snapshot_that_readers_saw_and_the_runs_since_say_so(lab: Lab) -> None:
    lab.materialize()
    first = lab.main("gold.c") or 0
    for number in (7, 8):
        lab.define("gold.c", [number])
        lab.materialize("gold.c")
    run = lab.return_to("gold.c", f"s{first}")
    assert (lab.main("gold.c"), run.steps, run.state) == (first, (), RunState.PUBLISHED)
    assert f"to {short_id(first)}" in run.reason
    assert ACTOR in run.reason
    for later in ("r2", "r3"):
        step = lab.run(later).step(C)
        assert step is not None
        assert (lab.run(later).state, step.state) == (RunState.ROLLED_BACK, StepState.SKIPPED)


def test_a_rollback_by_mistake_is_taken_back_the_same_way(twice: Lab) -> None:
    wrong, right = twice.main("gold.c") or 0, [12]
    twice.rollback("r2", "gold.c")
    twice.return_to("gold.c", wrong)
    assert (twice.main("gold.c"), twice.rows("gold.c")) == (wrong, right)


def test_a_table_does_not_return_from_under_others(twice: Lab) -> None:
    first = next(iter(twice.table("silver.b").snapshots))
    said, _ = refused(lambda: twice.return_to("silver.b", first))
    assert said == "others rest on it: gold.c was made from silver.b in run r2"
    twice.return_to("silver.b", first, force=True)
    assert twice.main("silver.b") == first


def test_readers_are_shown_nothing_that_they_never_saw(lab: Lab) -> None:
    lab.materialize()
    lab.check("gold.c", lambda *_: False)
    lab.define("gold.c", [9])
    held = lab.materialize("gold.c").step(C)
    assert held is not None
    said, hint = refused(lambda: lab.return_to("gold.c", held.snapshot_id or 0))
    assert said == f"readers never saw {short_id(held.snapshot_id or 0)} of gold.c"
    assert "`lakeflow snapshots gold.c`" in hint
    here = lab.main("gold.c") or 0
    assert refused(lambda: lab.return_to("gold.c", here))[0] == f"readers see {short_id(here)} of gold.c already"


def test_a_snapshot_that_no_run_audited_is_not_returned_to_by_any_force(lab: Lab) -> None:
    lab.materialize("bronze.a")
    lab.foreign_append("bronze.a", [50])
    theirs = lab.main("bronze.a") or 0
    lab.foreign_append("bronze.a", [51])
    lab.materialize("bronze.a")
    for force in (False, True):
        said, _ = refused(lambda force=force: lab.return_to("bronze.a", theirs, force=force))  # type: ignore[misc]
        assert said == f"no run published {short_id(theirs)} of bronze.a: nobody audited it"


def test_rows_of_another_engine_do_not_go_unasked(lab: Lab) -> None:
    lab.materialize("bronze.a")
    first = lab.main("bronze.a") or 0
    lab.foreign_append("bronze.a", [50])
    theirs = short_id(lab.main("bronze.a") or 0)
    assert refused(lambda: lab.return_to("bronze.a", first)) == (
        f"rows of others would go from readers: another engine (bronze.a {theirs})",
        "`--force` returns to that snapshot all the same",
    )
    lab.return_to("bronze.a", first, force=True)
    assert lab.rows("bronze.a") == [1, 2]


# any lake


@dataclass(frozen=True)
class Deed:
    """What somebody does: runs some assets, or takes some of a run back."""

    run: bool
    assets: frozenset[str]
    which: int


NAMES = ("bronze.a", "silver.b", "gold.c", "gold.d")
DEEDS = st.lists(
    st.builds(
        Deed,
        run=st.booleans(),
        assets=st.sets(st.sampled_from(NAMES), min_size=1).map(frozenset),
        which=st.integers(0, 3),
    ),
    max_size=9,
)


@pytest.mark.long
@explored(200)
@given(DEEDS)
def test_whatever_is_run_and_taken_back_no_table_stands_on_rows_that_are_gone(deeds: list[Deed]) -> None:
    """Without force, after every step: each input of what readers see is in the history that readers see."""
    lab = Lab()
    lab.define("bronze.a", [1])
    lab.define("silver.b", lambda inputs: [2 * each for each in inputs["bronze.a"]], "bronze.a")
    lab.define("gold.c", lambda inputs: [sum(inputs["silver.b"])], "silver.b")
    lab.define("gold.d", lambda inputs: [len(inputs["bronze.a"]), len(inputs["silver.b"])], "bronze.a silver.b")
    for deed in deeds:
        names = " ".join(sorted(deed.assets))
        if deed.run:
            names = " ".join(name for name in NAMES if name in deed.assets or lab.main(name) is None)
            lab.materialize(names, forced=True)
            continue
        if runs := lab.ledger.runs():
            with suppress(UsageError):  # others rest on it, main moved since, or it published nothing of that
                lab.rollback(runs[deed.which % len(runs)], names)
        tables = lab.catalog.load([key(name) for name in NAMES])
        for one, table in tables.items():
            lines = {str(other): {each.id for each in found.ancestry(found.main)} for other, found in tables.items()}
            head = table.published
            made = provenance_of(head.summary) if head else None
            assert all(id_ in lines[name] for name, id_ in (made.inputs.items() if made else ())), (deeds, one)


def test_nothing_rests_on_what_does_not_move(lab: Lab) -> None:
    lab.materialize()
    tables = lab.catalog.load([A, B, C])
    assert resting_on({}, tables, {}) == ()
    assert resting_on({B: tables[B].main}, tables, {}) == ()
    assert [each.key for each in resting_on({B: None}, tables, {})] == [C]
    other = replace(tables[C], refs={})
    assert resting_on({B: None}, {**tables, C: other}, {}) == (), "a table that nobody sees rests on nothing"
