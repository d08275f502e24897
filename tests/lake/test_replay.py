"""A recorded snapshot is made again from its code and inputs of then, whatever mode wrote it, and nothing changes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import RunState
from lakeflow.core.replay.replayed import Replayed, ReplayOutcome
from lakeflow.lake.lake import Lake
from tests.external.lab import make, opened
from tests.prepared import Prepared

LANDED = """/*
[source]
files = "drops/*.csv"
format = "csv"
columns = {id = "bigint", shop = "string", total = "double", since = "timestamp", email = "string"}
[columns.email]
pii = true
*/
select * from source"""
HEAD = "key = ['id']\nnew_rows = ['bronze.landed']\n"
MODES = {
    "appended": "write = 'append'\nkey = ['id', 'since']\nnew_rows = ['bronze.landed']\n",
    "merged": f"write = 'upsert'\nkeep = 'last by since'\n{HEAD}",
    "parts": "write = 'partition'\nkey = ['id']\npartition_by = ['shop']\n",
    "dated": f"write = 'scd2'\nat = 'since'\n{HEAD}",
    "timed": f"write = 'scd2'\ntrack = ['total']\n{HEAD}",
    "whole": "key = ['id']\n",
}
ROWS = "select id, shop, total, since from bronze.landed"
LAST = f"{ROWS} qualify row_number() over (partition by id order by since desc) = 1"
MASKED = """/*
key = ['id']
[columns.email]
mask = 'hash'
*/
select id, any_value(email) as email from bronze.landed group by id"""
DAYS = """/*
partition = "day(since)"
start = "2024-01-01"
end = "2024-01-04"
key = ["id", "since"]
*/
select id, since, total from bronze.landed where since >= $partition_start and since < $partition_end"""
PYTHON = '''from lakeflow import Relation, asset


@asset(inputs={"rows": "silver.whole"})
def totals(rows: Relation) -> Relation:
    """One row per shop."""
    return rows.aggregate("shop, sum(total) as total")
'''
APART = """import great_expectations.expectations as gxe
expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="total", max_value=25, meta={"lakeflow": {"on_fail": "quarantine"}})
]
"""
DROPS = ((1, 2, 3), (2, 4), (3, 5))


def land(root: Path, number: int, ids: tuple[int, ...]) -> None:
    lines = (f"{id_},s{id_ % 2},{10 * number + id_ / 4},2024-01-0{number} 0{id_}:00:00,e{id_}@x\n" for id_ in ids)
    text = "id,shop,total,since,email\n" + "".join(lines)
    make(root, {"pyproject.toml": "[tool.lakeflow]\n", f"drops/{number}.csv": text})


def materialize(root: Path) -> None:
    with opened(root) as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state is RunState.PUBLISHED, [(str(step.asset), step.reason) for step in run.steps]


def lived(root: Path) -> None:
    files = {
        f"layers/silver/{name}.sql": f"/*\n{head}*/\n{LAST if name in {'whole', 'parts'} else ROWS}"
        for name, head in MODES.items()
    }
    days = DAYS.replace("bronze.landed", "silver.appended")
    make(root, {**files, "layers/bronze/landed.sql": LANDED, "layers/gold/days.sql": days})
    make(root, {"layers/gold/totals.py": PYTHON, "layers/silver/masked.sql": MASKED})
    make(root, {"checks/silver/appended.py": APART, "pyproject.toml": "[tool.lakeflow]\n"})
    for number, ids in enumerate(DROPS, start=1):
        land(root, number, ids)
        materialize(root)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LAKEFLOW_PII_SALT", "a salt of sixteen letters or more")
        return Prepared(tmp_path_factory.mktemp("lived"), lived)


@pytest.fixture
def root(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKEFLOW_PII_SALT", "a salt of sixteen letters or more")
    return prepared.again()


def every(lake: Lake, asset: str) -> list[Replayed]:
    return [lake.replay(asset, f"s{row.snapshot_id}") for row in lake.snapshots(asset)]


def told(found: list[Replayed]) -> list[tuple[str, str]]:
    return [(str(one.outcome), one.why) for one in found]


def files(root: Path) -> set[Path]:
    return set((root / ".lakeflow/warehouse").rglob("*"))


@pytest.mark.long
@pytest.mark.parametrize(
    "asset",
    ["bronze.landed", *(f"silver.{name}" for name in MODES), "silver.masked", "gold.days", "gold.totals"],
)
def test_every_snapshot_comes_again_as_it_was_in_every_mode(asset: str, root: Path) -> None:
    before = files(root)
    with opened(root) as lake:
        runs, rows = lake.runs(), len(lake.snapshots(asset))
        found = every(lake, asset)
        assert told(found) == [("identical", "")] * rows
        assert rows >= 2
        assert lake.runs() == runs
    assert files(root) == before


@pytest.mark.long
def test_new_rows_come_again_and_nothing_of_it_stays(root: Path) -> None:
    before = files(root)
    with opened(root) as lake:
        found = every(lake, "silver.merged")
        assert told(found) == [("identical", "")] * len(DROPS)
        assert lake.plan().steps == ()
    assert files(root) == before


@pytest.mark.long
def test_a_compaction_is_the_snapshot_whose_rows_it_moved(root: Path) -> None:
    with opened(root) as lake:
        was = [one.snapshot_id for one in every(lake, "silver.merged")]
        lake.compact()
        now = every(lake, "silver.merged")
        assert told(now) == [("identical", "")] * (len(DROPS) + 1)
        assert [one.snapshot_id for one in now] == [was[0], *was]
        assert lake.verify(deep=True).faults == ()


@pytest.mark.long
def test_a_select_runs_from_the_text_that_the_ledger_keeps(root: Path) -> None:
    text = (root / "layers/silver/whole.sql").read_text().replace("total,", "2 * total as total,")
    make(root, {"layers/silver/whole.sql": text, "pyproject.toml": "[tool.lakeflow]\n"})
    with opened(root) as lake:
        found = lake.replay("silver.whole")
        assert (found.outcome, found.recorded) == (ReplayOutcome.IDENTICAL, True)
    forgotten(root)
    with opened(root) as lake:
        assert lake.replay("silver.whole").outcome is ReplayOutcome.NO_CODE
        # Where the code of today is that of then, the lake itself knows enough.
        assert lake.replay("silver.merged").outcome is ReplayOutcome.IDENTICAL


def forgotten(root: Path) -> None:
    """The ledger's tables are empty."""
    with sqlite3.connect(root / ".lakeflow/catalog.db") as database:
        names = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
        for name in names:
            if name in {"lakeflow_runs", "lakeflow_steps", "lakeflow_verdicts", "lakeflow_code", "lakeflow_checks"}:
                database.execute(f"delete from {name}")
    database.close()


def test_what_differs_is_counted_by_key_and_chance_is_named(tmp_path: Path) -> None:
    luck = "case when i = 1 then random() else 0.5 end as luck"
    text = f"/*\nkey = ['id']\n*/\nselect i as id, {luck}, i as same from range(4) t(i)"
    make(tmp_path, {"layers/silver/chance.sql": text, "pyproject.toml": "[tool.lakeflow]\n"})
    materialize(tmp_path)
    with opened(tmp_path) as lake:
        found = lake.replay("silver.chance")
        assert found.outcome is ReplayOutcome.DIFFERS
        assert (found.rows.before, found.rows.after, found.rows.changed, found.rows.added) == (4, 4, 1, 0)
        assert [(each.name, each.changed) for each in found.columns] == [("luck", 1)]
        assert "random" in found.notes[0]


@pytest.mark.long
def test_a_file_that_holds_other_bytes_or_is_gone_is_named(root: Path) -> None:
    land(root, 3, (9,))
    (root / "drops/2.csv").unlink()
    with opened(root) as lake:
        assert told(every(lake, "bronze.landed")) == [
            ("gone", "drops/3.csv, which it landed, holds other bytes by now"),
            ("gone", "drops/2.csv, which it landed, is not there any more"),
            ("identical", ""),
        ]


@pytest.mark.long
def test_an_input_that_has_expired_is_named_with_its_snapshot(tmp_path: Path) -> None:
    below = "/*\nkey = ['id']\n*/\nselect id from silver.a"
    for value in (1, 2, 3, 4):
        above = f"/*\nkey = ['id']\nkeep_snapshots = 1\n*/\nselect {value} as id"
        make(
            tmp_path, {"layers/silver/a.sql": above, "layers/gold/b.sql": below, "pyproject.toml": "[tool.lakeflow]\n"}
        )
        materialize(tmp_path)
    with opened(tmp_path) as lake:
        found = every(lake, "gold.b")
        assert [one.outcome for one in found] == [*[ReplayOutcome.IDENTICAL] * 2, *[ReplayOutcome.GONE] * 2]
        read = found[-1].inputs["silver.a"]
        assert found[-1].why == f"silver.a s{str(read)[:6]}, which it read, has expired"


@pytest.mark.long
def test_another_salt_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEFLOW_PII_SALT", "another salt of sixteen letters or more")
    with opened(root) as lake:
        found = lake.replay("silver.masked")
        assert found.outcome is ReplayOutcome.REFUSED
        assert "keyed with another salt" in found.why


@pytest.mark.long
def test_what_is_not_there_is_an_error_that_says_so(root: Path) -> None:
    with opened(root) as lake:
        with pytest.raises(UsageError, match="is no snapshot of"):
            lake.replay("silver.merged@s1")
        with pytest.raises(UsageError, match="is written together with"):
            lake.replay("silver.appended__quarantine")
