"""`write = "upsert"`, from a project's files to what readers see."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.writing.lab import Things

UPSERT = 'key=["k"], write="upsert"'


@pytest.fixture
def things(tmp_path: Path) -> Things:
    return Things(tmp_path, UPSERT)


def pairs(things: Things) -> dict[str, int]:
    return {row["k"]: row["v"] for row in things.rows()}


@pytest.mark.long
def test_new_keys_are_added_known_ones_replaced_and_all_others_stay(things: Things) -> None:
    things.feed([{"k": "a", "v": 1}, {"k": "b", "v": 2}])
    assert things.states([{"k": "b", "v": 3}, {"k": "c", "v": 4}]) == ("published", "")
    assert pairs(things) == {"a": 1, "b": 3, "c": 4}
    assert things.others() == [things.rows()] * 2


@pytest.mark.long
def test_rows_that_stand_there_already_leave_main_as_it_is(things: Things) -> None:
    things.feed([{"k": "a", "v": 1}, {"k": "b", "v": 2}])
    assert things.states([{"k": "b", "v": 2}]) == ("unchanged", "the same rows as on main")
    assert things.states([]) == ("unchanged", "the same rows as on main")
    assert things.feed([]) is None
    assert things.snapshots() == 1


@pytest.mark.long
def test_a_key_that_comes_twice_ends_the_step_and_leaves_main_as_it_was(things: Things) -> None:
    things.feed([{"k": "a", "v": 1}])
    state, reason = things.states([{"k": "a", "v": 2}, {"k": "a", "v": 3}])
    assert (state, pairs(things)) == ("errored", {"a": 1})
    assert reason == (
        "silver.things: 1 key (k) more than once, in 2 rows, such as a "
        "(give each key once, or say which row counts: keep = 'last by <column>')"
    )


@pytest.mark.long
def test_the_last_of_several_rows_counts_where_that_is_declared(things: Things) -> None:
    things.code(f'{UPSERT}, keep="last by v"')
    assert things.states([{"k": "a", "v": 2}, {"k": "a", "v": 3}, {"k": "b", "v": 1}]) == ("published", "")
    assert pairs(things) == {"a": 3, "b": 1}


@pytest.mark.long
def test_a_column_that_comes_later_is_null_in_the_rows_of_before(things: Things) -> None:
    things.feed([{"k": "a", "v": 1}, {"k": "b", "v": 2}])
    things.code(UPSERT, '("k", pa.string()), ("v", pa.int64()), ("w", pa.int64())')
    things.feed([{"k": "b", "v": 2, "w": 7}])
    assert things.rows() == [{"k": "a", "v": 1, "w": None}, {"k": "b", "v": 2, "w": 7}]
    assert things.others() == [things.rows()] * 2


@pytest.mark.long
def test_a_column_that_stays_away_ends_the_step(things: Things) -> None:
    things.feed([{"k": "a", "v": 1}])
    things.code(UPSERT, '("k", pa.string())')
    state, reason = things.states([{"k": "b"}])
    assert (state, "the new rows lack 'v'" in reason) == ("errored", True)


@pytest.mark.long
def test_a_tombstone_takes_its_key_away_unless_it_is_late(things: Things) -> None:
    columns = '("k", pa.string()), ("v", pa.int64()), ("op", pa.string())'
    things.code(UPSERT + ''', keep="last by v", deleted="op = 'D'"''', columns)
    things.feed([{"k": "a", "v": 1, "op": "I"}, {"k": "b", "v": 5, "op": "I"}, {"k": "c", "v": 1, "op": "D"}])
    assert sorted(pairs(things)) == ["a", "b"]
    assert things.states([{"k": "a", "v": 2, "op": "D"}, {"k": "b", "v": 4, "op": "D"}]) == ("published", "")
    stands = [{"k": "b", "v": 5, "op": "I"}]
    assert things.others() == [stands] * 2
    assert things.states([{"k": "a", "v": 1, "op": "U"}])[0] == "unchanged", "it is older than its tombstone"
    assert things.states([{"k": "z", "v": 1, "op": "D"}])[0] == "published", "a tombstone is remembered by itself"
    assert things.states([{"k": "z", "v": 0, "op": "I"}])[0] == "unchanged"
    assert things.others() == [stands] * 2


@pytest.mark.long
def test_tombstones_of_another_order_are_forgotten(things: Things) -> None:
    """They were compared by a column that `keep` no longer names, of another type here."""
    columns = '("k", pa.string()), ("v", pa.string()), ("w", pa.int64()), ("gone", pa.bool_())'
    things.code(UPSERT + ', keep="last by v", deleted="gone"', columns)
    things.feed([{"k": "a", "v": "x", "w": 9, "gone": True}, {"k": "b", "v": "x", "w": 1, "gone": False}])
    things.code(UPSERT + ', keep="last by w", deleted="gone"', columns)
    assert things.states([{"k": "a", "v": "x", "w": 1, "gone": False}]) == ("published", "")
    assert sorted(row["k"] for row in things.rows()) == ["a", "b"]


@pytest.mark.long
def test_a_tie_with_what_stands_there_names_the_key(things: Things) -> None:
    columns = '("k", pa.string()), ("v", pa.int64()), ("w", pa.int64())'
    things.code(f'{UPSERT}, keep="last by v"', columns)
    things.feed([{"k": "a", "v": 1, "w": 1}])
    state, reason = things.states([{"k": "a", "v": 1, "w": 2}])
    assert (state, things.rows()) == ("errored", [{"k": "a", "v": 1, "w": 1}])
    assert "1 key (k) came with other values and ties with what stands there in 'v', such as a" in reason
