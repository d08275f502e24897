"""Incremental inputs on real tables: SQL and Python, another engine's commits included."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from lakeflow.core.errors import ProjectError

BRONZE = (
    '/*\n[source]\nfolder = "drops"\nfiles = "*.csv"\nformat = "csv"\ncolumns = {id = "int"}\n*/ select * from source'
)
SILVER = (
    '/*\nkey = ["id"]\nwrite = "append"\nnew_rows = ["bronze.sales"]\n*/ select id, id * 10 as ten from bronze.sales'
)
PYTHON = """
from lakeflow import asset, new_rows

@asset(inputs={"sales": new_rows("silver.sales")}, write="append")
def batches(sales):
    return sales.aggregate("count(*) as rows, sum(ten)::long as total")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {"bronze/sales.sql": BRONZE, "silver/sales.sql": SILVER, "gold/batches.py": PYTHON}.items():
        path = tmp_path / "layers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "drops").mkdir()
    return tmp_path


def drop(root: Path, name: str, *ids: int) -> None:
    (root / "drops" / f"{name}.csv").write_text("id\n" + "".join(f"{id_}\n" for id_ in ids))


def run(root: Path) -> str:
    with lakeflow.open(root) as lake:
        done = lake.materialize()
        return str(done.state) if done else "nothing to do"


def read(root: Path, asset: str) -> list[tuple[object, ...]]:
    with lakeflow.open(root) as lake:
        return sorted(lake.read(asset).fetchall())


@pytest.mark.long
def test_each_drop_goes_through_all_layers_once(root: Path) -> None:
    for name, ids in {"mon": (1, 2), "tue": (3,), "wed": (4, 5, 6)}.items():
        drop(root, name, *ids)
        assert run(root) == "published"
    assert read(root, "silver.sales") == [(n, 10 * n) for n in range(1, 7)]
    assert read(root, "gold.batches") == [(1, 30), (2, 30), (3, 150)]
    assert run(root) == "nothing to do"


@pytest.mark.long
def test_a_preview_shows_what_a_run_would_write(root: Path) -> None:
    """New rows alone; all of them where changed code makes the asset anew, and where nothing is new."""

    def previewed() -> list[tuple[str | None, ...]]:
        with lakeflow.open(root) as lake:
            return sorted(lake.preview("silver.sales").values)

    drop(root, "mon", 1, 2)
    run(root)
    assert previewed() == [("1", "10"), ("2", "20")]
    drop(root, "tue", 3)
    with lakeflow.open(root) as lake:
        lake.materialize("bronze.*")
    assert previewed() == [("3", "30")]
    (root / "layers/silver/sales.sql").write_text(SILVER.replace("id * 10", "id * 11"))
    assert previewed() == [("1", "11"), ("2", "22"), ("3", "33")]
    run(root)
    assert read(root, "silver.sales") == [(1, 11), (2, 22), (3, 33)]


@pytest.mark.long
def test_another_engines_rows_are_consumed_and_its_deletes_rebuild(root: Path) -> None:
    drop(root, "mon", 1, 2)
    run(root)
    state = root / ".lakeflow"
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=f"file://{state}/warehouse")
    table = catalog.load_table("silver.sales")
    table.append(pa.table({"id": pa.array([7], pa.int32()), "ten": pa.array([70], pa.int32())}))
    run(root)
    assert read(root, "gold.batches") == [(1, 70), (2, 30)]
    catalog.load_table("silver.sales").delete("id = 1")
    with lakeflow.open(root) as lake:
        reasons = [str(reason) for step in lake.plan("gold.batches").steps for reason in step.reasons]
    assert reasons[0].startswith("rebuilds from all rows: silver.sales was rewritten")
    run(root)
    assert read(root, "gold.batches") == [(2, 90)]
    catalog.close()


@pytest.mark.long
def test_an_increment_that_gives_no_row_still_moves_the_position(root: Path) -> None:
    (root / "layers/silver/sales.sql").write_text(SILVER + " where id > 1")
    drop(root, "mon", 1, 2)
    run(root)
    drop(root, "tue", 0)
    run(root)
    assert read(root, "silver.sales") == [(2, 20)]
    assert run(root) == "nothing to do"


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ('write = "append"\nnew_rows = ["bronze.sale"]', "wants the new rows of bronze.sale, which it does not read"),
        ('new_rows = ["bronze.sales"]', "reads only new rows and would replace all others with them"),
        ('write = "append"\non_rewrite = "hold"', "has on_rewrite and no input of new rows"),
        ('write = "append"\nnew_rows = ["bronze.sales"]\non_rewrite = "wait"', "unknown on_rewrite 'wait'"),
        ('write = "append"\nnew_rows = 1', "new_rows has the wrong type"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_a_fault_with_file_and_line(root: Path, header: str, fault: str) -> None:
    text = f'/*\nkey = ["id"]\n{header}\n*/ select id, id * 10 as ten from bronze.sales'
    (root / "layers/silver/sales.sql").write_text(text)
    with pytest.raises(ProjectError, match=r"layers/silver/sales\.sql:\d+: ") as caught:
        lakeflow.open(root)
    assert fault in str(caught.value)


@pytest.mark.long
def test_new_rows_are_merged_by_key_and_the_position_moves_where_nothing_changes(root: Path) -> None:
    merging = SILVER.replace('write = "append"', 'write = "upsert"').replace(
        "id * 10 as ten", "id * 10 as ten, 1 as one"
    )
    (root / "layers/silver/sales.sql").write_text(merging)
    (root / "layers/gold/batches.py").unlink()
    for name, ids in {"mon": (1, 2), "tue": (2, 3), "wed": (3,)}.items():
        drop(root, name, *ids)
        assert run(root) == "published"
    assert read(root, "silver.sales") == [(1, 10, 1), (2, 20, 1), (3, 30, 1)]
    assert run(root) == "nothing to do"


@pytest.mark.long
def test_a_history_is_kept_of_new_rows(root: Path) -> None:
    history = SILVER.replace('write = "append"', 'write = "scd2"').replace("id * 10 as ten", "1 as ten")
    (root / "layers/silver/sales.sql").write_text(history)
    (root / "layers/gold/batches.py").unlink()
    for name, ids in {"mon": (1, 2), "tue": (2, 3)}.items():
        drop(root, name, *ids)
        assert run(root) == "published"
    with lakeflow.open(root) as lake:
        current = lake.read("silver.sales").filter("is_current").project("id").fetchall()
    assert sorted(current) == [(1,), (2,), (3,)]
    assert run(root) == "nothing to do"


def test_what_is_not_row_by_row_is_a_fault_before_anything_runs(root: Path) -> None:
    text = '/*\nkey = ["id"]\nwrite = "upsert"\nnew_rows = ["bronze.sales"]\n*/\nselect id,\n  count(*) as n\n{rest}'
    (root / "layers/silver/sales.sql").write_text(text.format(rest="from bronze.sales group by id"))
    with (
        pytest.raises(ProjectError, match=r"layers/silver/sales\.sql:8: .*aggregates") as caught,
        lakeflow.open(root) as lake,
    ):
        lake.plan()
    assert 'new_keys = {"bronze.sales" = "id"}' in str(caught.value)


KEYED_SQL = (
    '/*\nkey = ["ten"]\nwrite = "upsert"\nnew_keys = {"silver.sales" = "third"}\n*/\n'
    "select coalesce(third, -1) as ten, count(*) as rows, sum(id)::long as total "
    "from silver.sales group by third"
)
KEYED_PYTHON = """
from lakeflow import asset, new_keys

@asset(inputs={"sales": new_keys("silver.sales", "third")}, key=["ten"], write="upsert")
def batches(sales):
    return sales.aggregate("coalesce(third, -1) as ten, count(*) as rows, sum(id)::long as total", "third")
"""


@pytest.mark.long
def test_all_rows_of_the_keys_that_have_new_ones_are_read_once(root: Path) -> None:
    """In SQL and in a function, NULL keys too; the plan says that a function is trusted."""
    third = "id, nullif(id % 3, 2) as third"
    (root / "layers/silver/sales.sql").write_text(SILVER.replace("id, id * 10 as ten", third))
    (root / "layers/gold/keyed.sql").write_text(KEYED_SQL)
    (root / "layers/gold/batches.py").write_text(KEYED_PYTHON)
    every: list[int] = []
    for name, ids in {"mon": (0, 1, 2, 3), "tue": (5, 4), "wed": (8,)}.items():
        drop(root, name, *ids)
        every += ids
        assert run(root) == "published"
        found = {key: [id_ for id_ in every if (-1 if id_ % 3 == 2 else id_ % 3) == key] for key in (-1, 0, 1)}
        expected = sorted((key, len(ids), sum(ids)) for key, ids in found.items())
        for asset in ("gold.keyed", "gold.batches"):
            assert read(root, asset) == expected
    assert run(root) == "nothing to do"
    drop(root, "thu", 9)
    with lakeflow.open(root) as lake:
        lake.materialize("bronze.sales", "silver.sales")
        (warning,) = lake.plan("gold.batches").warnings
    assert (
        warning == "gold.batches reads new rows of silver.sales in a function, which is trusted to keep its keys apart"
    )
