"""Rows that are not as declared are put apart, with file, line and reason, and no row is lost."""

from __future__ import annotations

import json

import pytest
from pyiceberg.table import StaticTable

from tests.landing.lab import Lake
from tests.landing.test_drift import contract, landed, parquet

APART = 'on_malformed = "quarantine"'


def apart(lake: Lake) -> list[tuple[object, ...]]:
    """File, row, line, reason and text of each malformed row, as pyiceberg reads the quarantine."""
    folder = lake.root / ".lakeflow/warehouse/bronze/orders__quarantine/metadata"
    newest = max(folder.glob("*.metadata.json"))
    table = StaticTable.from_metadata(str(newest)).scan().to_arrow()
    names = ("_source_file", "_source_row", "_line", "_reason", "_text")
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    assert set(table["_check"].to_pylist()) <= {"malformed"}
    return sorted(rows)


@pytest.mark.long
def test_malformed_lines_of_csv_go_to_the_quarantine_and_all_other_rows_keep_their_places(lake: Lake) -> None:
    contract(lake, APART, '{id = "long", total = "long"}')
    lake.drop("1.csv", "id,total\n1,10\n")
    text = b'id,total\n1,10\n2\n\n3,x\n4,"4\n0"\n5,"50\n6,60\n7,70,\n8,"8"0\n\xff,9\n10,"1\n"\n11,110\n'
    lake.drop("2.csv", text)
    lake.load()
    assert landed(lake, "_source_file", "_source_row", "id", "total") == [
        ("drops/1.csv", 1, 1, 10),
        ("drops/2.csv", 1, 1, 10),
        ("drops/2.csv", 6, 6, 60),
        ("drops/2.csv", 10, 10, 1),
        ("drops/2.csv", 11, 11, 110),
    ]
    quotes = "a quote is not closed, or text follows it"
    assert apart(lake) == [
        ("drops/2.csv", 2, 3, "2 columns expected, 1 found", "2"),
        ("drops/2.csv", 3, 5, "column 'total' holds no BIGINT", "3,x"),
        ("drops/2.csv", 4, 6, "column 'total' holds no BIGINT", '4,"4\n0"'),
        ("drops/2.csv", 5, 8, quotes, '5,"50'),
        ("drops/2.csv", 7, 10, "2 columns expected, 3 found", "7,70,"),
        ("drops/2.csv", 8, 11, quotes, '8,"8"0'),
        ("drops/2.csv", 9, 12, 'not UTF-8; declare the encoding, such as encoding = "latin-1"', "�,9"),
    ]


def test_a_blank_beside_a_quote_puts_its_row_apart(lake: Lake) -> None:
    """DuckDB would drop the blank; in a file that is sifted, too."""
    contract(lake, APART, '{id = "long", total = "string"}')
    lake.drop("1.csv", "id,total\n1,10\n")
    lake.drop("2.csv", 'id,total\n1, 10\n2, "20"\n3," ""30"""\n4,"40" \n')
    lake.load()
    found = landed(lake, "_source_file", "_source_row", "id", "total")[1:]
    assert found == [("drops/2.csv", 1, 1, " 10"), ("drops/2.csv", 3, 3, ' "30"')]
    blank = "a blank before a quote, of which nothing says whether it is a part of the value"
    quotes = "a quote is not closed, or text follows it"
    assert apart(lake) == [("drops/2.csv", 2, 3, blank, '2, "20"'), ("drops/2.csv", 4, 5, quotes, '4,"40" ')]


@pytest.mark.long
def test_malformed_objects_go_to_the_quarantine(lake: Lake) -> None:
    contract(lake, APART, '{id = "long", total = "long"}', "ndjson")
    lake.drop("1.ndjson", '{"id": 1}\n{"id": \n\n[2]\n{"id": "x"}\n{"id": 3, "new": 1}\n{"id": 4}\n{"id": "\\ud83d"}\n')
    lake.load()
    assert landed(lake, "_source_row", "id") == [(1, 1), (6, 4)]
    assert [row[1:3] for row in apart(lake)] == [(2, 2), (3, 4), (4, 5), (5, 6), (7, 8)]
    assert str(apart(lake)[-1][3]).startswith("column 'id' holds one half of a letter")
    assert [row[4] for row in apart(lake)][:2] == ['{"id": ', "[2]"]


@pytest.mark.long
def test_malformed_values_of_parquet_and_of_arrays_go_to_the_quarantine(lake: Lake) -> None:
    contract(lake, APART, '{id = "int", total = "long"}', "parquet")
    parquet(lake, "1.parquet", "select i as id, i * 1.5::double as total from range(1, 4) t(i)")
    lake.load()
    assert landed(lake, "_source_row", "id", "total") == [(2, 2, 3)]
    assert [row[:3] for row in apart(lake)] == [("drops/1.parquet", 1, None), ("drops/1.parquet", 3, None)]
    (lake.root / "drops/1.parquet").unlink()
    contract(lake, APART, '{id = "int", total = "long"}', "json")
    lake.drop("1.json", '[{"id": 1, "total": 1.5}, {"id": 2, "total": 2}]')
    assert lake.run("materialize", "--full-refresh").returncode == 0
    assert landed(lake, "_source_row", "id", "total") == [(2, 2, 2)]
    assert [row[:3] for row in apart(lake)] == [("drops/1.json", 1, None)]


@pytest.mark.long
def test_a_file_with_a_larger_share_of_malformed_rows_than_may_be_stops_the_load(lake: Lake) -> None:
    contract(lake, f"{APART}\nmax_fraction = 0.25")
    lake.drop("1.csv", "id,total\n1,10\n2,20\n3,30\n4\n")
    lake.load()
    lake.drop("2.csv", "id,total\n1,10\n2\n3\n")
    lake.refused("drops/2.csv: 2 of 3 rows are malformed, more than max_fraction = 0.25 allows", "line 3: 2 columns")
    assert len(apart(lake)) == 1


@pytest.mark.long
def test_a_malformed_row_is_not_readmitted_and_stays_in_its_log(lake: Lake) -> None:
    contract(lake, APART)
    lake.drop("1.csv", "id,total\n1,10\n2\n")
    lake.load()
    done = lake.run("quarantine", "readmit", "bronze.orders")
    assert done.returncode == 0, done.stdout + done.stderr
    assert landed(lake, "id") == [("1",)]
    assert len(apart(lake)) == 1


@pytest.mark.long
def test_the_text_of_a_personal_row_is_on_no_screen_and_a_masked_one_is_not_kept(lake: Lake) -> None:
    contract(lake, f"{APART}\n[columns.id]\npii = true")
    lake.drop("1.csv", "id,total\n1,10\nSECRET\n")
    done = lake.materialize()
    assert done.returncode == 0, done.stdout + done.stderr
    assert apart(lake)[0][4] == "SECRET"
    for words in (
        ("quarantine", "show", "bronze.orders"),
        ("show", "bronze.orders__quarantine"),
        ("status",),
        ("audit",),
    ):
        shown = lake.run(*words)
        assert "SECRET" not in shown.stdout + shown.stderr + done.stdout + done.stderr
    contract(lake, f'{APART}\n[columns.id]\nmask = "redact"')
    done = lake.run("materialize", "--full-refresh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [row[4] for row in apart(lake)] == [None]


@pytest.mark.long
def test_rows_in_are_rows_landed_and_rows_put_apart_with_checks_that_refuse_too(lake: Lake) -> None:
    contract(lake, APART, '{id = "long", total = "long"}')
    lake.write(
        "checks/bronze/orders.py",
        "import great_expectations.expectations as gxe\n\nexpectations = [\n    gxe.ExpectColumnValuesToBeBetween("
        "column='total', min_value=0, meta={'lakeflow': {'on_fail': 'quarantine'}})\n]\n",
    )
    lake.drop("1.csv", "id,total\n1,10\n2,-1\n3,x\n")
    lake.load()
    assert landed(lake, "id") == [(1,)]
    table = lake.json("show", "bronze.orders__quarantine")
    assert len(table["rows"]) == 2, json.dumps(table)
