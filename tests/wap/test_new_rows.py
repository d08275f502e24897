"""Incremental inputs in a run: every row is consumed once, whatever happens in between."""

from __future__ import annotations

import pytest

from lakeflow import wap
from lakeflow.core.model.asset import OnRewrite
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.write_mode import WriteMode
from tests.core.samples import keys
from tests.wap.doubles import Crash, Numbers
from tests.wap.lab import Lab, states

INCREMENTAL = {"write": WriteMode.APPEND, "new_rows": frozenset(keys("bronze.raw"))}


class Feed:
    """A root that appends what is given, and a silver asset that consumes its new rows, times ten."""

    def __init__(self, **fields: object) -> None:
        self.lab = Lab()
        self.next: Numbers = (1, 2)
        self.lab.define("bronze.raw", lambda _: self.next)
        self.fields = {**INCREMENTAL, **fields}
        self.define(10)
        self.lab.materialize()

    def define(self, factor: int) -> None:
        def recipe(inputs: object) -> list[int]:
            return [factor * number for number in inputs["bronze.raw"]]  # type: ignore[index]

        self.lab.define("silver.clean", recipe, "bronze.raw", **self.fields)

    def land(self, *numbers: int) -> None:
        self.next = numbers
        self.lab.materialize("bronze.raw")


def test_each_run_reads_only_what_came_since() -> None:
    feed = Feed()
    feed.land(3)
    feed.land(4)
    feed.lab.materialize("silver.clean")
    assert feed.lab.rows("silver.clean") == [10, 20, 30, 40]
    head = feed.lab.table("silver.clean").published
    assert head is not None
    assert (head.operation, head.added_rows) == ("append", 2)
    made = provenance_of(head.summary)
    assert made is not None
    assert (list(made.new_rows), made.inputs["bronze.raw"]) == (["bronze.raw"], feed.lab.main("bronze.raw"))
    assert feed.lab.is_fresh("silver.clean")


def test_rows_that_the_same_run_lands_are_consumed_from_its_branch() -> None:
    feed = Feed()
    feed.next = (3,)
    feed.lab.materialize()
    assert feed.lab.rows("silver.clean") == [10, 20, 30]


def test_an_upstream_that_ran_and_brought_nothing_leaves_the_asset_unchanged() -> None:
    feed = Feed()
    feed.next = ()
    feed.lab.materialize("bronze.raw")
    feed.lab.materialize("silver.clean")
    before = feed.lab.main("silver.clean")
    assert feed.lab.rows("silver.clean") == [10, 20]
    assert feed.lab.is_fresh("silver.clean")
    assert feed.lab.main("silver.clean") == before


def test_rows_that_a_held_run_consumed_are_consumed_again_by_its_retry() -> None:
    feed = Feed()
    feed.land(3)
    feed.lab.check("silver.clean", lambda rows, _: max(rows) < 25)
    held = feed.lab.materialize("silver.clean")
    assert states(held)["silver.clean"] == "held"
    feed.land(4)
    feed.lab.check("silver.clean", lambda rows, _: max(rows) < 99)
    assert states(feed.lab.retry(held))["silver.clean"] == "published"
    assert feed.lab.rows("silver.clean") == [10, 20, 30, 40]


def test_a_rollback_gives_the_rows_back_to_be_consumed_once_more() -> None:
    feed = Feed()
    feed.land(3)
    feed.lab.rollback(feed.lab.materialize("silver.clean"))
    assert feed.lab.rows("silver.clean") == [10, 20]
    feed.lab.materialize("silver.clean")
    assert feed.lab.rows("silver.clean") == [10, 20, 30]


@pytest.mark.parametrize("call", ["catalog.stage<", "catalog.commit>", "catalog.commit<", "auditor.audit<"])
def test_a_crash_at_any_point_neither_skips_nor_doubles_a_row(call: str) -> None:
    feed = Feed()
    feed.land(3)
    feed.lab.crash_at(call)
    with pytest.raises(Crash):
        feed.lab.materialize("silver.clean")
    feed.lab.reopen()
    feed.land(4)
    if not feed.lab.is_fresh("silver.clean"):
        feed.lab.materialize("silver.clean")
    assert feed.lab.rows("silver.clean") == [10, 20, 30, 40]


def test_a_compaction_of_the_upstream_changes_nothing() -> None:
    feed = Feed()
    feed.land(3)
    feed.lab.foreign_compact("bronze.raw")
    feed.land(4)
    feed.lab.materialize("silver.clean")
    assert feed.lab.rows("silver.clean") == [10, 20, 30, 40]


def test_rows_that_another_engine_appends_are_new_rows() -> None:
    feed = Feed()
    feed.lab.foreign_append("bronze.raw", (3,))
    feed.lab.materialize("silver.clean")
    assert feed.lab.rows("silver.clean") == [10, 20, 30]


def test_a_rewritten_upstream_rebuilds_the_asset_in_one_snapshot() -> None:
    feed = Feed()
    feed.lab.foreign_overwrite("bronze.raw", (7,))
    feed.lab.materialize("silver.clean")
    assert feed.lab.rows("silver.clean") == [70]
    feed.lab.foreign_append("bronze.raw", (8,))
    feed.lab.materialize("silver.clean")
    assert feed.lab.rows("silver.clean") == [70, 80]


def test_an_upstream_that_was_rolled_back_rebuilds_the_asset() -> None:
    feed = Feed()
    feed.next = (3,)
    landed = feed.lab.materialize("bronze.raw")
    feed.lab.materialize("silver.clean")
    feed.lab.rollback(landed)
    feed.lab.materialize("silver.clean")
    assert feed.lab.rows("silver.clean") == [10, 20]


def test_by_the_policy_hold_a_rewritten_upstream_waits_for_a_decision_and_readers_see_no_change() -> None:
    feed = Feed(on_rewrite=OnRewrite.HOLD)
    feed.lab.foreign_overwrite("bronze.raw", (7,))
    run = feed.lab.materialize("silver.clean")
    assert states(run) == {"run": "held", "silver.clean": "held"}
    assert "bronze.raw was rewritten" in run.steps[0].reason
    assert feed.lab.rows("silver.clean") == [10, 20]
    assert feed.lab.branches("silver.clean") == []


def test_changed_code_makes_everything_anew_or_by_the_policy_hold_only_what_comes() -> None:
    rebuilt, kept = Feed(), Feed(on_rewrite=OnRewrite.HOLD)
    for feed in (rebuilt, kept):
        feed.land(3)
        feed.define(100)
        feed.lab.materialize("silver.clean")
    assert rebuilt.lab.rows("silver.clean") == [100, 200, 300]
    assert kept.lab.rows("silver.clean") == [10, 20, 300]


def test_forcing_a_fresh_asset_consumes_no_row_twice() -> None:
    feed = Feed()
    feed.lab.materialize("silver.clean", forced=True)
    assert feed.lab.rows("silver.clean") == [10, 20]


def test_rows_of_another_engine_under_the_branch_keep_theirs_and_ours() -> None:
    feed = Feed()
    feed.land(3)
    feed.lab.at("auditor.audit<", lambda: feed.lab.foreign_append("silver.clean", (5,)))
    assert states(feed.lab.materialize("silver.clean"))["run"] == "published"
    assert feed.lab.rows("silver.clean") == [5, 10, 20, 30]
    assert feed.lab.is_fresh("silver.clean")


def kept(feed: Feed) -> set[int]:
    return set(feed.lab.table("bronze.raw").snapshots)


def test_what_was_consumed_up_to_is_kept_however_many_publishes_follow() -> None:
    feed = Feed()
    feed.lab.policy = wap.Policy(retry_pause=0.0, keep_snapshots=0)
    consumed = feed.lab.main("bronze.raw")
    for number in (3, 4, 5):
        feed.land(number)
    assert consumed in kept(feed)
    feed.lab.materialize("silver.clean")
    feed.land(6)
    assert consumed not in kept(feed), "it is read further by now"
    assert feed.lab.rows("silver.clean") == [10, 20, 30, 40, 50]


def test_what_a_run_at_work_has_read_is_kept() -> None:
    feed = Feed()
    feed.lab.policy = wap.Policy(retry_pause=0.0, keep_snapshots=0)
    feed.lab.define("gold.sum", lambda rows: [sum(rows["bronze.raw"])], "bronze.raw")
    feed.lab.crash_at("catalog.commit>")
    with pytest.raises(Crash):
        feed.lab.materialize("gold.sum")
    feed.lab.dead = False
    feed.lab.gate(lambda _: None)
    pinned = feed.lab.main("bronze.raw")
    for number in (3, 4):
        feed.land(number)
        feed.lab.materialize("silver.clean")
    feed.land(5)
    assert pinned in kept(feed)
