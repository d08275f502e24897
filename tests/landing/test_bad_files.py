"""Files that are not as declared: each a clear outcome on the command line, and never a silent row."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import duckdb
import pytest

from tests.landing.lab import Lake

GOOD = "id,total\n1,10\n2,20\n"
SECRET = "4711-0815"


def zipped(**members: str | bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


BAD_CSV: dict[str, tuple[str | bytes, str]] = {
    "too few values": (f"id,total\n1,10\n{SECRET}\n", "line 3: 2 columns expected, 1 found"),
    "too many values": (f"id,total\n1,10\n2,20,{SECRET}\n", "line 3: 2 columns expected, 3 found"),
    "one value more that is empty": (f"id,total\n1,10\n2,{SECRET},\n", "line 3: 2 columns expected, 3 found"),
    "after a value of two lines": (f'id,total\n1,"a\nb"\n{SECRET}\n', "line 4: 2 columns expected, 1 found"),
    "a quote that does not close": (f'id,total\n1,10\n2,"{SECRET}\n', "line 3: a quote is not closed"),
    "a blank before a quote": (f'id,total\n1, "{SECRET}"\n', "line 2: a blank before a quote"),
    "a blank before a line's first quote": (f'id,total\n1,2\n "{SECRET}",1\n', "line 3: a blank before a quote"),
    "a blank after a quote": (f'id,total\n1,2\n3,"{SECRET}" \n', "line 3: a quote is not closed, or text follows it"),
    "text after a quote": (f'id,total\n1,"a"{SECRET}\n', "line 2: a quote is not closed, or text follows it"),
    "mixed line ends": (f"id,total\n1,10\r\n2,{SECRET}\n", "its line ends are mixed"),
    "another header": ("id,sum\n1,10\n", "its columns drift: + sum, − total"),
    "a missing column": ("id\n1\n", "its columns drift: − total"),
    "one column more": ("id,total,when\n1,10,x\n", "its columns drift: + when"),
    "another delimiter": ("id;total\n1;10\n", "its columns drift: + id;total, − id, − total (check delimiter"),
    "accents in another form": ("id,tot\u0301al\n1,10\n", "its columns drift: + tot"),
    "letter case": ("ID,total \n1,10\n", "letter case, white space or the form of an accent alone"),
    "an empty file": ("", "the file is empty"),
    "a mark of byte order alone": (b"\xef\xbb\xbf", "its columns drift: − id, − total"),
    "latin-1 in a row": (f"id,total\n1,10\n{SECRET},é\n".encode("latin-1"), "line 3: not UTF-8"),
    "latin-1 in the header": ("id,totál\n".encode("latin-1"), "line 1: not UTF-8"),
    "UTF-16": (f"id,total\n{SECRET},10\n".encode("utf-16"), "line 1: not UTF-8"),
    "UTF-16 without its mark": (f"id,total\n{SECRET},10\n".encode("utf-16-le"), "its columns drift"),
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("fault", BAD_CSV)
def test_a_csv_file_that_is_not_as_declared_is_told_with_file_and_line(lake: Lake, fault: str) -> None:
    content, says = BAD_CSV[fault]
    lake.drop("1.csv", GOOD)
    lake.drop("2.csv", content)
    lake.refused("drops/2.csv", says, secret=SECRET)


@pytest.mark.long
def test_an_empty_last_value_and_quoted_delimiters_are_as_declared(lake: Lake) -> None:
    lake.drop("1.csv", 'id,total\n1,\n"2,",\n"a,b,c","d,"\n"e\nf,,,",g\n')
    assert [row[:2] for row in lake.load()] == [("1", None), ("2,", None), ("a,b,c", "d,"), ("e\nf,,,", "g")]


def test_one_value_more_is_told_also_where_no_header_counts_them(lake: Lake) -> None:
    lake.asset("header = false")
    lake.drop("1.csv", "1,10,\n2,20,\n")
    lake.refused("drops/1.csv, line 1: 2 columns expected, 3 found")


@pytest.mark.long
def test_nothing_of_a_refused_load_lands_and_the_mended_file_lands_once(lake: Lake) -> None:
    lake.drop("1.csv", GOOD)
    bad = lake.drop("2.csv", "id,total\n3\n")
    lake.refused("drops/2.csv, line 2")
    bad.write_text("id,total\n3,30\n")
    assert lake.load() == [
        ("1", "10", "drops/1.csv", "1"),
        ("2", "20", "drops/1.csv", "2"),
        ("3", "30", "drops/2.csv", "1"),
    ]


def test_a_row_without_a_header_is_not_shown_where_personal_data_is_declared(lake: Lake) -> None:
    lake.asset("[columns.id]\npii = true")
    lake.drop("1.csv", f"{SECRET},10\n")
    lake.refused("its columns drift: + …, + …, − id, − total", secret=SECRET)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", ["half.csv.gz", "wrong.csv.gz", "half.zip", "two.zip", "none.zip", "text.gz"])
def test_an_archive_that_is_not_whole_is_named(lake: Lake, name: str) -> None:
    whole = gzip.compress(GOOD.encode() * 50)
    archive = zipped(a=GOOD * 50)
    content = {
        "half.csv.gz": whole[:-10],
        "wrong.csv.gz": whole[:-6] + b"xx" + whole[-4:],
        "half.zip": archive[:-30],
        "two.zip": zipped(a=GOOD, b=GOOD),
        "none.zip": zipped(),
        "text.gz": GOOD.encode(),
    }[name]
    lake.drop(name, content)
    lake.refused(f"drops/{name}", "files, not one" if name in {"two.zip", "none.zip"} else "damaged or not whole")


@pytest.mark.sampled(4)
@pytest.mark.parametrize("encoding", ["", 'encoding = "latin-1"'])
@pytest.mark.parametrize("name", ["plain.csv", "twice.csv.gz", "inside.zip", "b.csv.bz2", "x.csv.xz"])
def test_what_is_packed_in_another_way_is_named_and_not_taken_for_text(lake: Lake, name: str, encoding: str) -> None:
    packed = gzip.compress(GOOD.encode())
    content = {
        "plain.csv": packed,
        "twice.csv.gz": gzip.compress(packed),
        "inside.zip": zipped(a=packed),
        "b.csv.bz2": bz2.compress(GOOD.encode()),
        "x.csv.xz": lzma.compress(GOOD.encode()),
    }[name]
    lake.asset(encoding)
    lake.drop(name, content)
    by = {"b": "bzip2", "x": "xz"}.get(name[0], "gzip")
    lake.refused(f"drops/{name} holds what {by} packed")


@pytest.mark.long
def test_an_archive_with_a_bad_row_is_told_by_the_name_that_was_delivered(lake: Lake) -> None:
    lake.drop("1.csv.gz", gzip.compress(b"id,total\n1,10\n2\n"))
    lake.refused("drops/1.csv.gz, line 3: 2 columns expected, 1 found")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "ascii", "cp1252"])
def test_a_wrong_declared_encoding_is_told_with_file_and_line(lake: Lake, encoding: str) -> None:
    lake.asset(f'encoding = "{encoding}"')
    lake.drop("1.csv", b"id,total\n1,10\n2,\x81\xe9\n")
    lake.refused("drops/1.csv")


@pytest.mark.long
def test_a_value_that_has_not_the_declared_type_is_told_with_line_and_column(lake: Lake) -> None:
    lake.source('folder = "drops"\nfiles = "*"\nformat = "csv"\ncolumns = {id = "long", total = "decimal(9,2)"}')
    lake.drop("1.csv", f"id,total\n1,10\n2,{SECRET}\n")
    lake.refused("drops/1.csv, line 3: column 'total' holds no DECIMAL(9,2)", secret=SECRET)
    lake.drop("1.csv", 'id,total\n1,"\n10"\n1.7,2\n')
    lake.refused("drops/1.csv, line 4: column 'id' holds no BIGINT")
    lake.drop("1.csv", "id,total\n1,10.005\n")
    lake.refused("drops/1.csv, line 2: column 'total'")
    lake.drop("1.csv", "id,total\n+7,10.500\n,\n")
    assert lake.load() == [("7", "10.50", "drops/1.csv", "1"), (None, None, "drops/1.csv", "2")]


BAD_JSON: dict[str, tuple[str | bytes, str]] = {
    "half a letter": (
        f'{{"id": 1}}\n{{"id": 2, "total": {{"{SECRET}": "\\ud83d"}}}}\n',
        "line 2: column 'total' holds one half of a letter",
    ),
    "no JSON": (f'{{"id": 1}}\n{{"id": {SECRET}\n', "line 2: no JSON"),
    "half a line": (f'{{"id": 1}}\n\n{{"id": "{SECRET}', "line 3: no JSON"),
    "a list": (f'{{"id": 1}}\n\n["{SECRET}"]\n', "line 3: not a JSON object"),
    "an unknown key": (f'{{"id": 1}}\n{{"ID": "{SECRET}"}}\n', "line 2: keys other than id, total"),
    "a key that comes twice": (f'{{"id": 1, "id": "{SECRET}"}}\n', "line 1: a key that comes twice"),
    "a type that does not fit": (f'{{"id": "{SECRET}"}}\n', "line 1: column 'id' holds no BIGINT"),
    "a number that would be rounded": ('{"id": 1.7}\n', "line 1: column 'id' holds no BIGINT"),
    "latin-1": ('{"id": 1, "total": "é"}\n'.encode("latin-1"), "line 1: not UTF-8"),
    "an empty file": ("", "the file is empty"),
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("fault", BAD_JSON)
def test_an_ndjson_file_that_is_not_as_declared_is_told_with_file_and_line(lake: Lake, fault: str) -> None:
    content, says = BAD_JSON[fault]
    lake.source('folder = "drops"\nfiles = "*"\nformat = "ndjson"\ncolumns = {id = "long", total = "string"}')
    lake.drop("1.ndjson", '{"id": 0}\n')
    lake.drop("2.ndjson", content)
    lake.refused("drops/2.ndjson", says, secret=SECRET)


def parquet(path: Path, select: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.execute(f"copy ({select}) to '{path}' (format parquet)")


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("select", "says"),
    [
        ("select 1 as id", "its columns drift: − total"),
        ("select 2.0 as total, 1 as id", "its columns differ: total double → decimal(2,1)"),
        ("select 'x' as id, 2.0::double as total", "its columns differ: id int → string"),
        ("select 1 as id, 2.0::double as total, 3 as _source_row", "its columns drift: + _source_row"),
    ],
)
def test_a_parquet_file_with_other_columns_is_told(lake: Lake, select: str, says: str) -> None:
    lake.source('folder = "drops"\nfiles = "*"\nformat = "parquet"\ncolumns = ["id", "total"]')
    parquet(lake.root / "drops/1.parquet", "select 1 as id, 2.0::double as total")
    parquet(lake.root / "drops/2.parquet", select)
    lake.refused("drops/2.parquet", says)


@pytest.mark.long
def test_half_a_parquet_file_is_named(lake: Lake) -> None:
    lake.source('folder = "drops"\nfiles = "*"\nformat = "parquet"')
    parquet(lake.root / "drops/1.parquet", "select 1 as id")
    path = lake.root / "drops/1.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    lake.refused("drops/1.parquet: not a whole Parquet file")


@pytest.mark.long
def test_a_parquet_file_whose_rows_are_damaged_is_named(lake: Lake) -> None:
    """Its footer is whole, so that the damage shows no earlier than when its rows are written."""
    lake.source('folder = "drops"\nfiles = "*"\nformat = "parquet"')
    for name in ("1", "2"):
        parquet(lake.root / f"drops/{name}.parquet", "select md5(i::text) as id from range(100000) t(i)")
    path = lake.root / "drops/2.parquet"
    content = bytearray(path.read_bytes())
    content[5000:9000] = bytes(4000)
    path.write_bytes(content)
    lake.refused("drops/2.parquet: not a whole Parquet file")


@pytest.mark.long
def test_a_value_in_parquet_that_does_not_fit_is_told_by_its_row(lake: Lake) -> None:
    lake.source('folder = "drops"\nfiles = "*"\nformat = "parquet"\ncolumns = {id = "long", total = "string"}')
    parquet(lake.root / "drops/1.parquet", "select '1' as id, 'x' as total")
    parquet(
        lake.root / "drops/2.parquet", f"select ['1', '1.5', 'y'][i] as id, '{SECRET}' as total from range(1, 4) t(i)"
    )
    lake.refused("drops/2.parquet, row 2: column 'id' holds no BIGINT", secret=SECRET)


@pytest.mark.long
def test_a_file_that_may_not_be_read_is_named(lake: Lake) -> None:
    lake.drop("1.csv", GOOD)
    lake.load()
    (lake.root / "drops/2.csv").symlink_to("/proc/self/mem")
    lake.refused("drops/2.csv")


@pytest.mark.long
def test_a_file_that_changed_under_its_old_name_is_named_and_nothing_else_lands(lake: Lake) -> None:
    path = lake.drop("1.csv", GOOD)
    rows = lake.load()
    path.write_text(GOOD.replace("20", "21"))
    lake.drop("2.csv", "id,total\n3,30\n")
    assert "files cannot land: drops/1.csv: its content changed after it landed" in lake.reasons()
    lake.refused("drops/1.csv: its content changed after it landed", "under a new name")
    path.write_text(GOOD)
    assert lake.load() == [*rows, ("3", "30", "drops/2.csv", "1")]


@pytest.mark.long
def test_a_file_that_grows_while_it_is_read_is_named_and_lands_when_it_is_done(lake: Lake) -> None:
    """The code of the asset runs after the file was read, and before it is read again to compare."""
    lake.write("layers/bronze/orders.sql", "")
    (lake.root / "layers/bronze/orders.sql").unlink()
    lake.write(
        "layers/bronze/orders.py",
        "import pathlib\n\nfrom lakeflow import asset, files\n\n\n"
        "@asset(source=files('drops/*.csv', format='csv', columns=['id', 'total']))\n"
        "def orders(landed):\n"
        "    if not pathlib.Path('done').exists():\n"
        "        with pathlib.Path('drops/1.csv').open('a') as file:\n"
        "            file.write('3,30\\n')\n"
        "    return landed\n",
    )
    lake.drop("1.csv", GOOD)
    lake.refused("drops/1.csv changed while it was read")
    lake.write("done", "")
    assert [row[0] for row in lake.load()] == ["1", "2", "3"]


@pytest.mark.long
def test_a_glob_that_matches_nothing_is_an_error_at_first_and_a_warning_later(lake: Lake) -> None:
    lake.refused("no file matches drops/*")
    path = lake.drop("1.csv", GOOD)
    lake.load()
    path.unlink()
    done = lake.run("plan", "--exit-code")
    assert done.returncode == 0
    assert "bronze.orders: no file matches drops/*" in done.stdout


@pytest.mark.long
def test_code_that_loses_rows_or_where_they_came_from_is_refused(lake: Lake) -> None:
    lake.drop("1.csv", GOOD)
    text = (lake.root / "layers/bronze/orders.sql").read_text()
    lake.write("layers/bronze/orders.sql", text + "where id = '1'\n")
    lake.refused("the files hold 2 rows and its code gives 1")
    lake.write("layers/bronze/orders.sql", text.replace("select *", "select id, _source_row"))
    lake.refused("leaves out _loaded_at, _source_file")
