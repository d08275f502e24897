"""What is larger than a lake allows does not land: lines, objects, cells, files, and what archives hold."""

from __future__ import annotations

import gzip

import pytest

from tests.landing.lab import Lake
from tests.landing.test_drift import contract, landed, parquet

LONG = "x" * 60


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("cap", "name", "content", "says"),
    [
        ("max_line = 50", "1.csv", f"id,total\n1,{LONG}\n", "drops/1.csv, line 2: longer than 50 bytes"),
        ("max_object = 50", "1.ndjson", f'{{"id": "{LONG}"}}\n', "line 1: an object longer than 50 bytes"),
        ("max_cell = 50", "1.csv", f"id,total\n1,{LONG}\n", "line 2: column 'total' holds more than 50 bytes"),
        ("max_cell = 50", "1.ndjson", f'{{"id": "{LONG}"}}\n', "line 1: column 'id' holds more than 50 bytes"),
        ("max_file = 50", "1.csv", f"id,total\n1,{LONG}\n", "drops/1.csv is larger than 50 bytes"),
        ("max_expanded = '1KB'", "1.csv.gz", gzip.compress(b"id,total\n" + b"1,2\n" * 300), "unpacks to more than it"),
    ],
    ids=["line", "object", "cell", "cell of JSON", "file", "archive"],
)
def test_what_is_larger_than_its_cap_stops_the_load(
    lake: Lake, cap: str, name: str, content: str | bytes, says: str
) -> None:
    contract(lake, "", format_=name.split(".")[1])
    lake.write("pyproject.toml", f"[tool.lakeflow]\n{cap}\n")
    lake.drop(name, content)
    lake.refused(says, secret=LONG)


@pytest.mark.long
def test_a_cell_of_parquet_has_its_cap_and_a_larger_row_can_be_put_apart(lake: Lake) -> None:
    lake.write("pyproject.toml", "[tool.lakeflow]\nmax_cell = 50\n")
    contract(lake, "", format_="parquet")
    parquet(lake, "1.parquet", f"select '1' as id, 'y' as total union all select '2', '{LONG}'")
    lake.refused("drops/1.parquet, row 2: column 'total' holds more than 50 bytes", secret=LONG)
    contract(lake, 'on_malformed = "quarantine"', format_="parquet")
    lake.load()
    assert landed(lake, "id") == [("1",)]


@pytest.mark.long
def test_a_line_may_be_as_long_as_a_setting_says(lake: Lake) -> None:
    lake.write("pyproject.toml", "[tool.lakeflow]\nmax_line = '3MB'\n")
    lake.drop("1.csv", f"id,total\n1,{'x' * 2_500_000}\n2,y\n")
    assert [len(row[1] or "") for row in lake.load()] == [2_500_000, 1]
