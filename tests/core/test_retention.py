"""A publish lets go of what nobody needs, and of nothing else."""

from __future__ import annotations

from dataclasses import replace

from lakeflow.core.care.retention import expired
from lakeflow.core.model.table import Table
from tests.core.samples import snapshot, table


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
