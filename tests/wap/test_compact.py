"""Rows move into fewer files, and readers see none of it: told of tables as values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lakeflow.core.compact.results import Compacted, CompactOutcome, Size
from lakeflow.core.compact.stored import StoredManifest
from lakeflow.core.errors import ConflictError, LakeError
from lakeflow.core.model.asset import Column
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.layout import Layout, SortField
from lakeflow.core.model.run import Action, Lease, Ruling, RunState, StepState
from lakeflow.core.run.resources import Resources
from tests.core.samples import key
from tests.wap.compacting import SMALL, A, B, Story
from tests.wap.doubles import Crash


@pytest.fixture
def story() -> Story:
    made = Story()
    made.lands(1, 2)
    made.lands(3)
    return made


def test_files_become_one_by_a_run_that_readers_do_not_notice(story: Story) -> None:
    was, files = story.main(A), story.files()
    done = story.compact()
    assert files == [(1, 2), (3,)]
    assert story.files() == [(1, 2, 3)]
    assert done == Compacted(
        key(A),
        CompactOutcome.COMPACTED,
        run=story.ledger.runs(1)[0].id,
        snapshot_id=story.main(A),
        before=Size(2, 3 * SMALL),
        after=Size(1, 3 * SMALL),
        rewritten=2,
        rewritten_bytes=3 * SMALL,
        rows=3,
    )
    table = story.table(A)
    assert table.snapshots[done.snapshot_id or 0].parent_id == was
    assert story.is_tidy()
    assert story.claimed, "nothing is written to a warehouse that is another lake's"


def test_the_run_that_moved_rows_is_recorded_with_its_verdict_and_its_proof(story: Story) -> None:
    story.check(A, lambda rows, _: bool(rows))
    story.lands(*range(10, 40))
    was = story.main(A)
    before = story.ruled()
    done = story.compact(target=30 * SMALL)
    run = story.run(done.run)
    assert (run.state, run.actor, run.selection) == (RunState.PUBLISHED, "anna", (A,))
    assert run.ended_at is not None
    assert run.ended_at > run.started_at
    (step,) = run.steps
    assert (step.action, step.state, step.base_id) == (Action.COMPACT, StepState.PUBLISHED, was)
    assert (step.snapshot_id, step.ended_at) == (done.snapshot_id, run.ended_at)
    assert step.reasons == ("2 files of 3 to be written anew",)
    assert [(check.name, check.outcome, check.rows) for check in step.checks] == [
        ("rule", Outcome.PASSED, None),
        ("rows", Outcome.PASSED, None),
        ("same rows", Outcome.PASSED, 3),
    ]
    verdict = story.ruled()
    assert (verdict.run, verdict.snapshot_id, verdict.at) == (run.id, done.snapshot_id, run.ended_at)
    assert (verdict.ruling, verdict.passed, verdict.total) == (Ruling.PUBLISH, 3, 3)
    assert (verdict.code_version, verdict.checks_digest) == (before.code_version, before.checks_digest)


def test_what_it_stages_says_whose_it_is_and_keeps_the_layout_that_is_declared(story: Story) -> None:
    layout = Layout(sort_by=(SortField("value"),))
    story.assets[key(A)] = replace(story.assets[key(A)], layout=layout, columns={"value": Column(pii=True)})
    story.policy = replace(story.policy, machine=Resources(3, 512), file_bytes=1_000_000)
    was, gone = story.main(A), story.catalog.scan(story.table(A), story.main(A)).files
    done = story.compact()
    (asked,), ((scan, rewrite, resources),) = story.catalog.asked, story.engine.moves
    assert (scan.snapshot_id, resources, rewrite.file_bytes) == (was, Resources(3, 512), 1_000_000)
    assert (rewrite.layout, rewrite.directory) == (layout, story.catalog.data_directory(story.table(A)))
    assert (asked.base, asked.branch, asked.layout) == (was, f"audit_{done.run}", layout)
    assert (asked.removes, asked.pii) == (frozenset(gone), frozenset({"value"}))
    assert asked.summary["lakeflow.compacted-by"] == done.run
    assert story.catalog.layouts == [layout] * len(story.catalog.layouts)


def test_a_proof_stays_with_the_snapshot_and_every_snapshot_stays(story: Story) -> None:
    story.policy = replace(story.policy, keep_snapshots=1)
    there = {*story.table(A).snapshots}
    done = story.compact()
    assert {*story.table(A).snapshots} == {*there, done.snapshot_id}
    publish = story.catalog.published[-1]
    assert (publish.key, publish.uuid, publish.branch) == (key(A), story.table(A).uuid, f"audit_{done.run}")
    assert done.run in publish.proof
    assert "same rows" in publish.proof


def test_only_looking_writes_nothing_and_claims_nothing(story: Story) -> None:
    story.claimed.clear()
    runs = len(story.ledger.runs(100))
    done = story.compact(dry=True)
    assert done == Compacted(
        key(A),
        CompactOutcome.DUE,
        before=Size(2, 3 * SMALL),
        after=Size(1, 3 * SMALL),
        rewritten=2,
        rewritten_bytes=3 * SMALL,
    )
    assert (story.engine.moves, story.claimed, len(story.ledger.runs(100))) == ([], [], runs)
    story.compact()
    nothing = story.compact(dry=True)
    assert nothing == Compacted(key(A), CompactOutcome.NOTHING, before=Size(1, 24), after=Size(1, 24))


def test_the_size_of_a_file_is_asked_for_or_that_of_the_settings(story: Story) -> None:
    assert story.compact(target=SMALL, dry=True).outcome is CompactOutcome.NOTHING
    story.policy = replace(story.policy, file_bytes=SMALL)
    assert story.compact(dry=True).outcome is CompactOutcome.NOTHING
    assert story.compact(target=100 * SMALL, dry=True).rewritten == 2
    assert story.compact(target=2 * SMALL + 1, dry=True).after == Size(2, 3 * SMALL)


def test_a_table_of_which_nothing_was_published_is_left_alone(story: Story) -> None:
    assert story.compact(B) == Compacted(key(B), CompactOutcome.NOTHING, "never published")
    story.check(B, lambda _, __: False)
    story.materialize(B)
    assert story.compact(B) == Compacted(key(B), CompactOutcome.NOTHING, "it was never published")


def test_what_cannot_be_read_is_told_and_the_next_table_is_compacted(story: Story) -> None:
    story.materialize(B)
    broken = {key(A): LakeError("its metadata is gone")}
    story.catalog.broken = broken
    left, done = story.all(B, A)
    assert left == Compacted(key(A), CompactOutcome.LEFT, "its metadata is gone")
    assert (done.asset, done.outcome) == (key(B), CompactOutcome.NOTHING)
    story.catalog.broken, story.catalog.unread = {}, {key(A): LakeError("a manifest is gone")}
    assert story.compact() == Compacted(key(A), CompactOutcome.LEFT, "a manifest is gone")


def test_rows_of_another_engine_get_no_verdict_by_being_moved(story: Story) -> None:
    story.foreign_append(A, [9])
    done = story.compact()
    assert done.outcome is CompactOutcome.LEFT
    assert "was never audited" in done.why


def test_what_a_run_holds_on_a_branch_is_not_moved_from_under_it(story: Story) -> None:
    story.check(A, lambda rows, _: 7 not in rows)
    story.lands(7)
    done = story.compact()
    assert (done.outcome, done.why) == (
        CompactOutcome.LEFT,
        f"run {story.ledger.runs(1)[0].id} holds a branch of it: publish it, or discard it, first",
    )


def test_a_table_whose_layout_was_declared_anew_waits_for_its_next_run(story: Story) -> None:
    story.catalog.other_layout = {key(A)}
    assert story.compact() == Compacted(
        key(A),
        CompactOutcome.LEFT,
        "its layout was declared anew, and the next run brings it",
        before=Size(2, 3 * SMALL),
    )


def test_many_manifests_are_merged_where_no_file_is(story: Story) -> None:
    story.compact()
    head = story.main(A) or 0
    story.catalog.manifests[head] = tuple(StoredManifest(0, 10) for _ in range(4))
    for layout in ((), (key(A),)):
        story.catalog.other_layout = {*layout}
        story.catalog.deletes = {head: ("one.parquet",)} if layout else {}
        due = story.compact(dry=True)
        assert due.before.deletes == due.after.deletes == len(layout)
        assert (due.outcome, due.before.manifests, due.after.manifests) == (CompactOutcome.DUE, 4, 1)
    story.catalog.deletes = {}
    done = story.compact()
    assert (done.outcome, done.rewritten, done.before.manifests) == (CompactOutcome.COMPACTED, 0, 4)
    assert story.catalog.asked[-1].removes == frozenset()
    assert story.files() == [(1, 2, 3)]


def test_with_delete_files_every_file_is_written_anew_and_none_of_them_stays(story: Story) -> None:
    story.catalog.deletes[story.main(A) or 0] = ("one.parquet", "two.parquet")
    due = story.compact(dry=True)
    assert (due.before.deletes, due.after.deletes) == (2, 0)
    done = story.compact()
    assert (done.outcome, done.before.deletes, done.after.deletes) == (CompactOutcome.COMPACTED, 2, 0)
    assert story.catalog.asked[-1].removes is None


def test_files_that_are_large_enough_stay_and_only_the_small_ones_go(story: Story) -> None:
    story.lands(*range(10, 40))
    large, gone = story.files()[-1], 3 * SMALL
    done = story.compact(target=30 * SMALL)
    assert (done.rewritten, done.rewritten_bytes, done.rows) == (2, gone, 3)
    assert sorted(story.files(), key=len) == [(1, 2, 3), large]
    assert done.after == Size(2, 33 * SMALL)


def test_a_run_at_work_goes_first_and_no_file_is_written(story: Story) -> None:
    story.leased(B)
    lease = story.leased()
    done = story.compact()
    assert (done.outcome, done.why) == (CompactOutcome.BUSY, "run rx is at work on it")
    assert (done.rewritten, story.engine.moves) == (2, [])
    story.ledger.release(lease)
    assert story.compact().outcome is CompactOutcome.COMPACTED


def test_the_lease_of_a_process_that_died_keeps_nobody_back(story: Story) -> None:
    story.leased()
    story.reopen()
    assert story.compact().outcome is CompactOutcome.COMPACTED


def test_a_run_that_begins_during_the_work_goes_first_and_what_was_written_goes(story: Story) -> None:
    story.at("engine.rewrite<", story.leased)
    done = story.compact()
    assert done.outcome is CompactOutcome.BUSY
    assert "rx" in done.why
    assert (done.rewritten, len(story.engine.dropped)) == (2, 1)


def test_who_lost_the_lease_records_and_stages_nothing(story: Story) -> None:
    runs = len(story.ledger.runs(100))

    def lose() -> None:
        (held,) = story.ledger.standing().held
        story.ledger.release(Lease(held.run, held.token, frozenset({held.asset}), story.holder))

    story.at("ledger.acquire<", lose)
    assert story.compact().outcome is CompactOutcome.BUSY
    assert (len(story.ledger.runs(100)), story.catalog.asked, story.branches(A)) == (runs, [], [])


def test_who_waits_waits_for_a_run_that_is_at_work(story: Story) -> None:
    lease, tries = story.leased(), iter([True])

    def gate(call: str) -> None:
        if call == "ledger.acquire<" or (call == "ledger.acquire>" and not next(tries, False)):
            story.ledger.release(lease)

    story.gate(gate)
    assert story.compact(wait=5.0).outcome is CompactOutcome.COMPACTED


def test_rows_that_came_during_the_work_stay_and_a_second_pass_moves_them_too(story: Story) -> None:
    story.at("engine.rewrite<", lambda: story.lands(4, 5))
    done = story.compact()
    assert sorted(story.files()[0]) == [1, 2, 3, 4, 5]
    assert (done.outcome, done.before, done.after) == (
        CompactOutcome.COMPACTED,
        Size(2, 3 * SMALL),
        Size(1, 5 * SMALL),
    )
    assert (done.rewritten, done.rewritten_bytes, done.rows) == (4, 8 * SMALL, 8)
    assert story.steps()[:3] == [Action.COMPACT, Action.COMPACT, Action.WRITE]
    assert not story.engine.dropped


def test_while_rows_keep_coming_it_is_gone_over_three_times(story: Story) -> None:
    def gate(call: str) -> None:
        if call == "engine.rewrite<":
            story.gate(lambda _: None)
            story.lands(5)
            story.gate(gate)

    story.gate(gate)
    done = story.compact()
    assert (len(story.engine.moves), done.rewritten, done.after.files) == (3, 6, 2)
    assert story.steps()[:6] == [Action.COMPACT, Action.WRITE] * 3


def test_rows_that_came_during_the_work_are_not_lost_where_delete_files_went(story: Story) -> None:
    story.catalog.deletes[story.main(A) or 0] = ("one.parquet",)
    story.at("engine.rewrite<", lambda: story.lands(4, 5))
    done = story.compact()
    assert done.outcome is CompactOutcome.COMPACTED
    assert sorted(number for file in story.files() for number in file) == [1, 2, 3, 4, 5]
    assert len(story.engine.dropped) == 1


def test_where_rows_went_during_the_work_it_is_done_anew(story: Story) -> None:
    story.lands(4)
    last = story.ledger.runs(1)[0].id
    story.at("engine.rewrite<", lambda: story.rollback(last, force=True))
    done = story.compact()
    assert (done.outcome, story.files()) == (CompactOutcome.COMPACTED, [(1, 2, 3)])
    assert len(story.engine.dropped) == 1


def test_after_three_tries_it_is_left_for_another_time(story: Story) -> None:
    count = iter(range(100))

    def gate(call: str) -> None:
        if call == "engine.rewrite<":
            story.foreign_overwrite(A, [next(count), 100])
            story.clock()
            story.gate(lambda _: None)
            story.materialize(A, forced=True)
            story.gate(gate)

    story.gate(gate)
    done = story.compact()
    assert done == Compacted(key(A), CompactOutcome.BUSY, "others kept changing it meanwhile")
    assert (len(story.engine.moves), len(story.engine.dropped)) == (3, 3)


def test_a_commit_that_lost_a_race_is_tried_anew(story: Story) -> None:
    def lose() -> None:
        raise ConflictError("another commit came first")

    story.at("catalog.compact>", lose)
    assert story.compact().outcome is CompactOutcome.COMPACTED
    assert len(story.engine.dropped) == 1
    assert story.is_tidy()


def test_a_table_that_is_gone_meanwhile_is_compacted_no_more(story: Story) -> None:
    story.at("engine.rewrite<", lambda: story.catalog._tables.pop(key(A)))
    assert story.compact() == Compacted(key(A), CompactOutcome.NOTHING, "never published")
    assert len(story.engine.dropped) == 1


def test_files_that_a_collector_took_are_written_again(story: Story) -> None:
    story.engine.lost = True
    story.at("catalog.compact<", lambda: None)
    assert story.compact().outcome is CompactOutcome.BUSY
    assert (len(story.engine.moves), len(story.engine.dropped)) == (3, 3)
    assert story.is_tidy()


@pytest.mark.parametrize("deletes", [(), ("left.parquet",)])
def test_a_snapshot_that_holds_other_files_than_it_must_is_never_published(
    deletes: tuple[str, ...], story: Story
) -> None:
    was = story.main(A)
    if deletes:
        story.catalog.leaves = deletes
    else:
        story.catalog.forgets = 1
    with pytest.raises(LakeError, match=r"bronze\.a: the compaction does not hold the files that it must; nothing was"):
        story.compact()
    assert story.main(A) == was
    assert story.is_tidy()
    run = story.ledger.runs(1)[0]
    assert (run.state, run.reason) == (RunState.DISCARDED, "stopped by LakeError")
    assert run.ended_at is not None
    assert run.ended_at > run.started_at


@pytest.mark.parametrize("call", ["catalog.compact<", "catalog.commit>"])
def test_one_that_fails_leaves_no_branch_and_the_next_one_goes_through(call: str, story: Story) -> None:
    def fail() -> None:
        raise OSError("the disk is full")

    story.at(call, fail)
    with pytest.raises(OSError, match="the disk is full"):
        story.compact()
    assert story.is_tidy()
    run = story.ledger.runs(1)[0]
    assert (run.state, run.reason) == (RunState.DISCARDED, "stopped by OSError")
    assert story.compact().outcome is CompactOutcome.COMPACTED


def test_one_that_fails_after_its_commit_stays_what_it_is(story: Story) -> None:
    def fail() -> None:
        raise OSError("the wire is cut")

    story.at("catalog.commit<", fail)
    with pytest.raises(OSError, match="the wire is cut"):
        story.compact()
    assert story.ledger.runs(1)[0].state is RunState.PUBLISHED
    assert story.files() == [(1, 2, 3)]


def test_what_a_killed_compaction_staged_is_dropped_by_the_next(story: Story) -> None:
    story.crash_at("catalog.commit>")
    with pytest.raises(Crash):
        story.compact()
    dead = story.ledger.runs(1)[0]
    assert (dead.state, story.branches(A)) == (RunState.RUNNING, [dead.branch])
    story.reopen()
    assert story.compact().outcome is CompactOutcome.COMPACTED
    assert story.branches(A) == []
    assert story.run(dead.id).state is RunState.ABANDONED


def test_a_run_that_the_ledger_lost_leaves_its_checks_out(story: Story) -> None:
    story.ledger._runs.clear()
    done = story.compact()
    assert [check.name for check in story.run(done.run).steps[0].checks] == ["same rows"]


def test_tables_are_compacted_in_the_order_of_the_project(story: Story) -> None:
    assert [str(done.asset) for done in story.all(B, A, dry=True)] == [A, B]
