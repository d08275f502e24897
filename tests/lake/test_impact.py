"""What came of a snapshot: all that rests on it, live or past, what readers see of that, and the plan that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import lakeflow
from lakeflow.as_json.log import impact_json
from lakeflow.core.errors import UsageError
from lakeflow.core.log.impact import Impact
from lakeflow.lake.lake import Lake
from tests.lake.test_log import root_of, without_ledger, write
from tests.prepared import Prepared

SILVER = "/*\nkey = ['id']\nwrite = '{mode}'\n*/ select id from silver.a"
FILES = {
    "silver/a.sql": "/*\nkey = ['id']\n*/ select range as id from range({rows})",
    "silver/kept.sql": SILVER.format(mode="upsert"),
    "silver/anew.sql": SILVER.format(mode="replace"),
    "gold/top.sql": "/*\nkey = ['n']\n*/ select count(*) as n from silver.kept",
    "gold/apart.sql": "/*\nkey = ['n']\n*/ select 1 as n",
}


def grown(root: Path, rows: int) -> Path:
    return write(root, {name: text.replace("{rows}", str(rows)) for name, text in FILES.items()})


def _make(root: Path) -> None:
    for rows in (3, 5):
        with lakeflow.open(grown(root, rows)) as opened:
            opened.materialize("silver.* gold.*")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("impact"), _make)


@pytest.fixture
def lake(prepared: Prepared) -> Iterator[Lake]:
    with lakeflow.open(prepared.again()) as opened:
        yield opened


def said(found: Impact) -> set[tuple[str, str, bool]]:
    return {(str(each.asset), str(each.standing), each.is_read) for each in found.reached}


@pytest.mark.long
def test_all_that_read_it_is_named_and_what_still_holds_its_rows(lake: Lake) -> None:
    found = lake.impact("silver.a@v1")
    assert said(found) == {
        ("silver.kept", "past", True),
        ("silver.anew", "past", True),
        ("gold.top", "past", True),
        ("silver.kept", "seen", False),
        ("gold.top", "seen", False),
    }
    assert [str(key) for key in found.seen_in] == ["silver.kept", "gold.top"]
    assert (str(found.standing), found.holds, found.unknown) == ("past", False, ())
    now = lake.impact("silver.a")
    assert {each for each in said(now) if each[1] == "seen"} == {
        *(("silver.kept", "seen", True), ("silver.anew", "seen", True), ("gold.top", "seen", True))
    }
    assert now.holds


@pytest.mark.long
def test_it_answers_alike_without_the_ledger(lake: Lake) -> None:
    before = impact_json(lake.impact("silver.a@v1"))
    lake.close()
    without_ledger(root_of(lake))
    with lakeflow.open(root_of(lake)) as again:
        assert impact_json(again.impact("silver.a@v1")) == before


def test_a_repair_plans_what_readers_see_of_it_from_nothing_where_rows_stay_and_writes_nothing(lake: Lake) -> None:
    runs = lake.runs()
    plan = lake.repair(lake.impact("silver.a@v1"))
    assert [str(step.asset) for step in plan.steps] == ["silver.kept", "gold.top"]
    assert any("full refresh" in str(reason) for step in plan.steps for reason in step.reasons)
    assert lake.runs() == runs
    assert lake.repair(lake.impact("gold.apart")).steps == ()


@pytest.mark.long
def test_an_expired_snapshot_is_told_by_the_ledger_or_by_what_lies_beside_the_tables(lake: Lake) -> None:
    root = root_of(lake)
    first = lake.impact("silver.a@v1").snapshot_id
    lake.close()
    (root / "pyproject.toml").write_text("[tool.lakeflow]\nkeep_snapshots = 1\n")
    for rows in (6, 7):
        with lakeflow.open(grown(root, rows)) as again:
            again.materialize()
            last = impact_json(again.impact(f"silver.a@s{first}"))
            found = again.impact(f"silver.a@s{first}")
    assert str(found.standing) == "expired"
    assert {("silver.anew", "expired", True), ("silver.kept", "expired", True)} <= said(found)
    without_ledger(root)
    with lakeflow.open(root) as again:
        assert impact_json(again.impact(f"silver.a@s{first}")) == last


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("silver.b@v1", "has no table"),
        ("silver.a@s0", "is no snapshot"),
        ("silver.a@s", "no run's id starts with"),
        ("silver.a@v9", "no version v9"),
        ("silver.a@2013-01-01", "was not published then"),
        ("silver.a@audit_nothing", "has no ref"),
        ("\x1b[31m@s1", "has no table"),
    ],
)
def test_what_names_no_snapshot_is_refused(lake: Lake, asked: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        lake.impact(asked)


@pytest.mark.long
def test_what_was_built_on_rows_that_a_rollback_took_is_marked_until_it_is_built_anew(lake: Lake) -> None:
    """In the runs, in how assets stand, and in the log, which needs no ledger for it."""
    assert not _marks(lake)
    run = lake.runs()[0].id
    lake.rollback(run, "silver.a", force=True)
    words = "built on silver.a s"
    assert _marks(lake) == {"silver.kept", "silver.anew", "gold.top"}
    marked = [step for step in lake.marked(*lake.runs())[0].steps if words in step.reason]
    assert {str(step.asset) for step in marked} == {"silver.kept", "silver.anew", "gold.top"}
    stale = {str(one.asset) for one in lake.status() if any(words in reason for reason in one.reasons)}
    assert stale == {"silver.kept", "silver.anew", "gold.top"}
    with lakeflow.open(grown(root_of(lake), 4)) as again:
        again.materialize("silver.* gold.*", full_refresh=True)
        assert not {one.asset for one in again.status() if any(words in reason for reason in one.reasons)}


def _marks(lake: Lake) -> set[str]:
    return {str(each.asset) for entry in lake.log().entries for each in entry.changes if each.built_on}
