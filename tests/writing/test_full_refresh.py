"""`--full-refresh` with every way of writing: the table becomes what today's rows alone give, in one snapshot."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.core.model.run import RunRecord
from tests.prepared import Prepared
from tests.writing.lab import Row, Things

COLUMNS = '("k", pa.string()), ("v", pa.int64()), ("d", pa.string())'
DATED = 'key=["k"], columns={"d": {"type": "date"}}'
WAYS = {
    "append": 'write="append"',
    "replace": 'write="replace"',
    "upsert": 'write="upsert"',
    "partition": 'write="partition", partition_by=["month(d)"]',
    "scd2": 'write="scd2", at="d"',
}


def row(k: str, v: int, d: str) -> Row:
    return {"k": k, "v": v, "d": d}


def said(things: Things) -> list[tuple[str, int, date]]:
    """What stands in the columns that the code gives; every reader agrees on all of them."""
    assert things.others() == [things.rows()] * 2
    return sorted((each["k"], each["v"], each["d"]) for each in things.rows())


def refreshed(things: Things, *rows: Row) -> RunRecord:
    before = things.snapshots()
    run = things.feed(rows, full_refresh=True)
    assert run is not None
    assert things.snapshots() == before + 1
    return run


@pytest.fixture(scope="module", params=WAYS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Prepared]:
    """The fields of the asset, and its lake after two writes: `a`, then `b`."""
    fields = f"{DATED}, {WAYS[request.param]}"

    def write(root: Path) -> None:
        made = Things(root, fields, COLUMNS)
        made.feed([row("a", 1, "2020-01-05")])
        made.feed([row("b", 1, "2020-02-05")])

    return fields, Prepared(tmp_path_factory.mktemp("written"), write)


@pytest.fixture
def things(written: tuple[str, Prepared]) -> Things:
    fields, lake = written
    return Things(lake.again(), fields, COLUMNS)


@pytest.mark.long
@pytest.mark.sampled(2)
def test_nothing_that_stood_there_stays(things: Things) -> None:
    run = refreshed(things, row("c", 3, "2020-01-07"))
    assert (run.state, run.steps[0].rows) == ("published", 1)
    assert said(things) == [("c", 3, date(2020, 1, 7))]


@pytest.mark.long
def test_the_next_write_is_one_like_any_other(things: Things) -> None:
    refreshed(things, row("c", 3, "2020-01-07"))
    assert things.states([row("d", 4, "2020-03-01")]) == ("published", "")
    expected = [("c", 3, date(2020, 1, 7)), ("d", 4, date(2020, 3, 1))]
    assert said(things) == expected[-1:] if "replace" in things.fields else expected


@pytest.mark.long
def test_the_same_rows_again_leave_main_as_it_is_unless_they_append(things: Things) -> None:
    refreshed(things, row("c", 3, "2020-01-07"))
    again = things.feed([row("c", 3, "2020-01-07")], full_refresh=True)
    assert again is not None
    assert said(things) == [("c", 3, date(2020, 1, 7))]


@pytest.mark.long
def test_none_at_all_empty_the_table(things: Things) -> None:
    """Nothing can be said of rows that are not there, so a person must allow that."""
    run = things.feed([], full_refresh=True)
    assert run is not None
    assert (run.state, len(said(things))) == ("held", 1 if "replace" in things.fields else 2)


@pytest.mark.long
def test_a_history_begins_anew_with_its_columns(tmp_path: Path) -> None:
    things = Things(tmp_path, f"{DATED}, {WAYS['scd2']}", COLUMNS)
    things.feed([row("a", 1, "2020-01-05")])
    things.feed([row("a", 2, "2020-02-05"), row("b", 1, "2020-01-05")])
    run = refreshed(things, row("a", 9, "2020-01-01"), row("a", 8, "2020-01-09"))
    assert {"key (k, valid_from) unique", "history of (k)"} <= {check.name for check in run.steps[0].checks}
    versions = sorted((each["v"], each["valid_from"], each["valid_to"], each["is_current"]) for each in things.rows())
    assert versions == [(8, date(2020, 1, 9), None, True), (9, date(2020, 1, 1), date(2020, 1, 9), False)]


@pytest.mark.long
def test_duplicate_keys_end_it_and_main_stays(tmp_path: Path) -> None:
    things = Things(tmp_path, f"{DATED}, {WAYS['upsert']}", COLUMNS)
    things.feed([row("a", 1, "2020-01-05")])
    run = things.feed([row("b", 1, "2020-01-05"), row("b", 2, "2020-01-05")], full_refresh=True)
    assert run is not None
    assert run.steps[0].reason.startswith("silver.things: 1 key (k) more than once, in 2 rows")
    assert said(things) == [("a", 1, date(2020, 1, 5))]


BRONZE = "/*\nreads = ['feed.csv']\nwrite = 'append'\n*/\nselect * from read_csv('feed.csv', header = true)"
SILVER = (
    "/*\nkey = ['id']\nwrite = '{write}'\nnew_rows = ['bronze.sales']\n*/\nselect id, n * {by} as n from bronze.sales"
)


@pytest.mark.long
@pytest.mark.parametrize("write", ["append", "upsert"])
def test_new_rows_are_read_from_the_first_again_and_then_from_where_that_ended(tmp_path: Path, write: str) -> None:
    def run(*rows: tuple[int, int], **asked: Any) -> list[int | None]:
        if rows:
            text = "".join(f"{id_},{n}\n" for id_, n in rows)
            (tmp_path / "feed.csv").write_text(f"id,n\n{text}")
        with lakeflow.open(tmp_path) as lake:
            made = lake.materialize("bronze.sales") if rows else None
            made = lake.materialize("silver.sales", **asked)
            return [step.rows for step in made.steps] if made else []

    def read() -> list[tuple[int, int]]:
        with lakeflow.open(tmp_path) as lake:
            return sorted(lake.read("silver.sales").fetchall())

    for name, text in {"bronze": BRONZE, "silver": SILVER.format(write=write, by=1)}.items():
        (tmp_path / "layers" / name).mkdir(parents=True)
        (tmp_path / "layers" / name / "sales.sql").write_text(text)
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    assert [run((1, 10), (2, 20)), run((3, 30))] == [[2], [1]]
    assert run(full_refresh=True) == [3]
    assert run() == []
    assert run((4, 40)) == [1]
    assert read() == [(1, 10), (2, 20), (3, 30), (4, 40)]
