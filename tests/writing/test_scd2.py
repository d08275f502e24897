"""`write = "scd2"`, from a project's files to what readers see."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from tests.writing.lab import Row, Things

HISTORY = 'key=["k"], write="scd2", at="d", columns={"d": {"type": "date"}}'
COLUMNS = '("k", pa.string()), ("v", pa.int64()), ("d", pa.string())'


@pytest.fixture
def things(tmp_path: Path) -> Things:
    return Things(tmp_path, HISTORY, COLUMNS)


def row(k: str, v: int, d: str) -> Row:
    return {"k": k, "v": v, "d": d}


def today() -> date:
    return datetime.now(UTC).date()


def versions(things: Things) -> list[tuple[Any, ...]]:
    assert things.others() == [things.rows()] * 2
    assert all(each["is_current"] is (each["valid_to"] is None) for each in things.rows())
    found = [(each["k"], each["v"], each["valid_from"], each["valid_to"]) for each in things.rows()]
    return sorted(found, key=lambda version: version[::2])


@pytest.mark.long
def test_changes_late_rows_and_repetitions_keep_one_history(things: Things) -> None:
    things.feed([row("a", 1, "2020-01-01"), row("b", 1, "2020-01-01")])
    assert things.states([row("a", 2, "2020-01-09"), row("b", 1, "2020-01-09")]) == ("published", "")
    assert things.states([row("a", 3, "2020-01-05")]) == ("published", "")
    assert versions(things) == [
        ("a", 1, date(2020, 1, 1), date(2020, 1, 5)),
        ("a", 3, date(2020, 1, 5), date(2020, 1, 9)),
        ("a", 2, date(2020, 1, 9), None),
        ("b", 1, date(2020, 1, 1), None),
    ]
    assert things.states([row("b", 1, "2020-01-20")]) == ("unchanged", "the same rows as on main")
    assert things.snapshots() == 3


@pytest.mark.long
def test_a_history_is_audited_as_one(things: Things) -> None:
    run = things.feed([row("a", 1, "2020-01-01")])
    assert run is not None
    assert {"key (k, valid_from) unique", "history of (k)"} <= {check.name for check in run.steps[0].checks}
    with lakeflow.open(things.root) as lake:
        assert lake.preview("silver.things").columns == ("k", "v", "d")


@pytest.mark.long
def test_keys_that_do_not_come_are_closed_where_that_is_declared(things: Things) -> None:
    things.code(HISTORY.replace('at="d"', 'deletes="close"'), COLUMNS)
    things.feed([row("a", 1, "2020-01-01"), row("b", 1, "2020-01-01")])
    things.feed([row("a", 1, "2020-01-01")])
    (kept,), (closed,) = ([each for each in things.rows() if each["k"] == key] for key in "ab")
    assert (kept["is_current"], closed["is_current"]) == (True, False)
    assert closed["valid_from"] < closed["valid_to"]
    assert things.states([row("a", 1, "2020-01-01"), row("a", 1, "2020-01-01")])[0] == "errored"


@pytest.mark.long
def test_versions_that_overlap_are_held(things: Things) -> None:
    """Another engine broke the history: the audit of what stands says which versions."""
    things.feed([row("a", 1, "2020-01-01"), row("b", 1, "2020-01-01")])
    table = things.iceberg()
    wrong = table.scan().to_arrow().slice(0, 1)
    table.append(wrong.set_column(3, wrong.field(3), [[date(2020, 1, 3)]]))
    run = things.feed([row("c", 1, "2020-01-01")])
    assert run is not None
    failed = [check for check in run.steps[0].checks if check.outcome == "failed"]
    assert [check.name for check in failed] == ["history of (k)"]
    assert (failed[0].failed_rows, len(failed[0].samples)) == (1, 1)


@pytest.mark.long
def test_a_key_that_comes_back_with_its_old_time_opens_a_new_version(things: Things) -> None:
    """It went when a run did not give it, and holds again since one did; a day has no gap within it."""
    things.code(HISTORY + ', deletes="close"', COLUMNS)
    things.feed([row("a", 1, "2020-01-01"), row("b", 1, "2020-01-01")])
    things.feed([row("b", 1, "2020-01-01")])
    assert [each["valid_to"] for each in things.rows() if each["k"] == "a"] == [today()]
    things.feed([row("a", 2, "2020-01-01"), row("b", 1, "2020-01-01")])
    assert [each[1:] for each in versions(things) if each[0] == "a"] == [
        (2, date(2020, 1, 1), today()),
        (2, today(), None),
    ] or [each[1:] for each in versions(things) if each[0] == "a"] == [(2, date(2020, 1, 1), None)]


@pytest.mark.long
def test_what_is_written_today_and_goes_today_has_held_for_the_day(things: Things) -> None:
    things.code(HISTORY + ', deletes="close"', COLUMNS)
    things.feed([row("a", 1, str(today())), row("b", 1, "2020-01-01")])
    things.feed([row("b", 1, "2020-01-01")])
    (gone,) = (each for each in things.rows() if each["k"] == "a")
    assert (gone["valid_from"], gone["valid_to"]) == (today(), today() + timedelta(days=1))


@pytest.mark.long
def test_a_version_that_begins_in_the_future_is_not_current_until_then(things: Things) -> None:
    later = today() + timedelta(days=2)
    things.feed([row("a", 1, "2020-01-01"), row("a", 2, str(later))])
    marked = [(each["v"], each["is_current"]) for each in things.others()[0]]
    assert sorted(marked) == [(1, True), (2, False)]
    now = things.iceberg().current_snapshot()
    assert now is not None
    assert now.summary is not None
    assert (now.summary["lakeflow.turns"] or "").startswith(str(later))


@pytest.mark.long
def test_columns_that_are_not_tracked_begin_no_version(things: Things) -> None:
    things.code(HISTORY + ', track=["v"]', COLUMNS + ', ("w", pa.int64())')
    things.feed([{**row("a", 1, "2020-01-01"), "w": 1}])
    assert things.states([{**row("a", 1, "2020-01-05"), "w": 2}]) == ("unchanged", "the same rows as on main")
    assert things.states([{**row("a", 2, "2020-01-09"), "w": 3}]) == ("published", "")
    assert [(each["v"], each["w"]) for each in things.others()[0]] == [(1, 1), (2, 3)]


@pytest.mark.long
def test_a_tie_in_two_runs_is_the_error_that_it_is_in_one(things: Things) -> None:
    things.code(HISTORY + ', keep="last by v"', COLUMNS + ', ("w", pa.int64())')
    things.feed([{**row("a", 1, "2020-01-01"), "w": 1}])
    state, reason = things.states([{**row("a", 1, "2020-01-01"), "w": 2}])
    assert (state, "1 key (k) came with other values and ties with what stands there in 'v', such as a" in reason) == (
        "errored",
        True,
    )
    assert "keep = 'last by v' does not decide" in reason
    state, reason = things.states([{**row("b", 1, "2020-01-01"), "w": 1}, {**row("b", 1, "2020-01-01"), "w": 2}])
    assert ("in 2 rows, such as b" in reason, "keep = 'last by v' does not decide" in reason) == (True, True)


TOLD = '("k", pa.string()), ("v", pa.int64()), ("d", pa.string()), ("n", pa.int64()), ("gone", pa.bool_())'


def told(v: int, d: str, n: int, *, gone: bool = False) -> Row:
    return row("a", v, d) | {"n": n, "gone": gone}


@pytest.mark.long
def test_a_tombstone_that_ends_no_version_ends_the_one_that_comes_late(things: Things) -> None:
    things.code(HISTORY + ', deleted="gone", track=["v"]', TOLD)
    assert things.states([told(0, "2020-01-05", 1, gone=True), row("b", 1, "2020-01-01")])[0] == "published"
    assert things.states([told(0, "2020-01-09", 2, gone=True)])[0] == "published", "a tombstone is news by itself"
    assert things.states([told(1, "2020-01-03", 3)])[0] == "published"
    assert things.states([told(2, "2020-01-07", 4)])[0] == "published"
    assert versions(things)[:2] == [
        ("a", 1, date(2020, 1, 3), date(2020, 1, 5)),
        ("a", 2, date(2020, 1, 7), date(2020, 1, 9)),
    ]
    assert things.states([told(0, "2020-01-09", 2, gone=True)])[0] == "unchanged"


@pytest.mark.long
def test_keep_counts_against_the_tombstone_that_ended_a_version(things: Things) -> None:
    things.code(HISTORY + ', deleted="gone", keep="last by n"', TOLD)
    things.feed([told(1, "2020-01-01", 1), told(0, "2020-01-05", 9, gone=True)])
    assert things.states([told(2, "2020-01-05", 8)])[0] == "unchanged", "the tombstone of that day counts more"
    state, reason = things.states([told(2, "2020-01-05", 9)])
    assert (state, "1 key (k) came with other values and ties" in reason) == ("errored", True)
    assert things.states([told(2, "2020-01-05", 10)])[0] == "published"
    assert versions(things) == [
        ("a", 1, date(2020, 1, 1), date(2020, 1, 5)),
        ("a", 2, date(2020, 1, 5), None),
    ]


@pytest.mark.long
def test_a_rollback_takes_back_what_a_tombstone_said(things: Things) -> None:
    things.code(HISTORY + ', deleted="gone", track=["v"]', TOLD)
    things.feed([row("b", 1, "2020-01-01")])
    run = things.feed([told(0, "2020-01-05", 1, gone=True)])
    assert run is not None
    with lakeflow.open(things.root) as lake:
        lake.rollback(run.id)
    things.feed([told(1, "2020-01-03", 2)])
    assert versions(things)[0] == ("a", 1, date(2020, 1, 3), None)
