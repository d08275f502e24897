"""CSV and JSON at their edges: each value lands as Python's own readers have it, or the load names file and line."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.land.text.prepared import prepared
from lakeflow.adapters.duckdb.land.text.text_files import bad_row
from lakeflow.adapters.duckdb.land.text.text_lines import lines
from lakeflow.core.model.file_source import NO_CAPS, FileSource, Format
from tests.explored import explored
from tests.landing.lab import Lake
from tests.landing.test_bad_files import SECRET, zipped


def by_python(text: str) -> list[tuple[str, ...]]:
    """All records but the header; blank lines are none."""
    return [tuple(row) for row in csv.reader(io.StringIO(text, newline="")) if row][1:]


SURPLUS = {
    "an empty value": "1,2,\n",
    "two of them": "1,2,,\n",
    "behind a unit separator": "1,a\x1fb,\n",
    "behind all separators of ASCII": "1,a\x1f\x1e\x1d\x1cb,\n",
    "behind a value of two lines": '1,"a\nb",\n',
    "in the last line, which has no end": "1,2,",
    "behind a quoted delimiter": '1,"a,b",\n',
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("line", SURPLUS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_with_a_value_too_many_is_refused_also_where_that_is_empty(lake: Lake, line: str, end: str) -> None:
    text = f"id,total\n9,9\n{SURPLUS[line]}".replace("\n", end)
    lake.drop("1.csv", text)
    lake.refused("drops/1.csv, line 3: 2 columns expected, ")


@pytest.mark.long
def test_a_value_too_many_is_refused_behind_a_quote_that_another_sign_escapes(lake: Lake) -> None:
    lake.asset("escape = '\\'")
    lake.drop("1.csv", 'id,total\n1,"a\\"\nb\\"\n\\"c",\n')
    lake.refused("drops/1.csv, line 2: 2 columns expected, ")


@pytest.mark.long
def test_values_that_only_look_so_land(lake: Lake) -> None:
    text = 'id,total\n1,\n"a,\nb",\n"x,","\x1f\x1e\x1d\x1c,"\n'
    lake.drop("1.csv", text)
    assert [row[:2] for row in lake.load()] == [("1", None), ("a,\nb", None), ("x,", "\x1f\x1e\x1d\x1c,")]


@pytest.mark.long
@pytest.mark.sampled(3)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_of_a_one_column_file_are_no_rows(lake: Lake, end: str) -> None:
    lake.source('folder = "drops"\nfiles = "*"\nformat = "csv"\ncolumns = ["id"]')
    text = 'id\na\n\n""\n  \n\nb\n\n'.replace("\n", end)
    lake.drop("1.csv", text)
    found = lake.load()
    assert [row[:1] for row in found] == by_python(text) == [("a",), ("",), ("  ",), ("b",)]
    assert [row[-1] for row in found] == ["1", "2", "3", "4"]
    lake.source('folder = "drops"\nfiles = "*"\nformat = "csv"\ncolumns = {id = "long"}')
    lake.drop("2.csv", f"id\n1\n\n\n{SECRET}\n".replace("\n", end))
    lake.refused("drops/2.csv, line 5: column 'id'", secret=SECRET)


@pytest.mark.long
def test_a_large_file_with_carriage_returns_alone_lands_and_its_faults_are_told_by_their_line(lake: Lake) -> None:
    """No piece of it, of 2 MiB each, ends within a letter."""
    rows = [f"{number},{'é' * 30}" for number in range(70_000)]
    lake.drop("1.csv", "\r".join(["id,total", *rows, ""]))
    assert lake.materialize().returncode == 0
    found = lake.rows("id", "total")
    assert len(found) == len(rows)
    assert [pair for pair in zip(found, rows, strict=True) if ",".join(map(str, pair[0])) != pair[1]] == []
    lake.drop("2.csv", "\r".join(["id,total", *rows, "1", ""]))
    lake.refused("drops/2.csv, line 70002: 2 columns expected, 1 found")


@explored(50)
@given(st.text("aé😀\r\n,"), st.integers(1, 7))
def test_lines_are_those_of_python_wherever_a_piece_ends(text: str, size: int) -> None:
    class Slow(io.BytesIO):
        def read(self, _: int | None = None) -> bytes:
            return super().read(size)

    assert list(lines(Slow(text.encode()), NO_CAPS.line)) == list(io.StringIO(text, newline=""))


@pytest.mark.long
def test_a_line_that_is_too_long_is_told_as_such(lake: Lake) -> None:
    lake.drop("1.csv", f"id,total\n1,10\n{'x' * (NO_CAPS.line + 50_000)},1\n")
    lake.refused(f"drops/1.csv, line 3: longer than {NO_CAPS.line:,} bytes")
    lake.drop("1.csv", "id,total\n1,10\n" + '"' + "x\n" * (NO_CAPS.line // 2 + 50_000) + '",1\n')
    lake.refused(f"drops/1.csv, line 3: longer than {NO_CAPS.line:,} bytes")


def test_a_wide_header_that_differs_is_told_by_its_differences(lake: Lake) -> None:
    names = [f"column_{number}" for number in range(201)]
    lake.source(f'folder = "drops"\nfiles = "*"\nformat = "csv"\ncolumns = {names}')
    other = [*names[:3], "kolumn_3", *names[4:80], *names[81:], "more"]
    lake.drop("1.csv", ",".join(other) + "\n")
    done = lake.materialize()
    assert "its columns drift: + kolumn_3, + more, − column_3, − column_80" in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 400


@pytest.mark.long
def test_a_header_gives_names_by_position(lake: Lake) -> None:
    """Where the file has empty ones, or one twice; types are declared beside it."""
    lake.source('folder = "drops"\nfiles = "*"\nformat = "csv"\nheader = ["nr", "id", "name"]\ncolumns = {id = "long"}')
    lake.drop("1.csv", ',id,id\n1,7,"x"\n')
    assert lake.load() == [("1", "7", "x", "drops/1.csv", "1")]
    lake.drop("2.csv", "id,name\n1,7\n")
    lake.refused("drops/2.csv: the header has 2 names, header gives 3")
    lake.drop("2.csv", ",name,id\n1,7,8\n")
    lake.refused("drops/2.csv: column 2 is 'name' in the file and 'id' in header")


@pytest.mark.long
def test_lines_before_the_header_are_skipped_and_comments_are_no_rows(lake: Lake) -> None:
    """A comment begins where a row would: its sign within a value, quoted or not, is the value's."""
    lake.asset('skip = 2\ncomment = "#"')
    lake.drop("1.csv", '\ufeffReport of "today\nall rows\n# names\nid,total\n1,a#b\n#2,x\n"3\n#4","#"\n\n#\n5,6\n#')
    found = lake.load()
    assert [row[:2] for row in found] == [("1", "a#b"), ("3\n#4", "#"), ("5", "6")]
    lake.drop("2.csv", "x\ny\n#\nid,total\n1,2\n# z\n3\n")
    lake.refused("drops/2.csv, line 7: 2 columns expected, 1 found")
    lake.drop("2.csv", "x\ny\n#\nid,sum\n1,2\n")
    lake.refused("drops/2.csv: its columns drift: + sum, − total")
    lake.drop("2.csv", f'x\ny\nid,total\n1,"{SECRET}\n')
    lake.refused("drops/2.csv, line 4", "a quote is not closed", secret=SECRET)


@pytest.mark.long
def test_a_file_that_is_skipped_whole_lands_no_rows(lake: Lake) -> None:
    lake.asset("skip = 3\nheader = false")
    lake.drop("1.csv", "1,2\n3,4")
    lake.drop("2.csv", "a\nb\nc\n5,6")
    assert lake.load() == [("5", "6", "drops/2.csv", "1")]


@pytest.mark.long
def test_comments_in_a_file_without_header_of_one_column(lake: Lake) -> None:
    lake.source(
        'folder = "drops"\nfiles = "*"\nformat = "csv"\ncolumns = ["id"]\nheader = false\nskip = 1\ncomment = ";"'
    )
    lake.drop("1.csv.gz", gzip.compress(b"first\r\n;no\r\na\r\n\r\n b;\r\n"))
    assert [row[0] for row in lake.load()] == ["a", " b;"]


rows = st.lists(st.lists(st.text('ab#,"\n\ré', max_size=4), min_size=2, max_size=2), max_size=6)


@explored(60)
@given(rows, st.integers(0, 2), st.sampled_from(["\n", "\r\n"]))
def test_what_is_prepared_has_the_rows_of_the_file_at_their_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], skip: int, end: str
) -> None:
    folder = tmp_path_factory.mktemp("prepared")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "total"])
    for row in rows:
        text.write(f"#no,{end}")
        writer.writerow(row)
    path = folder / "1.csv"
    path.write_bytes((f'any "{end}' * skip + text.getvalue()).encode())
    source = FileSource(("*",), Format.CSV, {"id": "", "total": ""}, skip=skip, comment="#")
    copy = prepared(path, "1.csv", source, folder / "copy")
    content, whole = (each.read_bytes().decode() for each in (copy, path))
    assert [row for row in csv.reader(io.StringIO(content, newline="")) if row] == rows
    assert len(list(io.StringIO(content, newline=""))) == len(list(io.StringIO(whole, newline="")))
    assert bad_row(copy, source) is None


NESTED = """folder = "drops"
files = "*"
format = "FORMAT"

[source.columns]
id = "long"
s = "struct<a: long, b: struct<c: string>>"
l = "list<struct<a: long>>"
m = "map<string, long>"
"""
LIVING: list[dict[str, Any]] = [
    {"id": 1, "s": {"a": None, "b": {}}, "l": [None, {"a": None}, {}], "m": {"k": None}},
    {"id": 2, "s": {"b": None}, "l": [], "m": {}},
    {"id": 3, "s": None, "l": None, "m": None},
    {"id": 4},
]


@pytest.mark.long
@pytest.mark.sampled(1)
@pytest.mark.parametrize("format_", ["ndjson", "json"])
def test_null_and_missing_keys_are_null_at_every_depth(lake: Lake, format_: str) -> None:
    lake.source(NESTED.replace("FORMAT", format_))
    text = json.dumps(LIVING, indent=1) if format_ == "json" else "\n".join(map(json.dumps, LIVING))
    lake.drop("1.json", text)
    assert lake.load() == [
        ("1", "{'a': NULL, 'b': {'c': NULL}}", "[NULL, {'a': NULL}, {'a': NULL}]", "{k=NULL}", "drops/1.json", "1"),
        ("2", "{'a': NULL, 'b': NULL}", "[]", "{}", "drops/1.json", "2"),
        ("3", None, None, None, "drops/1.json", "3"),
        ("4", None, None, None, "drops/1.json", "4"),
    ]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("format_", ["ndjson", "json"])
@pytest.mark.parametrize(
    "row", [{"s": {"a": 1, SECRET: 1}}, {"s": {"b": {"x": SECRET}}}, {"l": [{"a": 1, "x": SECRET}]}, {"x": SECRET}]
)
def test_an_unknown_key_at_any_depth_is_an_error_that_shows_nothing_of_the_row(
    lake: Lake, row: dict[str, Any], format_: str
) -> None:
    lake.source(NESTED.replace("FORMAT", format_))
    rows = [{"id": 1}, row]
    lake.drop("1.json", json.dumps(rows) if format_ == "json" else "\n".join(map(json.dumps, rows)))
    place = "row 2" if format_ == "json" else "line 2"
    lake.refused(f"drops/1.json, {place}", secret=SECRET)
    log = [path.read_bytes() for path in (lake.root / ".lakeflow").rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in content for content in log)


@pytest.mark.long
def test_a_json_array_lands_an_object_a_row(lake: Lake) -> None:
    lake.source('folder = "drops"\nfiles = "*"\nformat = "json"\ncolumns = {id = "long", x = ""}')
    lake.drop("1.json", '\ufeff [\n {"id": 1,\n  "x": "a\\nb"},\n\n {"x": [1, "b"]}]\n')
    lake.drop("2.json", "[]")
    assert lake.load() == [("1", "a\nb", "drops/1.json", "1"), (None, '[1,"b"]', "drops/1.json", "2")]
    assert "Nothing to do" in lake.materialize().stdout


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f'[{{"id": 1}},\n{{"id": "{SECRET}"', "line 2: no JSON array"),
        (f'[{{"id": 1}},\n{{"id": 2}}]\n"{SECRET}"', "line 3: no JSON array"),
        ('[{"id": 1},\n]', ": no JSON array"),  # the comma or the bracket, as the release of Python has it
        ('{"id": 1}\n', 'format = "ndjson" reads one object a line'),
        ('[{"id": 1}, 2]', "row 2: not a JSON object"),
        ('[{"id": 1}, [{"id": 2}]]', "row 2: not a JSON object"),
        ('[{"id": 1, "id": 2}]', "row 1: a key that comes twice"),
        ('[\n{"id": "é"}]'.encode("latin-1"), "line 2: not UTF-8"),
    ],
)
def test_a_file_that_is_no_array_of_objects_is_told(lake: Lake, text: str | bytes, says: str) -> None:
    lake.source('folder = "drops"\nfiles = "*"\nformat = "json"\ncolumns = ["id"]')
    lake.drop("1.json", text)
    lake.refused("drops/1.json", says, secret=SECRET)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("text", ['[{"id": 1}]', '[\n{"id": 1}\n]'])
def test_an_array_in_a_file_of_one_object_a_line_is_told_what_reads_it(lake: Lake, text: str) -> None:
    lake.source('folder = "drops"\nfiles = "*"\nformat = "ndjson"\ncolumns = ["id"]')
    lake.drop("1.json", text)
    lake.refused("drops/1.json, line 1", 'format = "json" reads an array of objects')


@pytest.mark.long
def test_what_a_packing_system_adds_to_an_archive_is_no_file(lake: Lake) -> None:
    good = "id,total\n1,10\n"
    lake.drop(
        "1.zip", zipped(**{"__MACOSX/._a.csv": "x", "in/a.csv": good, "in/.DS_Store": "y", "__MACOSX/in/._a.csv": ""})
    )
    assert lake.load() == [("1", "10", "drops/1.zip", "1")]


@pytest.mark.long
def test_a_parquet_file_with_many_other_columns_is_told_by_its_differences(lake: Lake, tmp_path: Path) -> None:
    import duckdb

    names = [f"c{number}" for number in range(30)]
    lake.source(f'folder = "drops"\nfiles = "*"\nformat = "parquet"\ncolumns = {names}')
    (tmp_path / "drops").mkdir()
    others = ", ".join(f"1 as {name}" for name in [*names[:4], "other", *names[5:]])
    duckdb.execute(f"copy (select {others}) to '{tmp_path / 'drops/1.parquet'}' (format parquet)")
    lake.refused("drops/1.parquet: its columns drift: + other, − c4")
