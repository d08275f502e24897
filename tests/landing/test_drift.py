"""Files whose columns are not those of yesterday: versions of a contract, by file and never by run."""

from __future__ import annotations

import gzip
import json
import shutil

import pytest

from tests.landing.lab import Lake
from tests.landing.test_bad_files import zipped
from tests.landing.test_renamed_columns import read_back

SOURCE = """folder = "drops"
files = "*"
format = "{format}"
columns = {columns}
{more}"""


def contract(lake: Lake, more: str, columns: str = '["id", "total"]', format_: str = "csv") -> None:
    lake.source(SOURCE.format(format=format_, columns=columns, more=more))


def landed(lake: Lake, *names: str) -> list[tuple[object, ...]]:
    """The rows that pyiceberg reads, without provenance, by file and row."""
    table = read_back(lake).sort_by([("_source_file", "ascending"), ("_source_row", "ascending")])
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def clone(lake: Lake, name: str = "clone") -> Lake:
    """The same project and files, and a lake that knows nothing yet."""
    other = Lake(lake.root.parent / f"{lake.root.name}-{name}")
    shutil.copytree(lake.root, other.root, ignore=shutil.ignore_patterns(".lakeflow"))
    return other


def everywhere(lake: Lake, *names: str) -> list[tuple[object, ...]]:
    """What is landed here; a fresh clone and a full refresh have the same."""
    lake.load()
    here = landed(lake, *names)
    fresh = clone(lake)
    fresh.load()
    assert landed(fresh, *names) == here
    done = lake.run("materialize", "--full-refresh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert landed(lake, *names) == here
    return here


@pytest.mark.long
def test_columns_are_found_by_name(lake: Lake) -> None:
    lake.drop("1.csv", "id,total\n1,10\n")
    lake.drop("2.csv", "total,id\n20,2\n")
    assert everywhere(lake, "id", "total") == [("1", "10"), ("2", "20")]


@pytest.mark.long
def test_an_optional_column_that_a_file_lacks_is_null(lake: Lake) -> None:
    lake.drop("1.csv", "id,total\n1,10\n")
    lake.load()
    contract(lake, 'optional = ["channel"]', '["id", "total", "channel"]')
    lake.drop("2.csv", "id,channel,total\n2,web,20\n")
    assert everywhere(lake, "id", "total", "channel") == [("1", "10", None), ("2", "20", "web")]


@pytest.mark.long
def test_an_older_name_of_a_column_lands_under_todays_through_a_chain(lake: Lake) -> None:
    contract(lake, 'renames = {total = "amount", amount = ["amt", "sum"]}')
    for number, name in enumerate(("total", "amount", "amt", "sum"), 1):
        lake.drop(f"{number}.csv", f"id,{name}\n{number},{number}0\n")
    assert everywhere(lake, "id", "total") == [(str(n), f"{n}0") for n in range(1, 5)]
    lake.drop("5.csv", "id,total,amount\n5,50,51\n")
    lake.refused("drops/5.csv: its columns drift: total and amount are one column, and come both")


def test_a_column_that_no_contract_names_is_told_with_what_to_write(lake: Lake) -> None:
    contract(lake, "", '["id", "chanel"]')
    lake.drop("1.csv", "id,channel\n1,web\n")
    lake.refused("drops/1.csv: its columns drift: + channel, − chanel", 'renames = {channel = "chanel"}')


@pytest.mark.long
def test_a_new_column_lands_where_extra_says_so_and_stays_when_files_come_without_it(lake: Lake) -> None:
    contract(lake, 'extra = "land"')
    lake.drop("1.csv", "id,total\n1,10\n")
    lake.load()
    lake.drop("2.csv", "id,channel,total\n2,web,20\n")
    lake.load()
    lake.drop("3.csv", "id,total\n3,30\n")
    assert everywhere(lake, "id", "total", "channel") == [("1", "10", None), ("2", "20", "web"), ("3", "30", None)]


@pytest.mark.long
def test_a_new_column_is_left_out_where_extra_says_so(lake: Lake) -> None:
    contract(lake, 'extra = "ignore"')
    lake.drop("1.csv", "id,,total,\n1,a,10,b\n")
    assert everywhere(lake, "id", "total") == [("1", "10")]
    assert "channel" not in read_back(lake).column_names


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("id,total,Total", "differs from total only in form"),
        ("id,total,_loaded_at", "is added"),
        ("id,total,", "no name"),
        ("id,total,x,x", "the column x comes twice"),
        ("id,id,total", "the column id comes twice"),
    ],
)
def test_a_new_column_that_no_table_can_have_is_told(lake: Lake, header: str, says: str) -> None:
    contract(lake, 'extra = "land"')
    lake.drop("1.csv", f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    lake.refused("drops/1.csv: its columns drift", says)


VERSIONS = """
[[source.versions]]
columns = {id = "int", amount = "int", legacy = "string"}
optional = ["legacy"]
"""


@pytest.mark.long
def test_another_type_is_another_version_and_its_values_are_judged_by_it(lake: Lake) -> None:
    columns = '{id = "long", total = "decimal(10, 2)"}'
    contract(lake, 'renames = {total = "amount"}\n' + VERSIONS, columns)
    lake.drop("1.csv", "id,amount,legacy\n1,10,x\n")
    lake.drop("2.csv", "id,total\n2,20.25\n")
    lake.drop("3.csv", "amount,id\n30,3\n")
    rows = everywhere(lake, "id", "total", "legacy")
    assert [(id_, str(total), legacy) for id_, total, legacy in rows] == [
        (1, "10.00", "x"), (2, "20.25", None), (3, "30.00", None),
    ]  # fmt: skip
    lake.drop("4.csv", "id,amount\n4,1.5\n")
    lake.refused("drops/4.csv, line 2: column 'total' holds no INTEGER")


@pytest.mark.long
def test_a_version_holds_for_the_files_whose_names_its_span_holds(lake: Lake) -> None:
    more = '[[source.versions]]\nuntil = "b"\ncolumns = {id = "string", total = "long"}\ndelimiter = ";"\n'
    contract(lake, more, '{id = "string", total = "string"}')
    lake.drop("a.csv", "id;total\n1;010\n")
    lake.drop("b.csv", "id,total\n2,020\n")
    assert everywhere(lake, "id", "total") == [("1", "10"), ("2", "020")]


@pytest.mark.parametrize(
    "more",
    ['[[source.versions]]\ncolumns = {id = "int", total = "long"}', 'since = "b"\nuntil = "a"', 'optional = ["x"]',
     'renames = {x = "y"}', 'renames = {total = "id"}', 'renames = {total = "a", a = "total"}', 'extra = "drop"',
     'header = false\nextra = "land"', 'max_fraction = 0.5', 'on_malformed = "skip"', 'versions = "x"',
     '[[source.versions]]\nuntill = "b"', '[[source.versions]]\nuntil = "b"\ncolumns = {id = "lon"}'],
)  # fmt: skip
def test_a_contract_that_does_not_say_which_version_holds_is_a_fault(lake: Lake, more: str) -> None:
    contract(lake, more)
    done = lake.run("check")
    assert done.returncode == 2, done.stdout
    assert "layers/bronze/orders.sql" in done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_drift_in_the_middle_of_many_files_is_told_with_the_first_and_how_many_more(lake: Lake, count: int) -> None:
    middle = count // 2
    drifting = dict.fromkeys((middle, middle + 50, middle + 100), "id,total,new") | {count - 1: "id,sum"}
    for number in range(count):
        lake.drop(f"{number:05}.csv", f"{drifting.get(number, 'id,total')}\n")
    lake.refused(
        f"drops/{middle:05}.csv: its columns drift: + new; so do those of 2 more files; 1 file drifts otherwise, "
        f"the first is drops/{count - 1:05}.csv"
    )


@pytest.mark.long
def test_json_keys_follow_the_contract_too(lake: Lake) -> None:
    contract(lake, 'renames = {total = "amount"}\nextra = "land"', '{id = "long", total = "decimal(6, 2)"}', "ndjson")
    lake.drop("1.ndjson", '{"id": 1, "amount": 1.5}\n{"total": 2, "id": 2}\n')
    lake.load()
    lake.drop("2.ndjson", '{"id": 3, "total": 3, "tags": ["a"], "n": 7}\n')
    lake.load()
    lake.drop("3.ndjson", '{"id": 4}\n')
    rows = everywhere(lake, "id", "total", "tags", "n")
    assert [(row[0], None if row[1] is None else str(row[1]), *row[2:]) for row in rows] == [
        (1, "1.50", None, None), (2, "2.00", None, None), (3, "3.00", '["a"]', "7"), (4, None, None, None),
    ]  # fmt: skip
    lake.drop("5.ndjson", '{"id": 5, "total": 1, "amount": 1}\n')
    lake.refused("drops/5.ndjson, line 1: one column under two of its names")


@pytest.mark.long
def test_an_unknown_key_is_told_by_name(lake: Lake) -> None:
    contract(lake, "", format_="ndjson")
    lake.drop("1.ndjson", '{"id": 1}\n{"id": 2, "chanel": "x"}\n')
    lake.drop("2.ndjson", '{"id": 1, "other": 2}\n')
    lake.refused(
        "drops/1.ndjson, line 2: keys other than id, total: + chanel", "1 more file read with it has such rows"
    )


@pytest.mark.long
def test_versions_of_json_and_of_files_without_a_header_go_by_name(lake: Lake) -> None:
    more = '[[source.versions]]\nuntil = "b"\ncolumns = {id = "long", amount = "long"}\n'
    contract(lake, 'renames = {total = "amount"}\n' + more, '{id = "long", total = "double"}', "json")
    lake.drop("a.json", '[{"id": 1, "amount": 2}]')
    lake.drop("b.json", '[{"id": 2, "total": 2.5}]')
    assert everywhere(lake, "id", "total") == [(1, 2.0), (2, 2.5)]
    lake.drop("a2.json", '[{"id": 1, "amount": 2.5}]')
    lake.refused("drops/a2.json, row 1: column 'total' holds no BIGINT")


@pytest.mark.long
def test_files_without_a_header_have_versions_of_other_widths(lake: Lake) -> None:
    more = 'header = false\n[[source.versions]]\nuntil = "b"\ncolumns = ["id"]\n'
    contract(lake, more)
    lake.drop("a.csv", "1\n")
    lake.drop("b.csv", "2,20\n")
    assert everywhere(lake, "id", "total") == [("1", None), ("2", "20")]


def parquet(lake: Lake, name: str, select: str) -> None:
    import duckdb

    (lake.root / "drops").mkdir(exist_ok=True)
    duckdb.execute(f"copy ({select}) to '{lake.root / 'drops' / name}' (format parquet)")


@pytest.mark.long
def test_parquet_follows_the_contract_with_its_own_types(lake: Lake) -> None:
    columns = '{id = "long", total = "decimal(8, 2)", channel = "string"}'
    contract(lake, 'optional = ["channel"]\nrenames = {total = "amount"}', columns, "parquet")
    parquet(lake, "1.parquet", "select 1::int as id, 10::int as amount")
    parquet(lake, "2.parquet", "select 2.25::double as total, 'web' as channel, 2::bigint as id")
    rows = everywhere(lake, "id", "total", "channel")
    assert [(row[0], str(row[1]), row[2]) for row in rows] == [(1, "10.00", None), (2, "2.25", "web")]
    parquet(lake, "3.parquet", "select 3 as id, 0.001::double as total")
    lake.refused("drops/3.parquet, row 1: column 'total' holds")


@pytest.mark.long
def test_a_type_of_parquet_that_nobody_declares_never_widens_silently(lake: Lake) -> None:
    lake.source('folder = "drops"\nfiles = "*"\nformat = "parquet"')
    parquet(lake, "1.parquet", "select 1::int as id")
    lake.load()
    parquet(lake, "2.parquet", "select 2::bigint as id")
    lake.refused("drops/2.parquet: its columns differ: id int → long", 'columns = {id = "long"}')
    parquet(lake, "2.parquet", "select 2::int as id, 'x' as channel")
    lake.refused("drops/2.parquet: its columns drift: + channel")
    lake.source('folder = "drops"\nfiles = "*"\nformat = "parquet"\nextra = "land"')
    lake.load()
    parquet(lake, "3.parquet", "select 3::int as id")
    assert everywhere(lake, "id", "channel") == [(1, None), (2, "x"), (3, None)]


@pytest.mark.long
def test_packed_and_encoded_files_are_matched_by_name_as_well(lake: Lake) -> None:
    contract(lake, 'encoding = "latin-1"\nrenames = {prix = "coût"}\nextra = "ignore"', '["id", "prix"]')
    lake.drop("1.csv.gz", gzip.compress("coût,id\né,1\n".encode("latin-1")))
    lake.drop("2.zip", zipped(**{"a.csv": "id,prix,x\n2,3,4\n"}))
    assert everywhere(lake, "id", "prix") == [("1", "é"), ("2", "3")]


@pytest.mark.long
def test_lines_before_the_header_and_comments_do_not_hide_the_columns(lake: Lake) -> None:
    contract(lake, 'skip = 1\ncomment = "#"\noptional = ["total"]')
    lake.drop("1.csv", "report\n# x\ntotal,id\n10,1\n")
    lake.drop("2.csv", "report\nid\n# x\n2\n")
    assert everywhere(lake, "id", "total") == [("1", "10"), ("2", None)]


@pytest.mark.long
def test_the_plan_shows_drift_before_anything_is_written_and_the_audit_tells_it(lake: Lake) -> None:
    lake.drop("1.csv", "id,total\n1,10\n")
    lake.load()
    more = 'optional = ["channel"]\nrenames = {total = "amount"}'
    contract(lake, more, '{id = "string", total = "string", channel = "string"}')
    lake.drop("2.csv", "id,amount,channel\n2,20,web\n")
    lake.drop("3.csv", "id,total\n3,30\n")
    lake.drop("4.csv", "id,total\n4,40\n")
    before = lake.main()
    shown = lake.reasons()
    assert "~  bronze.orders  + channel string" in shown
    assert "amount → total in drops/2.csv" in shown
    assert "− channel in drops/3.csv and 1 more file" in shown
    (step,) = lake.json("plan")["plan"]["steps"]
    assert {"says": "− channel", "file": "drops/3.csv", "files": 2} in step["drift"]
    assert lake.main() == before
    lake.load()
    checks = lake.json("runs", lake.json("runs")["runs"][0]["id"])["run"]["steps"][0]["checks"]
    assert "; + channel string" in json.dumps(checks, ensure_ascii=False)


@pytest.mark.long
def test_the_plan_says_what_the_load_will_refuse(lake: Lake) -> None:
    lake.drop("1.csv", "id,total\n1,10\n")
    lake.load()
    lake.drop("2.csv", "id,sum\n2,20\n")
    lake.drop("3.csv", "id,sum\n2,20\n")
    shown = lake.reasons()
    assert "+ sum, − total in drops/2.csv and 1 more file" in shown
    assert "bronze.orders cannot land: drops/2.csv: its columns drift: + sum, − total; so do those of 1 more" in shown
    assert 'renames = {sum = "total"}' in " ".join(shown.split())


@pytest.mark.long
def test_a_type_that_the_contract_changes_is_in_the_plan(lake: Lake) -> None:
    contract(lake, "", '{id = "int", total = "int"}')
    lake.drop("1.csv", "id,total\n1,10\n")
    lake.load()
    contract(lake, "", '{id = "long", total = "int"}')
    lake.drop("2.csv", "id,total\n2,20\n")
    assert "id int → long" in lake.reasons()


def test_what_the_plan_shows_of_a_personal_source_names_only_what_is_declared(lake: Lake) -> None:
    contract(lake, "[columns.id]\npii = true")
    lake.drop("1.csv", "SECRET,10\n")
    shown = lake.reasons()
    assert "+ …, + …, − id, − total" in shown
    assert "SECRET" not in shown


@pytest.mark.parametrize("more", [VERSIONS, 'extra = "land"'], ids=["of a version", "that nobody declares"])
def test_check_knows_which_columns_may_come(lake: Lake, more: str) -> None:
    source = SOURCE.format(
        format="csv", columns='{id = "long", total = "long"}', more='renames = {total = "amount"}\n' + more
    )
    lake.write("layers/bronze/orders.sql", f"/*\n[source]\n{source}\n*/\nselect *, upper(legacy) as l from source\n")
    done = lake.run("check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_source_with_personal_columns_does_not_land_whatever_comes(lake: Lake) -> None:
    contract(lake, 'extra = "land"\n[columns.id]\npii = true')
    done = lake.run("check")
    assert done.returncode == 2
    assert "has personal columns and lands whatever comes" in done.stdout + done.stderr
