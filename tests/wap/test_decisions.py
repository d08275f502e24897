"""What a person does with a run afterwards: retry, publish, force, discard, take back."""

from __future__ import annotations

from typing import Any

import pytest

from lakeflow.core.errors import AssetError, BusyError, UsageError
from lakeflow.core.model.run import Lease, Ruling, RunRecord, RunState, StepRecord
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.entry import UNRECORDED
from tests.core.samples import key
from tests.wap.lab import ACTOR, Lab, states


def bad(*_: object) -> bool:
    return False


def good(*_: object) -> bool:
    return True


def broken(_: object) -> list[int]:
    raise AssetError("no such file")


def step(run: RunRecord, name: str) -> StepRecord:
    found = run.step(key(name))
    assert found is not None
    return found


@pytest.fixture
def held(lab: Lab) -> Lab:
    """Run r1: bronze.a published, silver.b held by its check, gold.c skipped."""
    lab.check("silver.b", bad)
    lab.materialize()
    return lab


# retry


def test_a_retry_is_the_same_run_over_what_it_did_not_publish(held: Lab) -> None:
    before = held.main("bronze.a")
    held.define("silver.b", [9])
    held.check("silver.b", good)
    run = held.retry("r1")
    assert (run.id, run.attempt) == ("r1", 2)
    assert states(run) == {"run": "published", "bronze.a": "published", "silver.b": "published", "gold.c": "published"}
    assert (held.main("bronze.a"), held.rows("bronze.a")) == (before, [1, 2]), "an append is not run twice"
    assert held.rows("gold.c") == [9]
    assert not held.branches("silver.b")


def test_a_retry_keeps_work_that_nothing_made_obsolete_and_audits_it_anew(lab: Lab) -> None:
    lab.check("gold.c", lambda rows, _: rows != [6])
    lab.define("silver.d", broken)
    first = lab.materialize()
    assert states(first) == {
        "run": "failed",
        "bronze.a": "published",
        "silver.b": "published",
        "gold.c": "held",
        "silver.d": "errored",
    }
    lab.engine.ran.clear()
    lab.auditor.audited.clear()
    lab.define("silver.d", [1])
    again = lab.retry(first)
    kept = step(first, "gold.c").snapshot_id
    assert lab.engine.ran == [key("silver.d")]
    assert kept in lab.auditor.audited
    assert (step(again, "gold.c").snapshot_id, states(again)["gold.c"]) == (kept, "held")


def test_a_retry_forks_again_when_the_code_has_changed(held: Lab) -> None:
    before = step(held.run(), "silver.b").snapshot_id
    held.define("silver.b", [9])
    run = held.retry("r1")
    assert step(run, "silver.b").snapshot_id != before
    assert held.table("silver.b").refs == {"audit_r1": step(run, "silver.b").snapshot_id}


def test_a_run_of_which_another_run_published_all_that_it_left_is_superseded_and_not_retried(held: Lab) -> None:
    held.define("silver.b", [9])
    held.check("silver.b", good)
    held.materialize("silver.b gold.c")
    with pytest.raises(UsageError, match="run r1 is superseded by run r2: there is nothing to retry"):
        held.retry("r1")
    assert held.branches("silver.b") == ["audit_r1"], "it stays readable for keep_held"


def test_what_another_run_found_good_holds_nothing_that_is_made_from_it_in_the_retry(lab: Lab) -> None:
    """Main has passed by now, whatever the audit of this run had said of it."""
    lab.materialize()
    lab.check("silver.b", bad)
    lab.define("gold.c", [9], "silver.b")
    first = lab.materialize("silver.b gold.c")
    assert (states(first)["silver.b"], states(first)["gold.c"]) == ("held", "skipped")
    lab.check("silver.b", good)
    lab.materialize("silver.b")
    assert states(lab.retry(first)) == {"run": "superseded", "silver.b": "superseded", "gold.c": "published"}


def test_a_published_run_is_not_retried(lab: Lab) -> None:
    run = lab.materialize()
    with pytest.raises(UsageError, match="run r1 is published: there is nothing to retry"):
        lab.retry(run)


def test_an_asset_that_left_the_project_is_left_out_of_the_retry_and_its_publish_is_still_known(held: Lab) -> None:
    del held.assets[key("gold.c")]
    held.check("silver.b", good)
    run = held.retry("r1")
    assert states(run) == {"run": "published", "bronze.a": "published", "silver.b": "published"}


# publish


def test_publish_audits_a_held_snapshot_again_with_todays_checks(held: Lab) -> None:
    snapshot = step(held.run(), "silver.b").snapshot_id
    held.check("silver.b", good)
    run = held.publish("r1")
    assert held.main("silver.b") == snapshot
    assert states(run) == {"run": "held", "bronze.a": "published", "silver.b": "published", "gold.c": "skipped"}
    rulings = [verdict.ruling for verdict in held.ledger.verdicts([key("silver.b")])[key("silver.b")]]
    assert rulings == [Ruling.HOLD, Ruling.PUBLISH]
    assert states(held.retry("r1"))["run"] == "published"


def test_publish_does_not_publish_what_still_fails(held: Lab) -> None:
    assert states(held.publish("r1"))["silver.b"] == "held"
    assert held.main("silver.b") is None
    assert held.branches("silver.b") == ["audit_r1"]


def test_a_forced_publish_is_recorded_with_who_and_why(held: Lab) -> None:
    run = held.publish("r1", "silver.b", reason="the wind was real")
    assert states(run)["silver.b"] == "published"
    assert held.rows("silver.b") == [2, 4]
    verdict = held.ledger.verdicts([key("silver.b")])[key("silver.b")][-1]
    assert (verdict.ruling, verdict.actor, verdict.reason) == (Ruling.FORCED, ACTOR, "the wind was real")
    assert step(run, "silver.b").reason == "forced: the wind was real"


def test_a_forced_publish_never_goes_over_a_moved_main(held: Lab) -> None:
    held.foreign_append("silver.b", [5])
    run = held.publish("r1", "silver.b", reason="I know")
    assert states(run)["run"] == "conflict"
    assert step(run, "silver.b").reason.startswith("silver.b: expected main to be")
    assert held.rows("silver.b") == [5]
    assert held.branches("silver.b") == ["audit_r1"], "nothing is lost"


def test_what_was_made_from_a_held_snapshot_is_not_forced_without_it(lab: Lab) -> None:
    lab.check("gold.c", bad)
    run = lab.materialize(all_or_nothing=True)
    with pytest.raises(UsageError, match=r"gold\.c was made from silver\.b as this run wrote it") as caught:
        lab.publish(run, "gold.c", reason="I know")
    assert caught.value.hint == "select both: `silver.b gold.c`"
    assert states(lab.run()) == states(run), "a question that is refused changes nothing"
    lab.publish(run, "bronze.a silver.b gold.c", reason="I know")
    assert lab.rows("gold.c") == [6]


def test_publish_refuses_a_selection_of_which_it_holds_nothing(held: Lab) -> None:
    with pytest.raises(UsageError, match="run r1 holds nothing of what you selected"):
        held.publish("r1", "bronze.a")


def test_publish_of_a_branch_that_somebody_dropped_says_how_to_write_it_again(held: Lab) -> None:
    from lakeflow.core.model.changes import Discard

    dropped = Discard(key("silver.b"), "audit_r1", held.table("silver.b").refs["audit_r1"])
    held.catalog.commit([dropped], UNRECORDED)
    with pytest.raises(UsageError, match=r"silver\.b: its branch audit_r1 is not there any more") as caught:
        held.publish("r1")
    assert caught.value.hint == "`lakeflow retry r1` writes it again"
    assert states(held.run())["run"] == "held"


def test_a_failed_audit_of_main_is_nothing_to_publish(lab: Lab) -> None:
    lab.materialize()
    lab.check("silver.b", bad)
    run = lab.materialize()
    with pytest.raises(UsageError, match="holds nothing"):
        lab.publish(run)


# discard


def test_discard_drops_the_branches_and_nothing_else(held: Lab) -> None:
    run = held.discard("r1")
    assert states(run)["run"] == "discarded"
    assert (held.branches("silver.b"), held.rows("bronze.a")) == ([], [1, 2])
    for verb in (held.discard, held.retry, held.publish):
        with pytest.raises(UsageError, match="run r1 is discarded"):
            verb("r1")


def test_a_discarded_run_leaves_the_way_free_for_the_next(held: Lab) -> None:
    held.discard("r1")
    held.check("silver.b", good)
    assert states(held.materialize())["run"] == "published"


# rollback


def test_rollback_returns_every_table_of_the_run_to_what_it_was(lab: Lab) -> None:
    lab.materialize()
    before = {name: lab.main(name) for name in ("bronze.a", "silver.b", "gold.c")}
    lab.define("bronze.a", [3], reads=("a.csv",))
    second = lab.materialize()
    assert lab.rows("gold.c") == [12]
    assert states(lab.rollback(second))["run"] == "rolled_back"
    assert {name: lab.main(name) for name in before} == before
    assert not lab.is_fresh(), "the changed code is still to be run"


def test_rolling_back_a_first_publish_makes_the_tables_unborn(lab: Lab) -> None:
    lab.rollback(lab.materialize())
    assert [lab.rows(name) for name in ("bronze.a", "silver.b", "gold.c")] == [None, None, None]
    assert states(lab.materialize())["run"] == "published"
    assert lab.rows("bronze.a") == [1, 2]


def test_rollback_is_last_in_first_out_and_names_the_later_runs(lab: Lab) -> None:
    first = lab.materialize()
    lab.define("silver.b", [9])
    second = lab.materialize()
    lab.foreign_append("silver.b", [7])
    with pytest.raises(UsageError) as caught:
        lab.rollback(first)
    assert "main moved since run r1 published: another engine (silver.b s" in caught.value.message
    assert caught.value.message.endswith("run r2")
    with pytest.raises(UsageError, match="another engine"):
        lab.rollback(second)
    lab.rollback(second, force=True)
    lab.rollback(first)
    assert lab.rows("bronze.a") is None


def test_a_run_is_rolled_back_only_once_and_only_when_it_published(held: Lab) -> None:
    held.rollback("r1")
    for _ in range(2):
        with pytest.raises(UsageError, match="run r1 has nothing on main to roll back"):
            held.rollback("r1")


def test_rollback_discards_what_the_run_still_holds(held: Lab) -> None:
    """A run that was taken back is over: its held branch was made from rows that are gone."""
    held.rollback("r1")
    assert (held.rows("bronze.a"), held.branches("silver.b")) == (None, [])
    assert held.run("r1").reason == f"rolled back by {held.run('r1').actor}"


def test_a_forced_rollback_takes_later_publishes_off_main_and_the_ledger_says_so(lab: Lab) -> None:
    first = lab.materialize()
    lab.define("gold.c", [1])
    second = lab.materialize()
    lab.rollback(first, force=True)
    assert lab.rows("gold.c") is None
    later = lab.run("r2")
    assert later.state is RunState.ROLLED_BACK
    assert step(later, "gold.c").reason == "rolled back with run r1"
    with pytest.raises(UsageError, match="run r2 has nothing on main to roll back"):
        lab.rollback(second, force=True)


# one writer


def busy_with(lab: Lab, name: str) -> Lease:
    lease = Lease("r99", "token", frozenset({key(name)}), lab.holder)
    lab.ledger.acquire(lease)
    return lease


def test_a_busy_asset_is_refused_at_once_naming_the_run_that_holds_it(lab: Lab) -> None:
    lease = busy_with(lab, "silver.b")
    with pytest.raises(BusyError, match=r"silver\.b is busy: run r99 is at work"):
        lab.materialize()
    assert lab.ledger.runs() == ()
    lab.ledger.release(lease)
    assert states(lab.materialize())["run"] == "published"


def test_every_decision_waits_for_the_lease_too(held: Lab) -> None:
    busy_with(held, "silver.b")
    verbs: list[Any] = [held.retry, held.publish, held.discard, held.rollback]
    for verb in verbs:
        with pytest.raises(BusyError):
            verb("r1")
    assert states(held.run())["run"] == "held"


def test_a_run_that_loses_its_lease_publishes_nothing(lab: Lab) -> None:
    """Its process slept too long, another took over: the commit asserts the token."""

    def take_over() -> None:
        lab.pid += 1
        lab.ledger.acquire(Lease("r99", "other", frozenset(lab.assets), lab.holder))

    lab.at("auditor.audit<", take_over)
    with pytest.raises(BusyError, match="run r1 has lost its lease"):
        lab.materialize()
    assert [lab.main(name) for name in ("bronze.a", "silver.b", "gold.c")] == [None, None, None]
    assert states(lab.run())["run"] == "abandoned"


def test_an_append_that_depends_on_nothing_lands_once_for_each_run(lab: Lab) -> None:
    lab.define("bronze.z", [5], write=WriteMode.APPEND)
    lab.materialize("bronze.z")
    lab.materialize("bronze.z")
    assert lab.rows("bronze.z") == [5, 5]


def test_a_retry_publishes_what_is_made_from_an_asset_that_was_published_by_force(lab: Lab) -> None:
    """Its checks still say no; a reason was given why that does not matter."""
    lab.check("bronze.a", lambda *_: False)
    lab.materialize()
    lab.publish("r1", reason="I know")
    assert states(lab.retry("r1")) == {
        "run": "published",
        "bronze.a": "published",
        "silver.b": "published",
        "gold.c": "published",
    }
