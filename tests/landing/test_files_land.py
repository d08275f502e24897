"""What lands: every content once, each row at its place, values as they arrived."""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

import lakeflow
from lakeflow.core.plan.landing import from_json
from tests.landing.lab import Lake
from tests.landing.test_bad_files import GOOD, parquet, zipped

ONE = [("1", "10", "drops/1.csv", "1"), ("2", "20", "drops/1.csv", "2")]


@pytest.mark.long
def test_a_file_lands_once_and_a_file_of_another_name_lands_whatever_it_holds(lake: Lake) -> None:
    """A, B, then A once more: the third delivery counts, and its rows are those of the latest file."""
    path = lake.drop("1.csv", GOOD)
    assert lake.load() == ONE
    os.utime(path)
    assert lake.load() == ONE
    other = "id,total\n1,99\n2,99\n"
    lake.drop("2.csv", other)
    lake.load()
    lake.drop("3.csv", GOOD)
    done = lake.run("plan")
    says = 'lands bytes again, in 1 file: drops/3.csv has the content of drops/1.csv; once = "content"'
    assert "1 new file" in done.stdout
    assert says in done.stdout
    done = lake.materialize()
    assert says in done.stderr
    with (lake.root / "drops/3.csv").open() as delivered:
        latest = [tuple(row) for row in csv.reader(delivered)][1:]
    assert [row[:2] for row in lake.rows() if row[2] == "drops/3.csv"] == latest
    assert len(lake.rows()) == 6
    assert "Nothing to do" in lake.materialize().stdout
    assert "lands" not in lake.run("plan").stdout


@pytest.mark.long
def test_by_content_a_copy_is_skipped_and_plan_run_and_status_count_and_name_it(lake: Lake) -> None:
    lake.asset('once = "content"')
    path = lake.drop("1.csv", GOOD)
    assert lake.load() == ONE
    path.rename(path.with_name("renamed.csv"))
    lake.drop("copy.csv", GOOD)
    says = "skips 2 files: drops/copy.csv has the content of drops/1.csv, drops/renamed.csv has"
    for command in ("plan", "status"):
        assert says in lake.run(command).stdout
    done = lake.materialize()
    assert "Nothing to do" in done.stdout
    assert says in done.stderr
    (status,) = lake.json("status")["assets"]
    assert status["skipped"] == ["drops/copy.csv", "drops/renamed.csv"]
    lake.drop("2.csv", "id,total\n3,30\n")
    assert says in lake.reasons()
    assert lake.load() == [*ONE, ("3", "30", "drops/2.csv", "1")]
    run = lake.json("runs")["runs"][0]
    assert any(says in reason for reason in run["steps"][0]["reasons"])


@pytest.mark.long
def test_what_was_skipped_lands_once_a_source_counts_by_name(lake: Lake) -> None:
    """As in a lake that was made when every content landed once: the plan names the copy before it lands."""
    lake.asset('once = "content"')
    lake.drop("1.csv", GOOD)
    lake.drop("copy.csv", GOOD)
    assert lake.load() == ONE
    lake.asset()
    assert "drops/copy.csv has the content of drops/1.csv" in lake.reasons()
    assert len(lake.load()) == 4


@pytest.mark.long
def test_a_full_refresh_lands_moved_files_under_their_new_names_and_says_which_rows_go(lake: Lake) -> None:
    lake.drop("1.csv", GOOD)
    lake.drop("2.csv", GOOD)
    lake.load()
    (lake.root / "drops").rename(lake.root / "moved")
    (lake.root / "moved/2.csv").unlink()
    text = (lake.root / "layers/bronze/orders.sql").read_text()
    lake.write("layers/bronze/orders.sql", text.replace('"drops"', '"moved"'))
    assert "1 new file" in lake.reasons()
    said = lake.run("plan", "--full-refresh").stdout
    assert "drops/2.csv landed before and is not there any more: its rows go" in said
    assert lake.run("materialize", "--full-refresh").returncode == 0
    assert lake.rows() == [("1", "10", "moved/1.csv", "1"), ("2", "20", "moved/1.csv", "2")]


@pytest.mark.long
def test_a_sql_header_finds_files_in_all_folders_below(lake: Lake) -> None:
    """`**/` would close the comment in which it stands; what is hidden is left out at any depth."""
    for pattern, names in {
        "**/*.csv": ["1.csv", "a/2.csv", "a/b/3.csv"],
        "**": ["1.csv", "a/2.csv", "a/b/3.csv"],
    }.items():
        lake.asset(files=f'"{pattern}"')
        for name in (*names, ".hidden/4.csv", "a/.5.csv"):
            lake.drop(name, f"id,total\n{name[-5]},1\n")
        assert [row[0] for row in lake.load()] == ["1", "2", "3"]


@pytest.mark.long
def test_a_file_that_two_globs_spell_in_two_ways_lands_once(lake: Lake) -> None:
    lake.asset(files='["*.csv", "../drops/1.csv", "1*"]')
    lake.drop("1.csv", GOOD)
    assert lake.load() == ONE


def test_a_folder_that_cannot_be_looked_into_stops_the_load(lake: Lake) -> None:
    """Its files would be left out without a word."""
    if os.geteuid() == 0:
        pytest.skip("root may look everywhere")
    lake.asset(files='"**/*.csv"')
    lake.drop("1.csv", GOOD)
    lake.drop("a/2.csv", GOOD).parent.chmod(0)
    try:
        lake.refused("drops/a: it cannot be read: Permission denied")
    finally:
        (lake.root / "drops/a").chmod(0o755)


@pytest.mark.long
def test_values_land_as_they_arrived(lake: Lake) -> None:
    """Nothing is guessed or trimmed; an empty field is null and a quoted empty one is empty."""
    lake.drop("1.csv", 'id,total\r\n007, 1.50 \r\n"",\r\n"a\r\nb","say ""x"""\r\nNA,NULL\r\n')
    assert [row[:2] for row in lake.load()] == [
        ("007", " 1.50 "),
        ("", None),
        ("a\r\nb", 'say "x"'),
        ("NA", "NULL"),
    ]


@pytest.mark.long
def test_a_header_alone_lands_no_rows_and_is_not_asked_again(lake: Lake) -> None:
    lake.drop("1.csv", GOOD)
    lake.drop("2.csv", "id,total\n")
    assert lake.load() == ONE
    assert "Nothing to do" in lake.materialize().stdout


@pytest.mark.long
def test_archives_and_encodings_are_unpacked_and_the_spill_directory_is_left_empty(lake: Lake) -> None:
    lake.drop("1.csv", GOOD)
    lake.drop("2.csv.gz", gzip.compress(b"id,total\n3,30\n") + gzip.compress(b"4,40\n"))
    lake.drop("3.ZIP", zipped(**{"../x.csv": "id,total\n5,50\n"}))
    assert [row[0] for row in lake.load()] == ["1", "2", "3", "4", "5"]
    assert not list((lake.root / ".lakeflow" / "spill").glob("landing-*"))


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-be", "cp1252"])
def test_a_declared_encoding_is_read(lake: Lake, encoding: str) -> None:
    lake.asset(f'encoding = "{encoding}"')
    lake.drop("1.csv", "id,total\nä,é\n".encode(encoding))
    assert lake.load() == [("ä", "é", "drops/1.csv", "1")]


@pytest.mark.long
def test_a_declared_dialect_is_read(lake: Lake) -> None:
    lake.asset("delimiter = ';'\nquote = \"'\"\nheader = false")
    lake.drop("1.csv", "'a;b';x\n'it''s';\"y\"\n")
    assert [row[:2] for row in lake.load()] == [("a;b", "x"), ("it's", '"y"')]


@pytest.mark.long
def test_names_with_wildcards_quotes_and_equals_signs_mean_themselves(lake: Lake) -> None:
    lake.asset(files='["*", "day=1/*"]'.replace("/*", "/?*"))
    for number, name in enumerate(["a[1].csv", "a1.csv", "o'x.csv", "ü?.csv", "day=1/a.csv", "b;c d.csv"]):
        lake.drop(name, f"id,total\n{number},x\n")
    assert {row[2]: row[0] for row in lake.load()} == {
        "drops/a[1].csv": "0",
        "drops/a1.csv": "1",
        "drops/o'x.csv": "2",
        "drops/ü?.csv": "3",
        "drops/day=1/a.csv": "4",
        "drops/b;c d.csv": "5",
    }


@pytest.mark.long
def test_ndjson_lands_by_name_and_a_missing_key_is_null(lake: Lake) -> None:
    lake.source(
        'folder = "drops"\nfiles = "*"\nformat = "ndjson"\ncolumns = {id = "long", x = "", n = "struct<a: int>"}'
    )
    lake.drop("1.ndjson", '{"x": "q", "id": 1}\n\n{"id": 2, "n": {"a": 3}, "x": [1, "b"]}\r\n{}')
    assert lake.load() == [
        ("1", "q", None, "drops/1.ndjson", "1"),
        ("2", '[1,"b"]', "{'a': 3}", "drops/1.ndjson", "2"),
        (None, None, None, "drops/1.ndjson", "3"),
    ]


@pytest.mark.long
def test_parquet_lands_with_its_own_types(lake: Lake) -> None:
    lake.source('folder = "drops"\nfiles = "*"\nformat = "parquet"')
    parquet(lake.root / "drops/1.parquet", "select i::int as id, {'a': i} as n from range(3) t(i)")
    parquet(lake.root / "drops/2.parquet", "select 7::int as id, {'a': 7::bigint} as n")
    assert lake.load()[2:] == [
        ("2", "{'a': 2}", "drops/1.parquet", "3"),
        ("7", "{'a': 7}", "drops/2.parquet", "1"),
    ]


@pytest.mark.long
def test_a_parquet_file_may_have_columns_that_the_engine_uses_itself(lake: Lake) -> None:
    """`file_row_number`, `filename` and `rowid` are columns like any other, and rows are numbered all the same."""
    lake.source('folder = "drops"\nfiles = "*"\nformat = "parquet"\n')
    rows = "select 9 - i as file_row_number, 'n' as filename, 'r' as rowid, {'path': i} as c0 from range(2) t(i)"
    parquet(lake.root / "drops/1.parquet", rows)
    assert lake.load() == [
        ("9", "n", "r", "{'path': 0}", "drops/1.parquet", "1"),
        ("8", "n", "r", "{'path': 1}", "drops/1.parquet", "2"),
    ]


@pytest.mark.long
def test_a_packed_parquet_file_lands_with_the_types_that_are_declared(lake: Lake) -> None:
    lake.source('folder = "drops"\nfiles = "*"\nformat = "parquet"\ncolumns = {id = "long", total = "decimal(9, 2)"}')
    parquet(lake.root / "whole.parquet", "select '7' as id, 2.5::double as total")
    lake.drop("a[1].parquet.gz", gzip.compress((lake.root / "whole.parquet").read_bytes()))
    assert lake.load() == [("7", "2.50", "drops/a[1].parquet.gz", "1")]


@pytest.mark.long
def test_parquet_of_two_writers_lands_together(lake: Lake) -> None:
    """Arrow describes a type otherwise than DuckDB does, and calls the element of a list otherwise: it is one type."""
    lake.source('folder = "drops"\nfiles = "*"\nformat = "parquet"')
    rows = "select 1::bigint as id, 'x' as name, 2.5::decimal(12, 2) as total, [1::int] as many, date '2024-01-31' as d"
    parquet(lake.root / "drops/1.parquet", rows)
    relation = duckdb.sql(rows)
    assert relation is not None
    pq.write_table(relation.to_arrow_table(), lake.root / "drops/2.parquet")
    whole = ("1", "x", "2.50", "[1]", "2024-01-31")
    assert lake.load() == [(*whole, "drops/1.parquet", "1"), (*whole, "drops/2.parquet", "1")]


@pytest.mark.long
@pytest.mark.parametrize("annotation", ["", ": Relation", ": pyarrow.Table", ": polars.DataFrame"])
def test_a_function_gets_the_new_rows_in_the_form_that_it_asks_for(lake: Lake, annotation: str) -> None:
    (lake.root / "layers/bronze/orders.sql").unlink()
    lake.write(
        "layers/bronze/orders.py",
        "import polars\nimport pyarrow\n\nfrom lakeflow import Relation, asset, files\n\n\n"
        "@asset(source=files('drops/*.csv', format='csv', columns=['id', 'total']))\n"
        f"def orders(landed{annotation}):\n    return landed\n",
    )
    lake.drop("1.csv", GOOD)
    assert lake.load() == ONE


@pytest.mark.long
def test_a_rollback_lands_the_files_again_and_a_discarded_run_does_too(lake: Lake) -> None:
    lake.drop("1.csv", GOOD)
    lake.load()
    run = lake.json("runs")["runs"][0]["id"]
    assert lake.run("rollback", run).returncode == 0
    lake.write("checks/bronze/orders.small.sql", "select * from bronze.orders where id = '3'")
    lake.drop("2.csv", "id,total\n3,30\n")
    assert lake.materialize().returncode == 1
    held = lake.json("runs")["runs"][0]["id"]
    assert lake.run("discard", held).returncode == 0
    (lake.root / "checks/bronze/orders.small.sql").unlink()
    assert lake.load() == [*ONE, ("3", "30", "drops/2.csv", "1")]


@pytest.mark.long
def test_two_runs_that_landed_the_same_file_are_not_both_published(lake: Lake) -> None:
    """The first is held, the second lands its file as well; publishing the first would double the rows."""
    lake.drop("1.csv", GOOD)
    lake.load()
    check = lake.write("checks/bronze/orders.small.sql", "select * from bronze.orders where id = '3'")
    lake.drop("2.csv", "id,total\n3,30\n")
    assert lake.materialize().returncode == 1
    held = lake.json("runs")["runs"][0]["id"]
    check.unlink()
    everything = [*ONE, ("3", "30", "drops/2.csv", "1")]
    assert lake.load() == everything
    done = lake.run("publish", held)
    assert (done.returncode, "is superseded by run" in done.stderr) == (2, True), done.stdout + done.stderr
    assert lake.run("retry", held).returncode == 2
    assert lake.rows() == everything


@pytest.mark.long
def test_a_held_load_is_kept_by_a_retry_and_made_again_when_more_has_arrived(lake: Lake) -> None:
    check = lake.write("checks/bronze/orders.small.sql", "select * from bronze.orders where id = '2'")
    lake.drop("1.csv", GOOD)
    assert lake.materialize().returncode == 1
    lake.drop("2.csv", "id,total\n3,30\n")
    check.unlink()
    done = lake.run("retry")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lake.rows() == [*ONE, ("3", "30", "drops/2.csv", "1")]


@pytest.mark.long
def test_changed_code_goes_on_from_what_landed(lake: Lake) -> None:
    lake.drop("1.csv", GOOD)
    lake.load()
    text = (lake.root / "layers/bronze/orders.sql").read_text()
    lake.write("layers/bronze/orders.sql", text.replace("select *", "select *, 1 as more"))
    assert "nothing new lands" in lake.reasons()
    lake.drop("2.csv", "id,total\n3,30\n")
    assert [row[-1] for row in lake.load()] == [None, None, "1"]
    assert lake.run("materialize", "--force").returncode == 0
    assert len(lake.rows()) == 3


@pytest.mark.long
def test_what_landed_is_told_by_the_snapshot(lake: Lake) -> None:
    lake.drop("1.csv", GOOD)
    lake.load()
    with lakeflow.open(lake.root) as opened:
        world = opened._world
        key = next(iter(world.project.assets))
        table = world.catalog.load([key])[key]
        assert table.published is not None
        landed = from_json(world.catalog.read_sidecar(table, table.published.summary["lakeflow.landed"]))
    assert [(file.name, file.rows, file.size) for file in landed.files] == [("drops/1.csv", 2, len(GOOD))]


@pytest.mark.long
def test_ordinals_are_exact_in_a_large_file_read_by_several_threads(lake: Lake, tmp_path: Path) -> None:
    lake.drop("0.csv", GOOD)
    path = tmp_path / "drops" / "1.csv"
    duckdb.execute(f"copy (select i as id, md5(i::text) as total from range(1, 800001) t(i)) to '{path}' (header)")
    assert lake.materialize().returncode == 0
    with lakeflow.open(lake.root) as opened:
        wrong = opened.read("bronze.orders").filter("_source_file = 'drops/1.csv' and id <> _source_row::varchar")
        assert len(wrong.fetchall()) == 0
        assert opened.read("bronze.orders").shape[0] == 800_002


@pytest.mark.long
@pytest.mark.timeout(600)
def test_ten_thousand_small_files_land_in_one_load(lake: Lake) -> None:
    for number in range(10_000):
        lake.drop(f"{number:05}.csv", f"id,total\n{number},1\n{number},2\n")
    assert lake.materialize().returncode == 0
    with lakeflow.open(lake.root) as opened:
        rows = opened.read("bronze.orders")
        assert rows.aggregate("count(*), count(distinct _source_file), max(_source_row)").fetchall() == [
            (20_000, 10_000, 2)
        ]
    assert "Nothing to do" in lake.materialize().stdout


def test_columns_may_have_any_name(lake: Lake) -> None:
    """Also those that the engine gives to things of its own."""
    names = ["rowid", "name", "path", "first", "filename", "lakeflow_path", "c0", "json", "Größe"]
    lake.source(f'folder = "drops"\nfiles = "*"\nformat = "csv"\ncolumns = {names}')
    lake.drop("1.csv", ",".join(names) + "\n" + ",".join(map(str, range(9))) + "\n")
    assert lake.load() == [(*map(str, range(9)), "drops/1.csv", "1")]
