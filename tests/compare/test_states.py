"""Which two states are compared: by refs, snapshots, times, versions, tags and runs, and what is said to bad input."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import DataFileContent

import lakeflow
from lakeflow.cli.main import run as typed
from lakeflow.core.compare.comparison import Comparison
from lakeflow.core.errors import UsageError
from lakeflow.core.redaction import HIDDEN
from lakeflow.lake.lake import Lake
from tests.external.deletes import _delete_file, _rewrite
from tests.lake.test_log import without_ledger
from tests.prepared import Prepared

PEOPLE = """/*
key = ["email"]
[columns.email]
pii = true
[columns.age]
pii = true
*/
select * from (values {0}) people(email, age, town)
"""
STOCK = "/*\nkey = ['item']\n*/ select * from (values {0}) stock(item, number)"
PRICES = "/*\nkey = ['item']\n*/ select * from (values {0}) prices(item, price)"
FIRST = {"stock": "('ink', 1), ('pen', 2)", "prices": "('ink', 9), ('pen', 2)"}
SECOND = {"stock": "('ink', 1), ('pen', 2), ('pad', 3)", "prices": "('ink', 9), ('pen', 3)"}
THIRD = {"prices": "('ink', 8), ('pen\x1b[31m', 3), ('pad', 9000)"}
CHECK = "select item from silver.prices where price > 1000"


class Made(NamedTuple):
    lake: Lake
    root: Path
    runs: tuple[str, str, str]


def write(root: Path, rows: dict[str, str]) -> None:
    texts = {"people": ("bronze", PEOPLE), "stock": ("silver", STOCK), "prices": ("silver", PRICES)}
    for name, values in rows.items():
        layer, text = texts[name]
        (root / "layers" / layer).mkdir(parents=True, exist_ok=True)
        (root / "layers" / layer / f"{name}.sql").write_text(text.format(values))
    (root / "checks/silver").mkdir(parents=True, exist_ok=True)
    (root / "checks/silver/prices.sane.sql").write_text(CHECK)


def _make(root: Path) -> None:
    runs = []
    for rows in (FIRST, SECOND, THIRD):
        write(root, rows)
        with lakeflow.open(root) as lake:
            run = lake.materialize()
            assert run is not None
            runs.append(run.id)
            if rows is FIRST:
                lake.tag("monday", run.id)
    (root / "runs.json").write_text(json.dumps(runs))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("states"), _make)


@pytest.fixture
def made(prepared: Prepared) -> Iterator[Made]:
    """Two tables that were published twice; what came third is held, of the prices alone."""
    root = prepared.again()
    with lakeflow.open(root) as lake:
        yield Made(lake, root, tuple(json.loads((root / "runs.json").read_text())))


def told(found: Comparison) -> str:
    rows = found.rows
    return f"{rows.before} {rows.after} +{rows.added} -{rows.removed} ~{rows.changed} ={rows.equal}"


CHANGED = "2 2 +0 -0 ~1 =1"
HELD = "2 3 +2 -1 ~1 =0"
SAME = "2 2 +0 -0 ~0 =2"


@pytest.mark.long
def test_a_state_has_many_names(made: Made) -> None:
    lake, (first, second, third) = made.lake, made.runs
    ids = [row.snapshot_id for row in lake.snapshots("silver.prices")]
    held, main, before = ids
    for between in (
        *(f"s{before}..main", f"s{before}..s{main}", f"{before}..{main}", f"{first}..{second}", f"{first}..now"),
        *("monday..main", "monday..", "v1..v2", f"v1..{second}", f"s{before}..0s"),
    ):
        found = lake.diff("silver.prices", between)
        assert told(found) == CHANGED, between
        assert (found.before.snapshot_id, found.after.snapshot_id) == (before, main), between
    assert told(lake.diff("silver.prices", "main..monday")) == CHANGED
    for between in ("", "main..held", f"..{third}", f"main..audit_{third}", f"v2..s{held}"):
        found = lake.diff("silver.prices", between)
        assert told(found) == HELD, between
        assert found.after.called in {f"audit_{third}", third, f"s{held}"}
        assert found.changes
    assert told(lake.diff("silver.prices", "now..main")) == SAME
    assert not lake.diff("silver.prices", "now..main").changes


def test_where_nothing_is_held_main_is_compared_with_what_was_before_it(made: Made) -> None:
    lake, (_, _, third) = made.lake, made.runs
    lake.discard(third)
    found = lake.diff("silver.prices")
    assert told(found) == CHANGED
    assert found.after.called == "main"
    assert (found.columns[0].name, found.columns[0].changed, found.columns[0].share) == ("price", 1, 0.5)


def test_a_run_is_all_of_its_tables(made: Made) -> None:
    lake, (first, second, third) = made.lake, made.runs
    by_table = {str(each.asset): told(each) for each in lake.diff_run(second)}
    assert by_table["silver.prices"] == CHANGED
    assert by_table["silver.stock"] == "2 3 +1 -0 ~0 =2"
    new = {str(each.asset): each for each in lake.diff_run(first[:9])}
    assert told(new["silver.prices"]) == "0 2 +2 -0 ~0 =0"
    assert new["silver.prices"].before.snapshot_id is None
    assert [column.name for column in new["silver.prices"].schema.added] == ["item", "price"]
    assert [told(each) for each in lake.diff_run(third)] == [HELD]


def test_without_the_ledger_the_tables_know_the_runs(made: Made) -> None:
    lake, (first, second, third) = made.lake, made.runs
    lake.close()
    without_ledger(made.root)
    with lakeflow.open(made.root) as again:
        assert told(again.diff("silver.prices", f"{first}..{second}")) == CHANGED
        assert told(again.diff("silver.prices", f"main..audit_{third}")) == HELD
        assert [told(each) for each in again.diff_run(third)] == [HELD]


@pytest.mark.parametrize(
    ("asset", "between", "says"),
    [
        ("silver.price", "", "nothing matches 'silver.price'"),
        ("silver.*", "main..held", "means 2 assets"),
        ("silver.prices", "held silver..main", "has no state 'held silver'"),
        ("silver.prices", "main", "does not name two states"),
        ("silver.prices", "..", "does not name two states"),
        ("silver.prices", "main...held", "does not name two states"),
        ("silver.prices", "hled..main", "has no state 'hled'"),
        ("silver.prices", "s9..main", "write at least 4 digits of its id"),
        ("silver.prices", "1000d..main", "was not published then"),
        ("silver.prices", "2999-01-01..main", "still to come"),
        ("silver.prices", "v99..main", "no version v99"),
        ("silver.prices", "audit_x..main", "has no ref 'audit_x'"),
        ("silver.stock", "main..held", "nothing of silver.stock is held"),
    ],
)
def test_a_state_that_is_not_there_is_refused(made: Made, asset: str, between: str, says: str) -> None:
    with pytest.raises(lakeflow.LakeflowError, match=says) as caught:
        made.lake.diff(asset, between)
    assert caught.value.exit_code == 2


def test_the_hint_of_a_mistyped_state_names_the_nearest(made: Made) -> None:
    with pytest.raises(UsageError) as caught:
        made.lake.diff("silver.prices", "mondey..main")
    assert "monday" in (caught.value.hint or "")


def test_an_asset_without_its_layer_is_meant_rather_than_a_run(made: Made) -> None:
    with pytest.raises(UsageError, match="no run's id starts with 'pricse'") as caught:
        made.lake.diff_run("pricse")
    assert caught.value.hint == "did you mean `lakeflow diff silver.prices`?"


@pytest.mark.long
def test_what_was_never_published_is_not_compared(tmp_path: Path) -> None:
    write(tmp_path, {"prices": THIRD["prices"]})
    with lakeflow.open(tmp_path) as lake:
        with pytest.raises(UsageError, match="was never built"):
            lake.diff("silver.prices")
        run = lake.materialize()
        assert run is not None
        with pytest.raises(UsageError, match="was never published: there is nothing to compare with") as caught:
            lake.diff("silver.prices", "main..held")
        assert caught.value.hint == "`lakeflow show silver.prices --ref held` shows what is held of it"
        # Of the run itself all is new, since no state is named that is not there.
        (found,) = lake.diff_run(run.id)
        assert told(found) == told(lake.diff("silver.prices")) == "0 3 +3 -0 ~0 =0"


def catalog(root: Path) -> SqlCatalog:
    state = root / ".lakeflow"
    return SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=str(state))


@pytest.mark.long
def test_personal_values_are_masked_and_their_means_untold(tmp_path: Path) -> None:
    for people in ("('ada@x.org', 30, 'oslo'), ('bob@x.org', 40, 'rome')", "('cy@x.org', 50, 'lima')"):
        write(tmp_path, {"people": people})
        (tmp_path / "checks/silver/prices.sane.sql").unlink()
        with lakeflow.open(tmp_path) as lake:
            lake.materialize()
    with closing(catalog(tmp_path)) as theirs:
        table = theirs.load_table("bronze.people")
        rows = table.scan().to_arrow().to_pylist()
        older = [{**row, "age": row["age"] + (row["town"] == "oslo")} for row in rows if row["town"] != "lima"]
        table.overwrite(pa.Table.from_pylist(older, schema=table.scan().to_arrow().schema))
    with lakeflow.open(tmp_path) as lake:
        _masked(lake)


def _masked(lake: Lake) -> None:
    found = lake.diff("bronze.people", "v2..main")
    assert found.key == ("email",)
    assert told(found) == "3 2 +0 -1 ~1 =1"
    (age,) = found.columns
    assert (age.name, age.changed, age.mean) == ("age", 1, None)
    assert found.samples.before.values == found.samples.after.values == ((HIDDEN, HIDDEN, "oslo"),)
    assert found.samples.removed.values == ((HIDDEN, HIDDEN, "lima"),)
    for where in ("age > 30", "upper(email) = 'X'", "town = 'oslo' or age is null"):
        with pytest.raises(UsageError, match="is personal"):
            lake.diff("bronze.people", "v1..v2", where=where)
    for where in ("town = 'oslo'; drop table x", "town in (select email from bronze.people)", "1 = 1) or (1 = 1"):
        with pytest.raises(UsageError, match="is no condition"):
            lake.diff("bronze.people", "v1..v2", where=where)
    with pytest.raises(UsageError, match="no column twn"):
        lake.diff("bronze.people", "v1..v2", where="twn = 'oslo'")
    only = lake.diff("bronze.people", "v1..v2", where="town = 'oslo'", rows=0)
    assert told(only) == "1 1 +0 -0 ~0 =1"
    assert only.samples.before.values == ()


@pytest.fixture
def say(made: Made, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """What a command answers, and its exit code; the lake is closed meanwhile."""
    made.lake.close()

    def said(*words: str) -> tuple[int, str]:
        code = typed(["-C", str(made.root), *words])
        return code, capsys.readouterr().out

    return said


@pytest.mark.long
def test_the_command_says_all_of_it(made: Made, say: Callable[..., tuple[int, str]]) -> None:
    code, text = say("diff", "silver.prices")
    assert code == 0
    assert text.splitlines()[1:4] == [
        "schema   no change",
        "rows     2 → 3   +2 −1 ~1   (key: item)",
        "columns  price  ~1  100%  mean 9 → 8",
    ]
    assert "9 → 8" in text
    assert "pen\\x1b[31m" in text, "nothing in the data acts on a terminal"
    assert "\x1b" not in text
    assert say("diff", "silver.prices", "--stat", "--exit-code")[0] == 1
    assert say("diff", "silver.prices", "now..main", "--exit-code")[0] == 0
    code, text = say("diff", "silver.prices", "-o", "csv")
    assert text.splitlines()[1].split(",")[3:9] == ["2", "3", "2", "1", "1", "0"]
    assert say("diff", made.runs[1], "main..held")[0] == 2
    assert say("diff", "silver.prices", "--rows", "-1")[0] == 2


def test_the_answer_in_json(made: Made, say: Callable[..., tuple[int, str]]) -> None:
    _, text = say("diff", "silver.prices", "-o", "json")
    found: dict[str, Any] = json.loads(text)["data"]["diff"]
    assert found["asset"] == "silver.prices"
    assert isinstance(found["from"], str)
    assert isinstance(found["to"], str)
    assert found["schema"] == {"added": [], "removed": [], "changed": []}
    assert found["rows"] == {"before": 2, "after": 3, "added": 2, "removed": 1, "changed": 1, "equal": 0}
    (price,) = found["columns"]
    assert price == {"name": "price", "changed": 1, "share": 1.0, "mean": {"before": 9.0, "after": 8.0, "shift": -1.0}}
    assert found["key"] == ["item"]
    (changed,) = found["samples"]["changed"]
    assert changed == {"before": {"item": "ink", "price": 9}, "after": {"item": "ink", "price": 8}}
    _, text = say("diff", made.runs[0], "-o", "json", "--stat")
    assert {each["asset"] for each in json.loads(text)["data"]["diff"]} == {"silver.stock", "silver.prices"}
    assert {each["from"] for each in json.loads(text)["data"]["diff"]} == {None}


def _as_another_commit(root: Path, location: str) -> None:
    """What was written into a metadata file stands in one of its own, at which the catalog points now."""
    later = re.sub(r"[^/]*$", f"00099-{uuid4()}.metadata.json", location)
    shutil.copy(location.removeprefix("file://"), later.removeprefix("file://"))
    with closing(sqlite3.connect(root / ".lakeflow/catalog.db")) as database, database:
        database.execute(
            "update iceberg_tables set metadata_location = ? where metadata_location = ?", (later, location)
        )


@pytest.mark.long
def test_rows_that_another_engine_deleted_are_removed(made: Made) -> None:
    made.lake.close()
    with closing(catalog(made.root)) as theirs:
        table = theirs.load_table("silver.stock")
        target = next(iter(table.scan().plan_files())).file.file_path
        rows = pa.table({"file_path": [target], "pos": pa.array([0], pa.int64())})
        _rewrite(table, _delete_file(table, rows, DataFileContent.POSITION_DELETES))
        _as_another_commit(made.root, table.metadata_location)
        left = theirs.load_table("silver.stock").scan().to_arrow().num_rows
    with lakeflow.open(made.root) as lake:
        assert left == 2
        assert told(lake.diff("silver.stock", "v1..main")) == "2 2 +1 -1 ~0 =1"


@pytest.mark.long
def test_rows_that_lie_in_other_files_in_another_layout_are_equal(tmp_path: Path) -> None:
    text = "/*\nkey = ['id']\n{0}*/ select range as id, range % 3 as part from range(10) {1}"
    path = tmp_path / "layers/silver/things.sql"
    path.parent.mkdir(parents=True)
    for layout, order in (("", ""), ("partition_by = ['part']\n", ""), ("sort_by = ['id']\n", "order by id desc")):
        path.write_text(text.format(layout, order))
        with lakeflow.open(tmp_path) as lake:
            run = lake.materialize(force=True)
            assert run is not None
            assert run.steps[0].state == "published"
    with lakeflow.open(tmp_path) as lake:
        files = {row.snapshot_id for row in lake.snapshots("silver.things")}
        assert len(files) == 3
        for between in ("v1..v2", "v2..v3", "v1..v3"):
            assert told(lake.diff("silver.things", between)) == "10 10 +0 -0 ~0 =10"


def test_a_column_that_another_engine_renamed_or_added_is_told(made: Made) -> None:
    made.lake.close()
    with closing(catalog(made.root)) as theirs, theirs.load_table("silver.prices").update_schema() as change:
        change.rename_column("price", "cost")
        change.rename_column("item", "thing")
    with lakeflow.open(made.root) as lake:
        found = lake.diff("silver.prices", f"{made.runs[0]}..main")
        renamed = [(each.before.name, each.after.name) for each in found.schema.changed]
        assert renamed == [("item", "thing"), ("price", "cost")]
        assert found.key == ("thing",)
        assert told(found) == CHANGED
        assert [each.name for each in found.columns] == ["cost"]
