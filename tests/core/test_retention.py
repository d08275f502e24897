"""A publish lets go of what nobody needs, and of nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from lakeflow.core.care.retention import Retention, expired, only_tagged
from lakeflow.core.model.table import Table
from tests.core.samples import NOON, snapshot, table


def chain(length: int, **refs: int) -> Table:
    """main at the highest id, each snapshot on the one before."""
    return table("silver.a", *(snapshot(n, parent=n - 1 or None) for n in range(1, length + 1)), **refs)


def test_main_and_its_nearest_ancestors_stay() -> None:
    assert expired(chain(6), 2) == {1, 2, 3}
    assert expired(chain(3), 2) == frozenset()
    assert expired(chain(3), 0) == {1, 2}


def test_everything_back_to_the_oldest_position_stays() -> None:
    assert expired(chain(6), 1, {3, 5}) == {1, 2}
    assert expired(chain(6), 4, {5}) == {1}


def test_a_position_that_is_not_on_main_keeps_nothing() -> None:
    assert expired(chain(6), 1, {99}) == {1, 2, 3, 4}


def test_what_a_tag_or_an_open_branch_stands_on_stays() -> None:
    assert expired(chain(6, audit_r1=2), 1) == {1, 3, 4}


def test_what_a_branch_that_left_main_long_ago_stands_on_stays() -> None:
    """Down to the first snapshot that main also has, and what other branches stand on besides."""
    forked = table("silver.a", *chain(6).snapshots.values(), snapshot(7, parent=2), main=6, audit_r1=7, tag=4)
    assert expired(forked, 0) == {1, 3, 5}


def test_an_unborn_main_lets_nothing_go() -> None:
    unborn = table("silver.a", snapshot(1), audit_r1=1)
    assert expired(replace(unborn, refs={"audit_r1": 1}), 0) == frozenset()


# by time


def minute(number: int) -> datetime:
    """When the snapshot of that number was committed."""
    return NOON + timedelta(minutes=number)


def test_time_counts_only_where_an_age_is_given() -> None:
    assert Retention().since(chain(6), minute(9)) is None
    assert expired(chain(6), 0, since=None) == {1, 2, 3, 4, 5}


def test_time_is_counted_to_the_publish_before_or_to_now_if_that_is_earlier() -> None:
    two = Retention(0, timedelta(minutes=2))
    assert two.since(chain(6), minute(9)) == minute(4)
    assert two.since(chain(6), minute(5)) == minute(3)
    assert two.since(table("silver.a"), minute(9)) == minute(7)


def test_what_main_came_back_to_counts_from_when_it_came() -> None:
    returned = replace(chain(6), log=((minute(2), 6), (minute(30), 6), (minute(40), 5)))
    assert Retention(0, timedelta(minutes=2)).since(returned, minute(99)) == minute(28)
    lost = replace(chain(6), snapshots={})
    assert Retention(0, timedelta(minutes=2)).since(lost, minute(99)) == minute(97)


def test_what_readers_saw_within_the_time_stays_and_what_was_replaced_at_its_very_begin_goes() -> None:
    """Snapshot 3 was seen until snapshot 4 came, in minute 4."""
    assert expired(chain(6), 0, since=minute(4) - timedelta(seconds=1)) == {1, 2}
    assert expired(chain(6), 0, since=minute(4)) == {1, 2, 3}
    assert expired(chain(6), 0, since=minute(60)) == {1, 2, 3, 4, 5}
    assert expired(chain(6), 4, since=minute(4)) == {1}


def test_a_time_in_the_future_keeps_what_was_seen_until_then() -> None:
    fast = replace(chain(6), log=((minute(900), 2),))
    assert expired(fast, 0, since=minute(60)) == frozenset()
    twice = replace(chain(6), log=((minute(900), 3), (minute(3), 3)))
    assert expired(twice, 0, since=minute(60)) == {1}


# of a tag


def test_with_a_tag_goes_what_no_other_ref_reaches_and_readers_saw_too_long_ago() -> None:
    side = table("silver.a", *chain(3).snapshots.values(), snapshot(4, 2), snapshot(5, 4), main=3, v1=5)
    assert only_tagged(side, "v1") == {4, 5}
    assert only_tagged(replace(side, refs={**side.refs, "v2": 4}), "v1") == {5}
    assert only_tagged(replace(side, log=((minute(4), 4),)), "v1") == {5}
    assert only_tagged(side, "v9") == frozenset()
    assert only_tagged(side, "main") == {3}
