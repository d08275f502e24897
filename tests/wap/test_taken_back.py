"""What discarding and rolling back record, and every reason for which a decision about a run is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lakeflow.core.errors import BusyError, UsageError
from lakeflow.core.model.changes import Drop, Rollback
from lakeflow.core.model.run import Lease, RunRecord, RunState, StepState
from lakeflow.core.model.table import MAIN
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.ports.entry import UNRECORDED
from tests.core.samples import key
from tests.wap.doubles import Crash
from tests.wap.lab import ACTOR, Lab, states

B = key("silver.b")


def bad(*_: object) -> bool:
    return False


@pytest.fixture
def held(lab: Lab) -> Lab:
    """Run r1: bronze.a published, silver.b held by its check, gold.c skipped."""
    lab.check("silver.b", bad)
    lab.materialize()
    return lab


def refused(decide: Callable[[], object]) -> tuple[str, str | None]:
    with pytest.raises(UsageError) as caught:
        decide()
    return caught.value.message, caught.value.hint


def dropped(lab: Lab, name: str) -> None:
    lab.catalog.register([Drop(key(name), lab.table(name).version)], UNRECORDED)


# discard


def test_a_discard_is_recorded_with_who_and_when_and_leaves_the_steps_as_they_ended(held: Lab) -> None:
    before = held.run("r1")
    run = held.discard("r1")
    assert held.run("r1") == run
    assert (run.state, run.reason, run.steps) == (RunState.DISCARDED, f"discarded by {ACTOR}", before.steps)
    assert before.ended_at is not None
    assert run.ended_at is not None
    assert run.ended_at > before.ended_at


def test_a_discard_leaves_the_branches_of_other_runs(held: Lab) -> None:
    other = held.materialize("silver.b", forced=True)
    assert held.branches("silver.b") == ["audit_r1", "audit_r2"]
    held.discard("r1")
    assert held.branches("silver.b") == [other.branch]


def test_a_discard_of_a_run_whose_table_is_gone_ends_it_all_the_same(held: Lab) -> None:
    dropped(held, "silver.b")
    assert held.discard("r1").state is RunState.DISCARDED


# rollback


def test_a_rollback_is_recorded_with_who_and_when(lab: Lab) -> None:
    before = lab.materialize()
    run = lab.rollback("r1")
    assert lab.run("r1") == run
    assert (run.state, run.reason, run.steps) == (RunState.ROLLED_BACK, f"rolled back by {ACTOR}", before.steps)
    assert before.ended_at is not None
    assert run.ended_at is not None
    assert run.ended_at > before.ended_at


def test_a_run_that_published_nothing_or_was_taken_back_has_nothing_to_roll_back(lab: Lab) -> None:
    lab.check("bronze.a", bad)
    lab.materialize("bronze.a")
    said = ("run r1 has nothing on main to roll back", "`lakeflow runs` lists runs")
    assert refused(lambda: lab.rollback("r1")) == said


def test_a_rollback_says_what_moved_main_since_and_what_to_do(lab: Lab) -> None:
    first = lab.materialize()
    lab.define("silver.b", [9])
    lab.define("gold.c", [8])
    lab.materialize()
    assert refused(lambda: lab.rollback(first)) == (
        "main moved since run r1 published: run r2",
        "roll those back first, or `--force` to return to the state before this run all the same",
    )
    lab.foreign_append("gold.c", [1])
    head = short_id(lab.main("gold.c") or 0)
    assert refused(lambda: lab.rollback(first))[0] == (
        f"main moved since run r1 published: run r2, another engine (gold.c {head})"
    )


def test_a_main_that_left_the_run_behind_was_moved_too(lab: Lab) -> None:
    first = lab.materialize()
    lost = lab.main("silver.b") or 0
    lab.catalog.commit([Rollback(B, lost, None)], UNRECORDED)
    lab.foreign_append("silver.b", [1])
    said = f"main moved since run r1 published: silver.b does not hold {short_id(lost)} any more"
    assert refused(lambda: lab.rollback(first))[0] == said


def test_a_table_without_a_main_cannot_be_rolled_back(lab: Lab) -> None:
    first = lab.materialize()
    lab.catalog.commit([Rollback(B, lab.main("silver.b") or 0, None)], UNRECORDED)
    said = ("silver.b has no main to roll back", "`lakeflow snapshots silver.b` lists them")
    assert refused(lambda: lab.rollback(first, force=True)) == said


def test_a_table_that_is_gone_cannot_be_rolled_back(lab: Lab) -> None:
    first = lab.materialize()
    dropped(lab, "silver.b")
    said = ("silver.b is not in the catalog any more", "`lakeflow materialize silver.b` builds it again")
    for force in (False, True):
        assert refused(lambda force=force: lab.rollback(first, force=force)) == said  # type: ignore[misc] # bound now


def test_a_base_that_has_expired_cannot_be_returned_to(lab: Lab) -> None:
    lab.policy = type(lab.policy)(retry_pause=0.0, keep_snapshots=0)
    lab.materialize()
    base = lab.main("silver.b") or 0
    lab.define("silver.b", [9])
    second = lab.materialize("silver.b")
    lab.define("silver.b", [10])
    lab.materialize("silver.b")
    assert refused(lambda: lab.rollback(second, force=True)) == (
        f"silver.b cannot return to {short_id(base)}: that snapshot has expired",
        "`keep_snapshots` in [tool.lakeflow] says how many stay",
    )


def test_a_forced_rollback_ends_only_what_it_takes_off_main(lab: Lab) -> None:
    first = lab.materialize("bronze.a silver.b")
    lab.define("silver.b", [9])
    lab.define("gold.d", [5])
    lab.materialize("silver.b gold.d")
    lab.foreign_append("silver.b", [7])
    lab.rollback(first, force=True)
    later = lab.run("r2")
    assert states(later) == {"run": "published", "silver.b": "skipped", "gold.d": "published"}
    skipped = later.step(B)
    assert skipped is not None
    assert skipped.reason == "rolled back with run r1"
    assert (lab.rows("silver.b"), lab.rows("gold.d")) == (None, [5])


def test_a_forced_rollback_leaves_the_runs_before_it(lab: Lab) -> None:
    lab.materialize()
    lab.define("silver.b", [9])
    second = lab.materialize("silver.b")
    lab.rollback(second, force=True)
    assert lab.run("r1").state is RunState.PUBLISHED
    assert lab.rows("silver.b") == [2, 4]


def test_a_rollback_needs_the_lease_of_every_asset_of_the_run(held: Lab) -> None:
    held.ledger.acquire(Lease("r99", "token", frozenset({key("gold.c")}), held.holder))
    with pytest.raises(BusyError, match=r"gold\.c is busy: run r99"):
        held.rollback("r1")


# publish


def test_what_a_run_does_not_hold_is_refused_with_where_to_look(held: Lab) -> None:
    said = ("run r1 holds nothing of what you selected", "`lakeflow runs r1` shows it")
    assert refused(lambda: held.publish("r1", "gold.c")) == said


def test_a_selection_of_which_no_asset_is_defined_is_not_a_selection_of_everything(held: Lab) -> None:
    said = ("run r1 holds nothing of what you selected", "`lakeflow runs r1` shows it")
    assert refused(lambda: held.publish("r1", "silver.nowhere", reason="I know")) == said
    assert held.rows("silver.b") is None


def test_a_branch_that_a_dead_attempt_wrote_again_is_not_published_as_what_the_ledger_tells_of(held: Lab) -> None:
    held.define("silver.b", [9])
    held.crash_at("catalog.stage<")
    with pytest.raises(Crash):
        held.retry("r1")
    held.reopen()
    assert refused(lambda: held.publish("r1")) == (
        "silver.b: its branch audit_r1 was written by an attempt that died before it was recorded",
        "`lakeflow retry r1` writes it again",
    )


def test_steps_that_a_dead_attempt_left_open_stay_held_and_the_run_goes_on(lab: Lab) -> None:
    lab.check("silver.b", bad)
    lab.define("gold.d", [5])
    lab.check("gold.d", bad)
    lab.materialize(all_or_nothing=True)
    lab.check("silver.b", lambda *_: True)
    run = lab.publish("r1", "bronze.a silver.b", reason="I know")
    assert run.attempt == 1
    assert run.ended_at is not None
    assert (states(run)["silver.b"], states(run)["gold.d"]) == ("published", "held")
    assert lab.branches("gold.d") == ["audit_r1"]


def test_what_was_made_from_a_superseded_snapshot_says_which_retry_makes_it_again(lab: Lab) -> None:
    lab.materialize()
    lab.define("bronze.a", [3], reads=("a.csv",))
    lab.check("gold.c", bad)
    run = lab.materialize(all_or_nothing=True)
    lab.foreign_append("bronze.a", [50])
    lab.check("gold.c", lambda *_: True)
    published = lab.publish(run).step(B)
    assert published is not None
    assert (published.state, published.reason) == (
        StepState.CONFLICT,
        "an input that this run wrote was written again, or stands on top of a moved main now; `lakeflow retry r2` "
        "makes it again",
    )


def test_a_forced_append_goes_over_no_main_that_moved(lab: Lab) -> None:
    lab.define("bronze.z", [1], write=WriteMode.APPEND)
    lab.materialize("bronze.z")
    lab.check("bronze.z", bad)
    run = lab.materialize("bronze.z")
    lab.foreign_append("bronze.z", [7])
    assert lab.publish(run, "bronze.z", reason="I know").state is RunState.CONFLICT
    assert lab.rows("bronze.z") == [1, 7]
    assert set(lab.table("bronze.z").refs) == {MAIN, run.branch}


def test_a_publish_of_a_run_of_which_no_asset_is_left_says_so(held: Lab) -> None:
    held.assets.clear()
    message, _ = refused(lambda: held.publish("r1"))
    assert "publish" in message
    assert "XX" not in message


def test_while_it_is_audited_again_the_run_stands_as_running(held: Lab) -> None:
    seen: list[RunRecord] = []
    held.check("silver.b", lambda *_: True)
    held.at("auditor.audit>", lambda: seen.append(held.run("r1")))
    held.publish("r1")
    assert [(run.state, run.ended_at, run.reason) for run in seen] == [(RunState.RUNNING, None, "")]


def test_a_run_that_is_published_forgets_why_it_ended_before(held: Lab) -> None:
    held.ledger.save(replace(held.run("r1"), reason="interrupted"))
    seen: list[str] = []
    held.check("silver.b", lambda *_: True)
    held.at("auditor.audit>", lambda: seen.append(held.run("r1").reason))
    assert held.publish("r1").reason == ""
    assert seen == [""]


def test_a_forced_rollback_of_several_tables_ends_the_runs_above_its_base_alone(lab: Lab) -> None:
    """Of what lies below the base nothing was taken off main, in whichever table."""
    for number in (7, 8, 9):
        lab.define("silver.b", [number])
        lab.materialize()
    lab.rollback("r2", force=True)
    ended = [states(lab.run(name)) for name in ("r1", "r2", "r3")]
    assert [(run["run"], run["silver.b"]) for run in ended] == [
        ("published", "published"),
        ("rolled_back", "published"),
        ("rolled_back", "skipped"),
    ]
    assert lab.rows("silver.b") == [7]


def test_what_a_dead_attempt_left_open_is_held_unless_it_is_chosen() -> None:
    lab = Lab()
    lab.define("bronze.x", [1])
    lab.define("bronze.y", [2])
    lab.crash_at("catalog.commit>")
    with pytest.raises(Crash):
        lab.materialize()
    lab.reopen()
    run = lab.publish("r1", "bronze.x")
    assert states(run) == {"run": "held", "bronze.x": "published", "bronze.y": "held"}
    left = run.step(key("bronze.y"))
    assert left is not None
    assert left.reason == "left open by an attempt that stopped"
    assert (lab.rows("bronze.x"), lab.rows("bronze.y")) == ([1], None)
