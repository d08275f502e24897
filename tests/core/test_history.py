"""The history of a table as people read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import Ruling
from lakeflow.core.view.history import find_snapshot, history, open_runs, seen_at
from lakeflow.core.view.rows import SnapshotState
from tests.core.samples import NOON, made, snapshot, table, verdict

NAME = "silver.flights"
TABLE = table(
    NAME,
    made(1, rows=10, run="r1"),
    snapshot(2, 1, "append", **{"total-records": "13"}),
    made(3, 2, rows=20, run="r3", code_version="code-3", inputs={"bronze.flights": 9}),
    made(4, 3, rows=99, run="r4"),
    made(5, 3, rows=98, run="r5"),
    main=3,
    audit_r4=4,
    audit_r5=5,
    month_end=1,
)
SAID = (
    verdict(NAME, 1, Ruling.FORCED, passed=1, total=2),
    verdict(NAME, 3, passed=2, total=2),
    verdict(NAME, 4, Ruling.HOLD, passed=1, total=3),
)


def test_open_branches_come_first_and_then_main_and_what_it_was_before() -> None:
    found = [(row.ref, row.snapshot_id, row.state) for row in history(TABLE, SAID)]
    assert found == [
        ("audit_r5", 5, SnapshotState.WRITTEN),
        ("audit_r4", 4, SnapshotState.HELD),
        ("main", 3, SnapshotState.PUBLISHED),
        (None, 2, SnapshotState.UNRULED),
        (None, 1, SnapshotState.FORCED),
    ]


def test_a_line_says_how_many_rows_came_who_wrote_them_and_what_the_checks_said() -> None:
    line = history(TABLE, SAID)[2]
    assert (line.rows, line.added, line.run, line.code_version) == (20, 7, "r3", "code-3")
    assert (line.inputs, line.passed, line.checks) == ({"bronze.flights": 9}, 2, 2)


def test_another_engines_commit_has_no_run_and_no_checks() -> None:
    line = history(TABLE, SAID)[3]
    assert (line.run, line.code_version, line.passed, line.checks, line.added) == ("", "", None, None, 3)


def test_a_first_snapshot_added_all_its_rows() -> None:
    assert history(TABLE, SAID)[-1].added == 10


def test_what_was_added_is_unknown_when_the_parent_has_expired() -> None:
    cut = replace(TABLE, snapshots={id_: one for id_, one in TABLE.snapshots.items() if id_ != 1})
    assert history(cut, SAID)[-1].added is None


def test_an_audit_that_fails_on_main_later_does_not_unpublish_it() -> None:
    again = verdict(NAME, 3, Ruling.HOLD, passed=0, total=2)
    line = history(TABLE, (*SAID, again))[2]
    assert (line.state, line.passed) == (SnapshotState.PUBLISHED, 2)


def test_foreign_rows_that_failed_their_audit_are_unruled() -> None:
    assert history(TABLE, (verdict(NAME, 2, Ruling.HOLD),))[3].state is SnapshotState.UNRULED


def test_a_write_that_was_confirmed_unchanged_leaves_main_published() -> None:
    line = history(TABLE, (*SAID, verdict(NAME, 3, Ruling.UNCHANGED)))[2]
    assert (line.state, line.passed, line.checks) == (SnapshotState.PUBLISHED, 2, 2)


def test_a_forced_publish_stays_forced_when_a_later_write_gives_the_same_rows() -> None:
    assert history(TABLE, (*SAID, verdict(NAME, 1, Ruling.UNCHANGED)))[-1].state is SnapshotState.FORCED


def test_open_runs_are_those_with_a_branch() -> None:
    assert open_runs(TABLE) == ("r4", "r5")


def test_a_snapshot_is_found_by_ref_and_by_the_first_digits_of_its_id() -> None:
    assert find_snapshot(TABLE, ref="main", snapshot=None) == 3
    assert find_snapshot(TABLE, ref="audit_r4", snapshot=None) == 4
    assert find_snapshot(TABLE, ref="main", snapshot="s5") == 5
    assert find_snapshot(TABLE, ref="main", snapshot="2") == 2
    long = table(NAME, made(9_471_102), made(9_480_000, 9_471_102))
    assert find_snapshot(long, ref="main", snapshot="s9471") == find_snapshot(long, ref="main", snapshot="94711")


def test_an_unborn_main_is_no_snapshot_and_no_error() -> None:
    assert find_snapshot(table(NAME), ref="main", snapshot=None) is None


@pytest.mark.parametrize(
    ("ref", "snapshot", "message"),
    [
        ("audit_zz", None, "silver.flights has no ref 'audit_zz'; it has audit_r4, audit_r5, main, month_end"),
        ("main", "s7744", "'s7744' is no snapshot of silver.flights"),
        ("main", "s", "'s' is no snapshot of silver.flights: write at least 4 digits of its id"),
        ("main", "s77", "'s77' is no snapshot of silver.flights: write at least 4 digits of its id"),
        ("main", "s441", "'s441' is no snapshot of silver.flights: write at least 4 digits of its id"),
        ("main", "s4400", "'s4400' means 2 snapshots of silver.flights"),
    ],
)
def test_what_is_not_found_is_refused_with_where_to_look(ref: str, snapshot: str | None, message: str) -> None:
    two = table(NAME, made(44001), made(44002, 44001), main=3, audit_r4=4, audit_r5=5, month_end=1)
    both = replace(two, snapshots={**two.snapshots, **TABLE.snapshots})
    with pytest.raises(UsageError) as caught:
        find_snapshot(both, ref=ref, snapshot=snapshot)
    assert caught.value.message == message
    assert caught.value.hint == "`lakeflow snapshots silver.flights` lists them"


def test_an_id_that_is_the_beginning_of_another_is_still_found() -> None:
    both = table(NAME, made(44), made(441, 44))
    assert find_snapshot(both, ref="main", snapshot="s44") == 44


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


LOGGED = replace(TABLE, log=((at(10), 1), (at(20), 4), (at(30), 1), (at(40), 3)))
"""Main was 1, then 4, was rolled back to 1, and is 3 now."""


@pytest.mark.parametrize(("minutes", "seen"), [(10, 1), (19.9, 1), (20, 4), (29, 4), (30, 1), (41, 3), (9_999, 3)])
def test_what_readers_saw_then_is_what_main_was_a_publish_that_was_rolled_back_included(
    minutes: float, seen: int
) -> None:
    assert seen_at(LOGGED, at(minutes)) == seen


def test_a_table_without_a_log_is_read_by_its_ancestry() -> None:
    """`TABLE` has none; each of its snapshots was committed so many minutes after noon as its id says."""
    assert [seen_at(TABLE, at(minutes)) for minutes in (1, 2.5, 3, 99)] == [1, 2, 3, 3]


def test_before_the_first_publish_there_is_nothing_to_see() -> None:
    with pytest.raises(UsageError, match=r"was not published then: it first was at 2026-01-01T12:10:00\+00:00"):
        seen_at(LOGGED, at(9))
    with pytest.raises(UsageError, match="was never published"):
        seen_at(table(NAME), at(9))


def test_what_has_expired_is_said_to_have_expired() -> None:
    cut = replace(LOGGED, log=LOGGED.log[3:])
    with pytest.raises(UsageError, match="has expired"):
        seen_at(cut, at(25))
    gone = {id_: one for id_, one in TABLE.snapshots.items() if id_ != 4}
    with pytest.raises(UsageError, match="has expired"):
        seen_at(replace(LOGGED, snapshots=gone), at(25))
