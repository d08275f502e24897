"""Publish or hold, and what becomes of a branch whose main moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import CheckResult, StepRecord, StepState
from lakeflow.core.model.table import Snapshot
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.verdict import Remedy, decide, hold_reason, reconcile, written_as
from tests.core.samples import ERRORED, FAILED, PASSED, WARNED, key, keys, made, snapshot, step, table

Needs = Mapping[AssetKey, frozenset[AssetKey]]
CHAIN: Needs = {
    key("silver.b"): frozenset(keys("bronze.a")),
    key("gold.c"): frozenset(keys("silver.b")),
}


def ruled(*steps: StepRecord, needs: Needs = CHAIN, all_or_nothing: bool = False) -> dict[str, str]:
    """Each asset with the reason of its hold, empty for a publish."""
    verdicts = decide({one.asset: one for one in steps}, needs, all_or_nothing=all_or_nothing)
    assert all(verdict.publish is (not verdict.reason) for verdict in verdicts.values())
    return {str(asset): verdict.reason for asset, verdict in verdicts.items()}


def test_new_rows_that_main_consumed_meanwhile_are_a_conflict_even_between_appends() -> None:
    """Two runs may have read the same ones; the second is to be made again."""
    theirs = table("silver.t", made(1), made(2, 1, new_rows={"bronze.raw": 7}))
    assert reconcile(theirs, 1, WriteMode.APPEND) is Remedy.CONFLICT


def test_everything_that_passed_is_published() -> None:
    assert ruled(step("bronze.a", PASSED), step("silver.b", PASSED), step("gold.c")) == {
        "bronze.a": "",
        "silver.b": "",
        "gold.c": "",
    }


def test_a_failed_critical_check_holds_the_asset_and_all_that_is_made_from_it() -> None:
    assert ruled(step("bronze.a", FAILED), step("silver.b"), step("gold.c")) == {
        "bronze.a": "value_not_null failed",
        "silver.b": "waits for bronze.a, which is not published",
        "gold.c": "waits for silver.b, which is not published",
    }


def test_a_held_asset_does_not_hold_what_it_is_made_from() -> None:
    assert ruled(step("bronze.a"), step("silver.b", FAILED), step("gold.c"))["bronze.a"] == ""


def test_a_failed_warning_does_not_hold() -> None:
    assert ruled(step("bronze.a", WARNED)) == {"bronze.a": ""}


def test_an_errored_check_holds_whatever_its_severity() -> None:
    assert ruled(step("bronze.a", PASSED, ERRORED)) == {"bronze.a": "value_known errored"}


def test_the_reason_names_the_first_check_and_counts_the_others() -> None:
    assert hold_reason((PASSED, ERRORED, WARNED, FAILED)) == "value_known errored and 1 more"


@pytest.mark.parametrize("state", [StepState.ERRORED, StepState.SKIPPED, StepState.CONFLICT, StepState.HELD])
def test_a_step_that_ended_badly_holds_what_needs_it(state: StepState) -> None:
    said = ruled(step("bronze.a", state=state, reason="a reason"), step("silver.b"))
    assert said == {"bronze.a": "a reason", "silver.b": "waits for bronze.a, which is not published"}


def test_a_step_that_ended_badly_without_a_word_holds_by_the_name_of_its_state() -> None:
    assert ruled(step("bronze.a", state=StepState.CONFLICT)) == {"bronze.a": "conflict"}


@pytest.mark.parametrize("state", [StepState.PUBLISHED, StepState.UNCHANGED, StepState.AUDITED])
def test_a_step_that_is_done_holds_nothing(state: StepState) -> None:
    assert ruled(step("bronze.a", state=state), step("silver.b")) == {"bronze.a": "", "silver.b": ""}


def test_a_fact_waits_for_the_dimension_that_its_check_refers_to() -> None:
    needs = {key("gold.fact"): frozenset(keys("gold.dim"))}
    said = ruled(step("gold.fact", PASSED), step("gold.dim", FAILED), needs=needs)
    assert said["gold.fact"] == "waits for gold.dim, which is not published"


def test_assets_that_need_each_other_are_published_together_or_not_at_all() -> None:
    mutual = {key("gold.a"): frozenset(keys("gold.b")), key("gold.b"): frozenset(keys("gold.a"))}
    assert ruled(step("gold.a"), step("gold.b"), needs=mutual) == {"gold.a": "", "gold.b": ""}
    assert all(ruled(step("gold.a"), step("gold.b", FAILED), needs=mutual).values())


def test_a_need_outside_the_run_holds_nothing() -> None:
    assert ruled(step("silver.b")) == {"silver.b": ""}


def test_all_or_nothing_holds_everything_and_names_the_culprit() -> None:
    said = ruled(step("bronze.a"), step("silver.b"), step("gold.z", FAILED), all_or_nothing=True)
    assert said["bronze.a"] == "all or nothing: gold.z is not published"
    assert said["gold.z"] == "value_not_null failed"


def test_all_or_nothing_publishes_everything_when_nothing_is_held() -> None:
    assert not any(ruled(step("bronze.a"), step("silver.b", WARNED), all_or_nothing=True).values())


NAMES = keys(" ".join(f"silver.t{n}" for n in range(6)))
STEPS = st.dictionaries(
    st.sampled_from(NAMES),
    st.tuples(
        st.lists(st.sampled_from([PASSED, FAILED, WARNED, ERRORED]), max_size=3),
        st.sampled_from([None, None, None, *StepState]),
    ),
    min_size=1,
).map(
    lambda found: {
        asset: StepRecord(asset, checks=tuple(checks), state=state) for asset, (checks, state) in found.items()
    }
)
NEEDS = st.dictionaries(st.sampled_from(NAMES), st.frozensets(st.sampled_from(NAMES), max_size=3))


def publishes(steps: Mapping[AssetKey, StepRecord], needs: Needs, everything: bool) -> set[AssetKey]:
    found = decide(steps, needs, all_or_nothing=everything)
    assert found.keys() == steps.keys()
    return {asset for asset, verdict in found.items() if verdict.publish}


@given(STEPS, NEEDS, st.booleans(), st.data())
def test_turning_a_check_to_failed_never_publishes_more(
    steps: dict[AssetKey, StepRecord], needs: Needs, everything: bool, data: st.DataObject
) -> None:
    worse = data.draw(st.sampled_from(sorted(steps)))
    broken: CheckResult = data.draw(st.sampled_from([FAILED, ERRORED]))
    after = {**steps, worse: replace(steps[worse], checks=(*steps[worse].checks, broken))}
    assert publishes(after, needs, everything) <= publishes(steps, needs, everything)


@given(STEPS, NEEDS, st.booleans())
def test_what_is_published_is_closed_over_its_needs(
    steps: dict[AssetKey, StepRecord], needs: Needs, everything: bool
) -> None:
    found = publishes(steps, needs, everything)
    assert all(needs.get(asset, frozenset()) & steps.keys() <= found for asset in found)
    if everything:
        assert found in (set(), set(steps))


@given(STEPS, NEEDS)
def test_nothing_is_held_without_a_cause_of_its_own_or_a_held_need(
    steps: dict[AssetKey, StepRecord], needs: Needs
) -> None:
    found = publishes(steps, needs, everything=False)
    for asset in steps.keys() - found:
        alone = hold_reason(steps[asset].checks) or (steps[asset].state is not None and not steps[asset].done)
        assert alone or needs.get(asset, frozenset()) & steps.keys() - found


def grown(*operations: str) -> tuple[Snapshot, ...]:
    """Snapshot 1 of ours, then a commit of another engine for each operation."""
    return (made(1), *(snapshot(n + 2, n + 1, what) for n, what in enumerate(operations)))


@pytest.mark.parametrize(
    ("mode", "theirs", "remedy"),
    [
        (WriteMode.APPEND, (), Remedy.NONE),
        (WriteMode.APPEND, ("append",), Remedy.RESTAGE),
        (WriteMode.APPEND, ("append", "replace", "append"), Remedy.RESTAGE),
        (WriteMode.APPEND, ("replace",), Remedy.RESTAGE),
        (WriteMode.APPEND, ("overwrite",), Remedy.CONFLICT),
        (WriteMode.APPEND, ("append", "delete"), Remedy.CONFLICT),
        (WriteMode.REPLACE, (), Remedy.NONE),
        (WriteMode.REPLACE, ("replace",), Remedy.RESTAGE),
        (WriteMode.REPLACE, ("replace", "replace"), Remedy.RESTAGE),
        (WriteMode.REPLACE, ("append",), Remedy.CONFLICT),
        (WriteMode.REPLACE, ("replace", "overwrite"), Remedy.CONFLICT),
        (WriteMode.UPSERT, (), Remedy.NONE),
        (WriteMode.UPSERT, ("replace",), Remedy.REWRITE),
        (WriteMode.PARTITION, ("replace", "replace"), Remedy.REWRITE),
        (WriteMode.SCD2, ("replace",), Remedy.REWRITE),
        (WriteMode.UPSERT, ("append",), Remedy.CONFLICT),
    ],
)
def test_what_may_go_on_top_of_which_commits(mode: WriteMode, theirs: tuple[str, ...], remedy: Remedy) -> None:
    assert reconcile(table("silver.t", *grown(*theirs)), 1, mode) is remedy


def test_a_first_publish_goes_on_top_of_a_foreign_first_append() -> None:
    born = table("silver.t", snapshot(5))
    assert reconcile(born, None, WriteMode.APPEND) is Remedy.RESTAGE
    assert reconcile(born, None, WriteMode.REPLACE) is Remedy.CONFLICT


def test_a_main_that_was_rolled_back_below_the_base_is_a_conflict() -> None:
    back = table("silver.t", made(1), made(2, 1), main=1)
    assert reconcile(back, 2, WriteMode.APPEND) is Remedy.CONFLICT


def test_a_main_that_was_removed_is_a_conflict() -> None:
    unborn = replace(table("silver.t", made(1)), refs={})
    assert reconcile(unborn, 1, WriteMode.APPEND) is Remedy.CONFLICT


def test_a_base_that_expired_meanwhile_is_still_recognised_by_its_child() -> None:
    expired = table("silver.t", snapshot(2, 1), snapshot(3, 2))
    assert reconcile(expired, 1, WriteMode.APPEND) is Remedy.RESTAGE


def test_a_history_that_does_not_reach_the_base_is_a_conflict() -> None:
    cut = table("silver.t", snapshot(8, 7), snapshot(9, 8))
    assert reconcile(cut, 1, WriteMode.APPEND) is Remedy.CONFLICT


@pytest.mark.parametrize("mode", WriteMode)
def test_a_snapshot_was_written_in_the_mode_that_it_says_whatever_its_operation(mode: WriteMode) -> None:
    assert written_as(made(1, operation="append", write=mode.value)) is mode
    assert written_as(made(1, operation="overwrite", write=mode.value)) is mode


def test_a_snapshot_that_says_no_mode_was_an_append_only_if_its_operation_is() -> None:
    for said in (made, snapshot):
        assert written_as(said(1, operation="append")) is WriteMode.APPEND
        assert written_as(said(1, operation="overwrite")) is WriteMode.REPLACE
