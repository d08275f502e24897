"""Names of columns, from files and from code, as another reader finds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import StaticTable

from tests.landing.lab import Lake

PARQUET = 'folder = "drops"\nfiles = "*"\nformat = "parquet"'


def delivered(lake: Lake, name: str, columns: dict[str, Any]) -> None:
    written(lake, name, list(columns), [pa.array(values) for values in columns.values()])


def written(lake: Lake, name: str, names: list[str], arrays: list[pa.Array]) -> None:
    path = lake.root / "drops" / name
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(arrays, names=names), path)


def read_back(lake: Lake, table: str = "bronze/orders") -> pa.Table:
    """By pyiceberg, from the files alone."""
    metadata = sorted((lake.root / ".lakeflow/warehouse" / table / "metadata").glob("*.metadata.json"))
    return StaticTable.from_metadata(str(metadata[-1])).scan().to_arrow()


@pytest.mark.sampled(7)
@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["id", "ID"], "two columns are named 'id' and 'ID'"),
        (["id", "id"], "two columns are named 'id' and 'id'"),
        (["id", "id "], "two columns are named 'id' and 'id '"),
        (["\u00e9", "e\u0301"], "two columns are named"),
        (["id", ""], "column 2 has no name"),
        (["id", "a\tb"], "column 2 has a name with a control character"),
        (["id", "_pos"], "'_pos' has a name that Iceberg reserves"),
    ],
)
def test_a_parquet_file_whose_columns_some_reader_cannot_tell_apart_is_refused(
    lake: Lake, names: list[str], says: str
) -> None:
    lake.source(PARQUET)
    written(lake, "1.parquet", names, [pa.array([1]), pa.array([2])])
    lake.refused("bronze.orders" if "reserves" in says else "drops/1.parquet", says)


def test_twins_inside_a_list_of_structs_are_refused(lake: Lake) -> None:
    lake.source(PARQUET)
    delivered(lake, "1.parquet", {"many": [[{"x": 1, "X": 2}]], "z": [3]})
    lake.refused("drops/1.parquet", "two columns in 'element' are named 'x' and 'X'")


@pytest.mark.long
def test_names_that_all_readers_can_tell_apart_land_as_they_are(lake: Lake) -> None:
    columns: dict[str, Any] = {
        "Sepal.Length": [1],
        'say "x"': [2],
        "two words": [3],
        "Gr\u00f6\u00dfe": [4],
        "s": [{"a.b": 5, "c": [{"d e": 6}]}],
        "file_row_number": [7],
    }
    lake.source(PARQUET)
    delivered(lake, "1.parquet", columns)
    lake.load()
    found = read_back(lake).to_pydict()
    assert {name: found[name] for name in columns} == columns


@pytest.mark.long
def test_a_later_file_in_other_letters_does_not_rename_what_readers_know(lake: Lake) -> None:
    lake.source(PARQUET)
    delivered(lake, "1.parquet", {"price": [1], "s": [{"net": 1}]})
    lake.load()
    (lake.root / "drops/1.parquet").unlink()
    delivered(lake, "2.parquet", {"Price": [2], "S": [{"net": 2}]})
    lake.load()
    found = read_back(lake)
    assert sorted(found["price"].to_pylist()) == [1, 2]
    assert sorted(row["net"] for row in found["s"].to_pylist()) == [1, 2]
    delivered(lake, "2.parquet", {"price": [3], "s": [{"NET": 3}]})
    (lake.root / "drops/2.parquet").rename(lake.root / "drops/3.parquet")
    lake.refused("which names its fields in another form", "name them as the files before did")


@pytest.mark.long
def test_a_later_file_in_another_unicode_form_is_refused(lake: Lake) -> None:
    """DuckDB would cast the struct's field to NULL."""
    lake.source(PARQUET)
    delivered(lake, "1.parquet", {"s": [{"\u00e9": 1, "b": 1}]})
    lake.load()
    (lake.root / "drops/1.parquet").unlink()
    delivered(lake, "2.parquet", {"s": [{"e\u0301": 2, "b": 2}]})
    lake.refused("which names its fields in another form", "name them as the files before did")


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("select 1 as \"a.b\", {'b': 2} as a", "two columns are called 'a.b' by readers: 'a.b' and 'b' in 'a'"),
        ('select 1 as "a.element", [2] as a', "two columns are called 'a.element' by readers"),
        ("select {'b.c': 1, 'b': {'c': 2}} as a", "two columns are called 'a.b.c' by readers"),
        ("select 1 as _file", "'_file' has a name that Iceberg reserves"),
        ("select 1 as _ROW_ID", "'_ROW_ID' has a name that Iceberg reserves"),
        ('select 1 as " "', "column 1 has no name"),
        ('select 1 as "\u00e9", 2 as "e\u0301"', "two columns are named"),
    ],
)
def test_code_that_gives_such_names_is_refused_before_a_table_is_made(lake: Lake, text: str, says: str) -> None:
    lake.write("layers/bronze/orders.sql", text + "\n")
    lake.refused(says)
    assert not (lake.root / ".lakeflow/warehouse/bronze/orders").exists()


@pytest.mark.long
def test_a_table_that_no_reader_loads_is_mended_by_a_full_refresh_with_its_history(lake: Lake) -> None:
    """As an early release made it: its first schema has a column `a.b` beside a struct `a` with a field `b`."""
    asset = lake.write("layers/bronze/orders.sql", "select 1 as x, {'b': 2} as a\n")
    assert lake.materialize().returncode == 0
    brick(lake.root / ".lakeflow/warehouse/bronze/orders/metadata")
    with pytest.raises(Exception, match=r"multiple fields for name a\.b"):
        read_back(lake)
    asset.write_text("select 3 as x, {'b': 4} as a\n")
    done = lake.run("materialize", "--full-refresh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_back(lake).to_pylist() == [{"x": 3, "a": {"b": 4}}]
    metadata = sorted((lake.root / ".lakeflow/warehouse/bronze/orders/metadata").glob("*.metadata.json"))
    table = StaticTable.from_metadata(str(metadata[-1]))
    old = min(table.metadata.snapshots, key=lambda snapshot: snapshot.timestamp_ms)
    assert table.scan(snapshot_id=old.snapshot_id).to_arrow().to_pylist() == [{"a_b_1": 1, "a": {"b": 2}}]


def brick(folder: Path) -> None:
    """Give the first column of the newest metadata the name of a nested field."""
    newest = max(folder.glob("*.metadata.json"))
    content = json.loads(newest.read_text())
    for schema in content["schemas"]:
        schema["fields"][0]["name"] = "a.b"
    content["properties"].pop("lakeflow.sha256", None)
    newest.write_text(json.dumps(content))
