"""What there is to compact in a table, and what a compaction means to those who watch runs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lakeflow.core.alerts.troubles import ended_now
from lakeflow.core.compact.stored import Stored, StoredFile, StoredManifest
from lakeflow.core.compact.work import MANIFEST_BYTES, merged_into, work
from lakeflow.core.model.run import Action, RunRecord, RunState, StepRecord, StepState, waiting
from tests.core.samples import key

TARGET = 1000


def stored(*sizes: int, partition: object = (), manifests: int = 1) -> Stored:
    files = (StoredFile(f"f{at}", 1, size, (partition,)) for at, size in enumerate(sizes))
    return Stored(tuple(files), tuple(StoredManifest(0, 100) for _ in range(manifests)))


def paths(found: Stored) -> list[tuple[str, ...]]:
    return [group.paths for group in work(found, TARGET).groups]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (stored(10, 20, 990), [("f0", "f1")]),
        (stored(10), []),
        (stored(740, 740), []),
        (stored(740, 240), [("f0", "f1")]),
        (stored(), []),
    ],
)
def test_small_files_go_only_where_fewer_come(found: Stored, expected: list[tuple[str, ...]]) -> None:
    assert paths(found) == expected


def test_files_of_two_partitions_are_never_written_together() -> None:
    both = Stored((*stored(1, partition="a").files, *stored(1, partition="b").files))
    assert not work(both, TARGET)


def test_delete_files_have_everything_written_anew() -> None:
    found = Stored(stored(10, 990, 5000).files, deletes=("d",))
    assert (paths(found), work(found, TARGET).deletes) == ([("f0", "f1", "f2")], 1)


def test_manifests_alone_are_merged_from_four_on() -> None:
    assert [bool(work(stored(990, manifests=many), TARGET)) for many in (1, 3, 4)] == [False, False, True]


@given(some.lists(some.integers(1, 2 * MANIFEST_BYTES), max_size=30))
def test_merged_manifests_are_no_larger_than_one_may_be(sizes: list[int]) -> None:
    manifests = [StoredManifest(at % 2, size) for at, size in enumerate(sizes)]
    assert merged_into(manifests) <= sum(each.bytes < MANIFEST_BYTES for each in manifests)


def test_a_compaction_is_no_news_and_takes_up_no_other_run() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    failed = RunRecord("r1", RunState.FAILED, at, steps=(StepRecord(key("silver.a"), state=StepState.ERRORED),))
    step = StepRecord(key("silver.a"), Action.COMPACT, state=StepState.PUBLISHED)
    moved = RunRecord("r2", RunState.PUBLISHED, at, ended_at=at, steps=(step,))
    assert ended_now(moved, None, at_work=True) == ()
    assert ended_now(moved, {}, at_work=True) == ()
    assert waiting((moved, failed)) == (failed,)
