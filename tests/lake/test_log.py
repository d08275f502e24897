"""The lake's log: numbered versions that say what changed and why, and stay the same whatever is lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from lakeflow.as_json.log import log_json
from lakeflow.core.errors import UsageError
from lakeflow.core.log.versions import MoveKind
from lakeflow.lake.lake import Lake
from tests.prepared import Prepared

A = "/*\nkey = ['id']\n*/ select range as id from range({0})"
B = "/*\nkey = ['id']\n*/ select id from silver.a"
FILES = {
    "silver/a.sql": A.format(3),
    "silver/b.sql": B,
    "gold/c.sql": "/*\nkey = ['n']\n*/ select count(*) as n from silver.b",
}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / "layers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def grown(root: Path, rows: int) -> Path:
    return write(root, {"silver/a.sql": A.format(rows)})


def _make(root: Path) -> None:
    for rows in (3, 5):
        with lakeflow.open(grown(write(root, FILES), rows)) as opened:
            opened.materialize()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("log"), _make)


@pytest.fixture
def lake(prepared: Prepared) -> Iterator[Lake]:
    """Two runs over three tables, the second with more rows."""
    with lakeflow.open(prepared.again()) as opened:
        yield opened


def root_of(lake: Lake) -> Path:
    return Path(lake.project.root)


def without_ledger(root: Path) -> None:
    """Drop every table of the ledger; the lake's own name stays."""
    with closing(sqlite3.connect(root / ".lakeflow/catalog.db")) as database, database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        for name in names:
            if name.startswith("lakeflow_") and name not in {"lakeflow_lake", "lakeflow_migrations"}:
                database.execute(f"drop table {name}")


def iceberg(root: Path) -> SqlCatalog:
    state = root / ".lakeflow"
    return SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=str(state))


def told(lake: Lake, **asked: Any) -> Any:
    return log_json(lake.log(limit=1000, **asked))


@pytest.mark.long
def test_a_version_is_what_one_commit_changed_with_rows_checks_and_inputs(lake: Lake) -> None:
    second, first = lake.log().entries
    assert (second.name, second.number, first.name) == ("v2", 2, "v1")
    assert [(str(each.asset), each.rows, each.added) for each in second.changes] == [
        ("silver.a", 5, 2),
        ("silver.b", 5, 2),
        ("gold.c", 1, 0),
    ]
    a, b, c = second.changes
    assert b.passed == b.total
    assert b.total
    assert [(one.table, one.rows) for one in b.inputs] == [("silver.a", 2)]
    assert [(one.table, one.before, one.after) for one in c.inputs] == [("silver.b", b.before, b.snapshot_id)]
    assert a.code is not None
    assert not b.code
    assert all(each.is_first and each.before is None for each in first.changes)
    assert second.actor == lake.runs()[0].actor
    assert second.run == lake.runs()[0].id


@pytest.mark.long
def test_it_answers_alike_without_the_ledger_and_after_rollbacks_and_tags(lake: Lake) -> None:
    run = lake.runs()[0].id
    lake.tag("kept")
    lake.rollback(run)
    lake.materialize(force=True)
    before = told(lake)
    kinds = [each["kind"] for each in before["versions"]]
    assert kinds == ["published", "rolled_back", "published", "published"]
    assert [each["version"] for each in before["versions"]] == ["v4", "v3", "v2", "v1"]
    (gone,) = {change["taken_back_in"] for change in before["versions"][2]["changes"]}
    assert gone == "v3"
    assert {tuple(change["tags"]) for change in before["versions"][2]["changes"]} == {("kept",)}
    assert before["versions"][1]["reason"].startswith("rolled back by")
    assert all("forced" in change["planned"] for change in before["versions"][0]["changes"])
    lake.close()
    without_ledger(root_of(lake))
    with lakeflow.open(root_of(lake)) as again:
        assert told(again) == before
        assert told(again, since="v2") == {**before, "versions": before["versions"][:2]}


@pytest.mark.long
def test_numbers_stay_when_snapshots_expire_and_when_the_catalogs_own_count_is_lost(lake: Lake) -> None:
    root = root_of(lake)
    lake.close()
    (root / "pyproject.toml").write_text("[tool.lakeflow]\nkeep_snapshots = 1\n")
    numbers: dict[str, int] = {}
    for rows in (6, 7, 8):
        with lakeflow.open(grown(root, rows)) as again:
            again.materialize()
            for entry in again.log(limit=1000).entries:
                for change in entry.changes:
                    known = numbers.setdefault(f"{change.asset} {change.snapshot_id}", entry.number or 0)
                    assert known == entry.number
        with closing(sqlite3.connect(root / ".lakeflow/catalog.db")) as database, database:
            lost = database.execute("delete from iceberg_namespace_properties where property_key = 'lakeflow.version'")
            assert lost.rowcount == 1
    with lakeflow.open(root) as again:
        assert [each.name for each in again.log().entries] == ["v5", "v4"]
    with closing(iceberg(root)) as catalog:
        recorded = json.loads(catalog.load_table("silver.b").properties["lakeflow.versions"])
    assert [entry["n"] for entry in recorded] == [4, 5]


@pytest.mark.long
def test_what_another_engine_wrote_is_told_by_its_snapshot_and_has_no_number(lake: Lake) -> None:
    root = root_of(lake)
    with closing(iceberg(root)) as catalog:
        table = catalog.load_table("silver.b")
        table.append(pa.table({"id": pa.array([77], pa.int64())}))
        theirs = table.current_snapshot()
    assert theirs is not None
    lake.materialize("gold.c")
    mine, other, *_ = lake.log().entries
    assert (other.name, other.number, other.kind, other.actor) == (
        f"s{theirs.snapshot_id}",
        None,
        MoveKind.ANOTHER_ENGINE,
        None,
    )
    assert [(str(each.asset), each.added, each.total) for each in other.changes] == [("silver.b", 1, None)]
    assert mine.name == "v3"


@pytest.mark.long
def test_a_forced_publish_says_who_and_why(tmp_path: Path) -> None:
    root = write(tmp_path, {"silver/b.sql": "/*\nkey = ['id']\n*/ select * from (values (1), (1)) v(id)"})
    with lakeflow.open(root) as lake:
        run = lake.materialize()
        assert run is not None
        lake.publish(run.id, reason="known twins\x1b[31m")
        (entry,) = lake.log().entries
    assert (entry.kind, entry.reason, entry.actor) == (MoveKind.FORCED, "known twins\x1b[31m", run.actor)
    assert entry.changes[0].passed is not None
    assert entry.changes[0].passed < (entry.changes[0].total or 0)


@pytest.mark.long
def test_a_version_is_taken_wherever_a_moment_is(lake: Lake) -> None:
    counted = "select count(*) from silver.b"
    assert lake.query(counted, as_of="v1").fetchall() == [(3,)]
    assert lake.query(counted, as_of="v2").fetchall() == [(5,)]
    first, second = lake.runs()[1].id, lake.runs()[0].id
    assert lake.query(counted, as_of=first).fetchall() == [(3,)]
    here = lake.log("silver.b").entries
    assert lake.query(counted, as_of=f"s{here[1].changes[0].snapshot_id}").fetchall() == [(3,)]
    lake.rollback(second)
    assert lake.query(counted, as_of="v2").fetchall() == [(5,)]
    assert lake.query(counted, as_of="v3").fetchall() == [(3,)]
    for nothing in ("v9", "v99999999999999999999", "s0"):
        with pytest.raises(UsageError):
            lake.query(counted, as_of=nothing)
    assert [each.name for each in lake.log(since="v1").entries] == ["v3", "v2"]
    assert [each.name for each in lake.log(since=first).entries] == ["v3", "v2"]
    with pytest.raises(UsageError, match="no version, snapshot, run or tag"):
        lake.log(since="yesterday")


@pytest.mark.long
def test_after_a_rollback_to_nothing_readers_saw_nothing(lake: Lake) -> None:
    second, first = (run.id for run in lake.runs()[:2])
    lake.rollback(second)
    lake.rollback(first)
    assert next((each.name, each.kind) for each in lake.log().entries) == ("v4", MoveKind.ROLLED_BACK)
    assert {change.snapshot_id for change in lake.log().entries[0].changes} == {None}
    with pytest.raises(UsageError, match="saw nothing then"):
        lake.query("select * from silver.b", as_of="v4")
    lake.materialize()
    assert lake.query("select count(*) from silver.b", as_of="v5").fetchall() == [(5,)]
    with pytest.raises(UsageError, match="saw nothing then"):
        lake.query("select * from silver.b", as_of="v4")


def test_a_selection_shows_its_tables_and_says_how_many_others_moved_with_them(lake: Lake) -> None:
    second, _ = lake.log("gold.c").entries
    assert [str(each.asset) for each in second.changes] == ["gold.c"]
    assert second.tables == 3


def test_with_code_the_lines_that_changed_are_shown(lake: Lake) -> None:
    (change, *_) = lake.log("silver.a", code=True).entries[0].changes
    assert change.code is not None
    assert change.code.diff is not None
    assert "-" in change.code.diff
    assert "range(5)" in change.code.diff
