"""Another engine commits to main while a run is under way, or while its result is held."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lakeflow.core.model.run import RunRecord, StepRecord
from lakeflow.core.model.write_mode import WriteMode
from tests.core.samples import key
from tests.wap.lab import Lab, states

BEFORE_COMMIT = "catalog.commit>"


def step(run: RunRecord, name: str) -> StepRecord:
    found = run.step(key(name))
    assert found is not None
    return found


@pytest.fixture
def standing(lab: Lab) -> Lab:
    """Everything published, and new rows to land in bronze.a."""
    lab.materialize()
    lab.define("bronze.a", [3], reads=("a.csv",))
    return lab


@pytest.mark.parametrize("moment", ["engine.produce<", "catalog.stage>"])
def test_what_came_to_main_during_the_write_is_put_below_an_append(standing: Lab, moment: str) -> None:
    standing.at(moment, lambda: standing.foreign_append("bronze.a", [50]))
    run = standing.materialize("bronze.a")
    assert states(run) == {"run": "published", "bronze.a": "published"}
    assert standing.rows("bronze.a") == [1, 2, 3, 50]
    assert standing.auditor.audited[-1] == standing.main("bronze.a") == step(run, "bronze.a").snapshot_id


def test_rows_that_came_during_the_write_of_a_replace_are_a_conflict_and_nothing_is_lost(standing: Lab) -> None:
    standing.define("silver.b", [9])
    standing.at("catalog.stage>", lambda: standing.foreign_append("silver.b", [70]))
    run = standing.materialize("silver.b")
    assert states(run)["silver.b"] == "conflict"
    assert 70 in (standing.rows("silver.b") or ())


def test_an_append_goes_on_top_of_a_foreign_append_and_is_audited_anew(standing: Lab) -> None:
    standing.at(BEFORE_COMMIT, lambda: standing.foreign_append("bronze.a", [50]))
    run = standing.materialize("bronze.a")
    assert states(run) == {"run": "published", "bronze.a": "published"}
    assert standing.rows("bronze.a") == [1, 2, 3, 50]
    assert standing.auditor.audited[-1] == standing.main("bronze.a") == step(run, "bronze.a").snapshot_id


def test_what_the_new_snapshot_fails_is_held_although_the_old_one_passed(standing: Lab) -> None:
    standing.check("bronze.a", lambda rows, _: 50 not in rows)
    standing.at(BEFORE_COMMIT, lambda: standing.foreign_append("bronze.a", [50]))
    assert states(standing.materialize("bronze.a")) == {"run": "held", "bronze.a": "held"}
    assert standing.rows("bronze.a") == [1, 2, 50]


def test_everything_made_from_a_superseded_snapshot_is_made_again_down_to_the_last(standing: Lab) -> None:
    standing.at(BEFORE_COMMIT, lambda: standing.foreign_append("bronze.a", [50]))
    run = standing.materialize()
    assert states(run)["run"] == "published"
    assert (standing.rows("silver.b"), standing.rows("gold.c")) == ([2, 4, 6, 100], [112])
    for name, upstream in (("silver.b", "bronze.a"), ("gold.c", "silver.b")):
        assert step(run, name).inputs == {upstream: standing.main(upstream)}
    assert standing.is_fresh()


def test_what_was_checked_against_a_superseded_snapshot_is_audited_again() -> None:
    lab = Lab()
    lab.define("bronze.dim", [1], reads=("x",))
    lab.define("gold.fact", [1])
    lab.check("gold.fact", lambda rows, named: 50 not in named["bronze.dim"], "bronze.dim")
    lab.materialize("bronze.dim")
    lab.define("bronze.dim", [2], reads=("x",))
    lab.at(BEFORE_COMMIT, lambda: lab.foreign_append("bronze.dim", [50]))
    assert states(lab.materialize()) == {"run": "held", "bronze.dim": "published", "gold.fact": "held"}


@pytest.mark.parametrize("name", ["bronze.a", "silver.b"])
def test_a_compaction_is_never_in_the_way(standing: Lab, name: str) -> None:
    standing.at(BEFORE_COMMIT, lambda: standing.foreign_compact(name))
    assert states(standing.materialize())["run"] == "published"
    assert [standing.rows(one) for one in standing_names] == [[1, 2, 3], [2, 4, 6], [12]]


def test_a_merge_is_written_again_on_top_of_a_compaction(standing: Lab) -> None:
    standing.define("silver.m", lambda rows: rows["bronze.a"], "bronze.a", write=WriteMode.UPSERT)
    standing.materialize("silver.m")
    standing.define("silver.m", [7, 3], "bronze.a", write=WriteMode.UPSERT)
    standing.at(BEFORE_COMMIT, lambda: standing.foreign_compact("silver.m"))
    assert states(standing.materialize("silver.m"))["run"] == "published"
    assert standing.rows("silver.m") == [1, 3, 7]
    assert standing.engine.ran[-2:] == [key("silver.m")] * 2


def test_a_merge_over_rows_that_came_meanwhile_is_a_conflict(standing: Lab) -> None:
    """Also one that only adds rows: the same keys may be among those that came."""
    standing.define("silver.m", [1, 2], "bronze.a", write=WriteMode.UPSERT)
    standing.materialize("silver.m")
    standing.define("silver.m", [3], "bronze.a", write=WriteMode.UPSERT)
    standing.at(BEFORE_COMMIT, lambda: standing.foreign_append("silver.m", [8]))
    assert states(standing.materialize("silver.m"))["run"] == "conflict"
    assert standing.rows("silver.m") == [1, 2, 8]


standing_names = ("bronze.a", "silver.b", "gold.c")


def test_a_replace_over_foreign_rows_is_a_conflict_that_publishes_nothing_and_loses_nothing(standing: Lab) -> None:
    before = standing.main("bronze.a")
    standing.at(BEFORE_COMMIT, lambda: standing.foreign_append("silver.b", [70]))
    run = standing.materialize()
    assert states(run) == {"run": "conflict", "bronze.a": "held", "silver.b": "conflict", "gold.c": "held"}
    assert standing.main("bronze.a") == before
    assert standing.rows("silver.b") == [2, 4, 70]
    assert [standing.branches(name) for name in standing_names] == [["audit_r2"]] * 3
    assert "main moved since this step was planned (append of 1 row)" in step(run, "silver.b").reason
    assert step(run, "bronze.a").reason == "silver.b is in conflict: nothing of this run is published"


def test_a_retry_after_a_conflict_starts_from_todays_main(standing: Lab) -> None:
    standing.at(BEFORE_COMMIT, lambda: standing.foreign_append("silver.b", [70]))
    run = standing.retry(standing.materialize())
    assert states(run)["run"] == "published"
    assert [standing.rows(name) for name in standing_names] == [[1, 2, 3], [2, 4, 6], [12]]


def test_an_append_over_a_foreign_overwrite_is_a_conflict(standing: Lab) -> None:
    standing.at(BEFORE_COMMIT, lambda: standing.foreign_overwrite("bronze.a", [8]))
    assert states(standing.materialize("bronze.a"))["run"] == "conflict"
    assert standing.rows("bronze.a") == [8]


def test_rows_that_come_between_plan_and_fork_go_below_an_append_and_into_what_is_made_of_it(standing: Lab) -> None:
    standing.at("engine.produce>", lambda: standing.foreign_append("bronze.a", [50]))
    assert states(standing.materialize())["run"] == "published"
    assert standing.rows("bronze.a") == [1, 2, 3, 50]
    assert 100 in (standing.rows("silver.b") or ())


def test_an_overwrite_between_plan_and_fork_is_a_conflict_of_that_step(standing: Lab) -> None:
    standing.at("engine.produce>", lambda: standing.foreign_overwrite("bronze.a", [50]))
    run = standing.materialize()
    assert states(run) == {"run": "conflict", "bronze.a": "conflict", "silver.b": "skipped", "gold.c": "skipped"}
    assert standing.rows("bronze.a") == [50]


def test_an_input_from_outside_the_run_that_was_taken_back_is_a_conflict(standing: Lab) -> None:
    """gold.c was made from a silver.b that is not in its main any more when the publish comes."""
    standing.define("silver.b", [9])
    second = standing.materialize("silver.b")
    standing.at(BEFORE_COMMIT, lambda: standing.rollback(second))
    run = standing.materialize("gold.c")
    assert states(run) == {"run": "conflict", "gold.c": "conflict"}
    assert (standing.rows("silver.b"), standing.rows("gold.c")) == ([2, 4], [6])


def test_an_input_that_only_moved_on_is_no_conflict(standing: Lab) -> None:
    standing.define("gold.c", lambda rows: [max(rows["silver.b"])], "silver.b")
    standing.at(BEFORE_COMMIT, lambda: standing.foreign_append("silver.b", [70]))
    assert states(standing.materialize("gold.c"))["run"] == "published"
    assert standing.rows("gold.c") == [4]
    assert not standing.is_fresh("gold.c"), "and it is stale again"


def test_a_main_that_never_stands_still_ends_as_a_conflict(standing: Lab) -> None:
    def again(call: str) -> None:
        if call == BEFORE_COMMIT:
            standing.foreign_append("bronze.a", [50])

    standing.gate(again)
    run = standing.materialize("bronze.a")
    assert states(run) == {"run": "conflict", "bronze.a": "conflict"}
    assert step(run, "bronze.a").reason.startswith("bronze.a: expected main to be")
    assert standing.branches("bronze.a") == ["audit_r2"]
    standing.gate(lambda _: None)
    assert states(standing.retry(run))["run"] == "published"
    assert standing.rows("bronze.a") == [1, 2, 3, 50, 50, 50, 50, 50]


def test_main_that_moves_while_a_branch_is_put_on_top_is_tried_again(standing: Lab) -> None:
    left = iter([BEFORE_COMMIT, "catalog.restage<"])
    calls = [next(left)]

    def twice(call: str) -> None:
        if calls and call == calls[0]:
            calls[:] = [following] if (following := next(left, None)) else []
            standing.foreign_append("bronze.a", [50])

    standing.gate(twice)
    assert states(standing.materialize("bronze.a"))["run"] == "published"
    assert standing.rows("bronze.a") == [1, 2, 3, 50, 50]


def test_a_held_append_is_published_on_top_of_what_came_meanwhile(standing: Lab) -> None:
    standing.check("bronze.a", lambda *_: False)
    run = standing.materialize("bronze.a")
    standing.foreign_append("bronze.a", [50])
    standing.check("bronze.a", lambda *_: True)
    assert states(standing.publish(run))["run"] == "published"
    assert standing.rows("bronze.a") == [1, 2, 3, 50]


def test_publish_runs_no_code_so_what_was_made_from_a_superseded_snapshot_waits_for_a_retry(standing: Lab) -> None:
    standing.check("gold.c", lambda *_: False)
    run = standing.materialize(all_or_nothing=True)
    standing.foreign_append("bronze.a", [50])
    standing.check("gold.c", lambda *_: True)
    standing.engine.ran.clear()
    published = standing.publish(run)
    assert (states(published)["run"], states(published)["silver.b"]) == ("conflict", "conflict")
    assert (standing.rows("bronze.a"), standing.engine.ran) == ([1, 2, 50], [])
    assert states(standing.retry(run))["run"] == "published"
    assert standing.rows("gold.c") == [112]


def test_a_first_append_goes_on_top_of_a_foreign_first_append() -> None:
    lab = Lab()
    lab.define("bronze.a", [1], reads=("x",))
    lab.at(BEFORE_COMMIT, lambda: lab.foreign_append("bronze.a", [50]))
    assert states(lab.materialize())["run"] == "published"
    assert lab.rows("bronze.a") == [1, 50]


def test_a_silver_append_whose_input_was_superseded_is_made_again_on_top_of_foreign_rows(standing: Lab) -> None:
    """Both tables moved: the reader is not only put on top, it is made from the new input."""
    standing.define("silver.b", lambda rows: [sum(rows["bronze.a"])], "bronze.a", write=WriteMode.APPEND)

    def both() -> None:
        standing.foreign_append("bronze.a", [50])
        standing.foreign_append("silver.b", [7])

    standing.at(BEFORE_COMMIT, both)
    run = standing.materialize()
    assert states(run)["run"] == "published"
    assert standing.rows("silver.b") == [2, 4, 7, 56]


def test_what_a_check_refers_to_outside_of_the_run_is_still_known_once_main_has_moved() -> None:
    lab = Lab()
    lab.define("bronze.dim", [1], reads=("x",))
    lab.materialize()
    lab.define("gold.fact", [1], write=WriteMode.APPEND)
    lab.check("gold.fact", lambda _, named: list(named["bronze.dim"]) == [1], "bronze.dim")
    lab.materialize("gold.fact")
    lab.define("gold.fact", [2], write=WriteMode.APPEND)
    lab.at(BEFORE_COMMIT, lambda: lab.foreign_append("gold.fact", [50]))
    assert states(lab.materialize("gold.fact"))["run"] == "published"
    assert lab.rows("gold.fact") == [1, 2, 50]


def test_a_main_that_was_removed_meanwhile_is_a_conflict_that_says_so(standing: Lab) -> None:
    first = standing.run("r1")
    standing.check("bronze.a", lambda *_: False)
    held = standing.materialize("bronze.a")
    standing.rollback(first)
    standing.check("bronze.a", lambda *_: True)
    run = standing.publish(held)
    assert states(run)["run"] == "conflict"
    assert step(run, "bronze.a").reason == (
        "main moved since this step was planned (main was removed); `lakeflow retry` writes it again from today's main"
    )


def test_a_held_append_is_still_an_append_when_its_asset_is_declared_otherwise_by_now(standing: Lab) -> None:
    standing.check("bronze.a", lambda *_: False)
    run = standing.materialize("bronze.a")
    standing.foreign_append("bronze.a", [50])
    standing.check("bronze.a", lambda *_: True)
    standing.assets[key("bronze.a")] = replace(standing.assets[key("bronze.a")], write=WriteMode.REPLACE)
    assert states(standing.publish(run))["run"] == "published"
    assert standing.rows("bronze.a") == [1, 2, 3, 50]
