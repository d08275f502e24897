"""Rows that checks refuse do not take part in a merge: what stood for their key or in their partition stands."""

from __future__ import annotations

from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import ProjectError, UsageError
from tests.cli.test_commands import make

BRONZE = """/*
[source]
files = ["in/*.csv"]
format = "csv"
columns = {id = "int", day = "date", total = "int", op = "string"}
*/
select * from source"""
CHECKS = """import great_expectations.expectations as gxe

APART = {"lakeflow": {"on_fail": "quarantine"}}
expectations = [gxe.ExpectColumnValuesToBeBetween(column="total", min_value=%s, meta=APART)]
"""
UPSERT = "key = ['id']\nwrite = 'upsert'\n"
NEW = "new_rows = ['bronze.sales']\n"
ROWS = "select id, day, total, op from bronze.sales"
LAST = " qualify row_number() over (partition by id order by _source_file desc) = 1"
KEY = "silver.sales__quarantine"


def shop(root: Path, header: str, body: str = ROWS) -> Path:
    files = {
        "layers/bronze/sales.sql": BRONZE,
        "layers/silver/sales.sql": f"/*\n{header}*/\n{body}",
        "checks/silver/sales.py": CHECKS % 0,
    }
    return make(root, files)


def deliver(root: Path, name: str, *rows: str) -> str:
    """Land the rows and build; say how it went."""
    (root / "in").mkdir(exist_ok=True)
    (root / "in" / f"{name}.csv").write_text("id,day,total,op\n" + "".join(f"{row}\n" for row in rows))
    return run(root)


def run(root: Path) -> str:
    with lakeflow.open(root) as lake:
        done = lake.materialize()
        return str(done.state) if done else "nothing to do"


def read(root: Path, asset: str = "silver.sales", columns: str = "id, total") -> list[tuple[object, ...]]:
    with lakeflow.open(root) as lake:
        return lake.read(asset).project(columns).order("all").fetchall()


@pytest.mark.long
def test_a_refused_row_leaves_the_row_of_its_key_as_it_was_until_it_is_mended(tmp_path: Path) -> None:
    root = shop(tmp_path, UPSERT, ROWS + LAST)
    assert deliver(root, "a", "1,2024-03-01,10,I", "2,2024-03-01,20,I") == "published"
    assert deliver(root, "b", "2,2024-03-02,-5,I", "3,2024-03-02,30,I") == "published"
    assert read(root) == [(1, 10), (2, 20), (3, 30)]
    assert read(root, KEY) == [(2, -5)]
    assert deliver(root, "c", "2,2024-03-03,21,I") == "published"
    assert read(root) == [(1, 10), (2, 21), (3, 30)]
    assert read(root, KEY) == []


@pytest.mark.long
def test_refusals_of_new_rows_wait_and_are_merged_by_their_time_once_they_pass(tmp_path: Path) -> None:
    root = shop(tmp_path, UPSERT + NEW + "keep = 'last by day'\n")
    deliver(root, "a", "1,2024-03-01,10,I", "2,2024-03-02,-5,I")
    deliver(root, "b", "2,2024-03-03,25,I", "3,2024-03-03,-7,I")
    assert read(root) == [(1, 10), (2, 25)]
    assert read(root, KEY) == [(2, -5), (3, -7)]
    (root / "checks/silver/sales.py").write_text(CHECKS % -100)
    with lakeflow.open(root) as lake:
        done = lake.readmit("silver.sales")
        assert done is not None
        assert str(done.state) == "published"
        assert lake.readmit("silver.sales") is None
    assert read(root) == [(1, 10), (2, 25), (3, -7)]


@pytest.mark.long
def test_what_nothing_orders_is_not_offered_again(tmp_path: Path) -> None:
    root = shop(tmp_path, UPSERT + NEW)
    deliver(root, "a", "1,2024-03-01,-10,I")
    with lakeflow.open(root) as lake, pytest.raises(UsageError, match="older than what stands for its key") as caught:
        lake.readmit("silver.sales")
    assert 'keep = "last by' in str(caught.value.hint)


@pytest.mark.long
def test_a_row_that_takes_its_key_away_is_no_row_to_refuse(tmp_path: Path) -> None:
    root = shop(tmp_path, UPSERT + NEW + "keep = 'last by day'\ndeleted = \"op = 'D'\"\nallow_empty = true\n")
    deliver(root, "a", "1,2024-03-01,10,I", "2,2024-03-01,20,I")
    deliver(root, "b", "1,2024-03-02,-1,D")
    assert read(root) == [(2, 20)]
    assert read(root, KEY) == []


@pytest.mark.long
def test_a_refused_row_begins_no_version(tmp_path: Path) -> None:
    root = shop(tmp_path, "key = ['id']\nwrite = 'scd2'\nat = 'day'\n" + NEW)
    deliver(root, "a", "1,2024-03-01,10,I")
    deliver(root, "b", "1,2024-03-02,-5,I", "2,2024-03-02,20,I")
    deliver(root, "c", "1,2024-03-03,30,I")
    columns = "id, total, valid_from::text, valid_to::text"
    assert read(root, columns=columns) == [
        (1, 10, "2024-03-01", "2024-03-03"),
        (1, 30, "2024-03-03", None),
        (2, 20, "2024-03-02", None),
    ]
    assert read(root, KEY) == [(1, -5)]
    (root / "checks/silver/sales.py").write_text(CHECKS % -100)
    with lakeflow.open(root) as lake:
        assert lake.readmit("silver.sales") is not None
    assert read(root, columns=columns)[:2] == [(1, -5, "2024-03-02", "2024-03-03"), (1, 10, "2024-03-01", "2024-03-02")]


def test_a_table_that_closes_keys_has_no_quarantine(tmp_path: Path) -> None:
    root = shop(tmp_path, "key = ['id']\nwrite = 'scd2'\nat = 'day'\ndeletes = 'close'\n", ROWS + LAST)
    with pytest.raises(ProjectError, match="closes keys that do not come, and has no quarantine"):
        lakeflow.open(root)


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "header",
    [
        "write = 'partition'\npartition_by = ['day(day)']\n",
        "partition = 'day(day)'\nstart = '2024-03-01'\nend = '2024-03-04'\n",
        "partition = 'day(day)'\nstart = '2024-03-01'\nend = '2024-03-04'\nzone = 'Europe/Oslo'\n",
    ],
    ids=["by rows", "in time", "in a zone"],
)
def test_refused_rows_of_a_partition_are_those_of_its_last_write(tmp_path: Path, header: str) -> None:
    where = " where day >= $partition_start::date and day < $partition_end::date" if "start" in header else ""
    if "zone" in header:
        where = " where day::timestamp >= $partition_start and day::timestamp < $partition_end"
    newest = f"{ROWS.replace('select', 'select _source_file as file,')}{where}"
    body = (
        f"select id, day, total, op from ({newest}) qualify row_number() over (partition by id order by file desc) = 1"
    )
    root = shop(tmp_path, "key = ['id']\n" + header, body)
    deliver(root, "a", "1,2024-03-01,10,I", "2,2024-03-01,-20,I", "3,2024-03-02,-30,I", "4,2024-03-02,40,I")
    assert read(root) == [(1, 10), (4, 40)]
    assert read(root, KEY) == [(2, -20), (3, -30)]
    deliver(root, "b", "2,2024-03-01,20,I")
    assert read(root) == [(1, 10), (2, 20), (4, 40)]
    assert read(root, KEY) == [(3, -30)]
    assert run(root) == "nothing to do"
