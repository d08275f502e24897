"""`lakeflow query`: one SELECT over the lake at one moment, in every form, that reads and writes nothing else."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lakeflow
from lakeflow.core.model.run import RunState
from lakeflow.lake.lake import Lake
from tests.cli.forks import Forks
from tests.cli.process import lakeflow as command

SALES = """/*
key = ["id"]
*/
select range as id, range % 3 as shop, 'a "b", c' as note, NAME as version from range(100)
"""
SHOPS = """/*
key = ["shop"]
*/
select shop, count(*) as sales, max(version) as version from silver.sales group by shop
"""
BUYERS = """/*
[columns.email]
pii = true
*/
select 1 as id, 'ada@example.org' as email union all select 2, null
"""
CHECK = "select id from silver.sales where version = 'bad'"


def write(root: Path, version: str) -> None:
    texts = {
        "layers/bronze/buyers.sql": BUYERS,
        "layers/silver/sales.sql": SALES.replace("NAME", f"'{version}'"),
        "layers/gold/shops.sql": SHOPS,
        "checks/silver/sales.well.sql": CHECK,
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A lake that was published twice and then held, and the three runs."""
    root = tmp_path_factory.mktemp("lake")
    runs = []
    for version in ("one", "two", "bad"):
        write(root, version)
        with lakeflow.open(root) as lake:
            run = lake.materialize()
        assert run is not None
        assert (run.state is RunState.HELD) is (version == "bad")
        runs.append(run.id)
    return root, runs


ESCAPES = ("\x1b[2J", "\x1b[31m", "\x07", "\u202e")
BOTH = "select distinct s.version, g.version from silver.sales s join gold.shops g using (shop)"


def versions(lake: Lake, **at: Any) -> list[tuple[Any, ...]]:
    return lake.query(BOTH, **at).fetchall()


@pytest.mark.long
def test_all_tables_of_a_query_are_of_one_moment(made: tuple[Path, list[str]]) -> None:
    root, (first, second, third) = made
    with lakeflow.open(root) as lake:
        assert versions(lake) == [("two", "two")]
        assert versions(lake, as_of=first) == [("one", "one")]
        assert versions(lake, as_of=second) == [("two", "two")]
        # The branches of the run that is held lie over main, which has all other tables.
        assert versions(lake, ref="held") == versions(lake, ref=f"audit_{third}") == [("bad", "two")]
        lake.tag("monday", first)
        assert versions(lake, as_of="monday") == versions(lake, ref="monday") == [("one", "one")]
        assert lake.connect(as_of=first).sql(BOTH).fetchall() == [("one", "one")]
        # It published only the table of buyers, which knows no source and is always written.
        assert versions(lake, as_of=third) == [("two", "two")]
        with pytest.raises(lakeflow.LakeflowError, match="exclude each other"):
            versions(lake, as_of=first, ref="held")
        with pytest.raises(lakeflow.LakeflowError, match="no table has a ref 'audit_x'"):
            versions(lake, ref="audit_x")


@pytest.mark.long
def test_each_form_holds_all_rows(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    root, _ = made
    text = "select id, nullif(note, '') as note, id / 4 as quarter, [id] as list from silver.sales order by id"
    with lakeflow.open(root) as lake:
        wanted = lake.query(text).to_arrow_table()
        spelled = lake.query(f"select columns(*)::varchar from ({text})").fetchall()
    files = {form: tmp_path / f"rows.{form}" for form in ("csv", "json", "parquet", "arrow")}
    for file in files.values():
        done = command("query", text, "--to", str(file), cwd=root)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in files.values())
    with files["csv"].open(newline="") as read:
        assert [tuple(row) for row in csv.reader(read)] == [("id", "note", "quarter", "list"), *spelled]
    assert pq.read_table(files["parquet"]) == wanted
    with files["arrow"].open("rb") as stream:
        assert pa.ipc.open_stream(stream).read_all() == wanted
    rows = json.loads(files["json"].read_text())["data"]["rows"]
    assert [(row["id"], row["quarter"]) for row in rows] == [(n, n / 4) for n in range(100)]
    piped = command("query", text, "-o", "csv", cwd=root)
    assert piped.stdout == files["csv"].read_text()


@pytest.mark.long
def test_a_screen_shows_the_first_rows_and_says_so(made: tuple[Path, list[str]]) -> None:
    root, _ = made
    shown = command("query", "select id from silver.sales order by id", cwd=root).stdout
    assert "40 rows" in shown
    assert "there are more than these 40 rows: --limit N, or --to rows.csv for all of them" in shown
    assert "more" not in command("query", "select id from silver.sales", "--limit", "60", cwd=root).stdout


@pytest.mark.long
def test_personal_values_are_never_shown_nor_asked_for(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    root, _ = made
    for text in (
        "select * from bronze.buyers",
        "select upper(email) as e from bronze.buyers",
        "select b from bronze.buyers b",
        "select length(email) as n, email like 'ada%' as is_ada from bronze.buyers",
    ):
        for form in ("table", "json", "csv"):
            said = command("query", text, "-o", form, cwd=root)
            assert said.returncode == 0
            assert "ada@" not in said.stdout.lower()
            assert '"is_ada": true' not in said.stdout
            assert "15" not in said.stdout
    # An error that quotes a value has none to quote.
    failed = command("query", "select email::int from bronze.buyers", cwd=root)
    assert (failed.returncode, "ada@" in failed.stdout + failed.stderr) == (1, False)


OUTSIDE = """
select * from 'rows.csv'
from "rows.csv"
select (select count(*) from 'rows.parquet')
select * from read_csv('rows.csv')
select * from read_csv_auto('https://example.org/rows.csv')
select * from parquet_metadata('rows.parquet')
select * from silver.sales cross join lateral read_text('/etc/passwd')
select * from silver.sales, lateral (from "rows.csv")
select * from silver.sales where id in (select n from read_blob('rows.csv'))
select * from glob('*')
select * from sniff_csv('rows.csv')
select * from duckdb_secrets()
from duckdb_settings()
from duckdb_views()
from information_schema.tables
from sqlite_master
from (show tables)
from (summarize bronze.buyers)
from query('select 1')
from query_table('silver.sales')
from json_execute_serialized_sql('{}')
from read_duckdb('x.db')
from enable_logging()
select getenv('HOME')
select list_transform([1], x -> getenv('HOME'))
select current_setting('temp_directory')
select * from silver.sales order by current_setting('threads')
select current_database()
copy silver.sales to 'rows.csv'
copy (select 1) to 'rows.csv'
create table x as select 1
attach 'x.db'
install httpfs
load httpfs
pragma version
set threads = 1
call pragma_version()
export database 'x'
use memory
explain analyze select 1
select 1; select 2
with gone as (delete from silver.sales returning *) select * from gone
with "rows.csv" as (select * from "rows.csv") from "rows.csv"
with recursive "rows.csv" as (select * from "rows.csv") from "rows.csv"
with recursive "rows.csv" as (select n from "rows.csv" union all select 1) from "rows.csv"
(with "rows.csv" as (select 1) select 1) union all (select * from "rows.csv")
select * from (values (1)) "rows.csv"(n), "rows.csv"
"""


@pytest.mark.long
def test_a_query_reads_assets_and_nothing_else(tmp_path: Path) -> None:
    """Where the file is there, too, and readable."""
    write(tmp_path, "one")
    (tmp_path / "rows.csv").write_text("n\n42\n")
    read = []
    with lakeflow.open(tmp_path) as lake:
        lake.materialize("silver.sales", "bronze.buyers")
        for text in OUTSIDE.strip().splitlines():
            try:
                read.append((text, lake.query(text).fetchall()))
            except lakeflow.LakeflowError as refused:
                assert refused.hint or "Error" in refused.message, text  # noqa: PT017 - all are tried
    assert read == []
    assert (tmp_path / "rows.csv").read_text() == "n\n42\n"


@pytest.mark.long
def test_what_was_typed_wrong_is_said_with_what_to_type(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    root, _ = made
    for words, said in {
        (): "write the SELECT behind the command, or name its file: -f FILE",
        ("select 1", "--to", "rows"): "'rows' says no form: end it with .csv, .json, .parquet or .arrow, or give -o",
        ("select 1", "-o", "parquet"): "parquet is no text: name a file, --to rows.parquet",
        ("select 1", "--as-of", "next week"): "'next week' is no time",
        ("select 1 from silver.sale", "--to", "rows.csv"): "did you mean 'silver.sales'?",
        ("select idd from silver.sales",): 'did you mean "id"?',
        ("select lengt(note) from silver.sales",): 'did you mean "length"?',
    }.items():
        done = command("query", *words, cwd=root)
        assert done.returncode == 2, (words, done)
        assert said in done.stderr, done.stderr
    # A query that fails on the way leaves the file that stood there.
    file = tmp_path / "rows.csv"
    file.write_text("before")
    done = command("query", "select (id || note)::int from silver.sales", "--to", str(file), cwd=root)
    assert (done.returncode, file.read_text(), list(tmp_path.iterdir())) == (1, "before", [file])
    script = tmp_path / "q.sql"
    script.write_text("select count(*) as n from silver.sales;")
    assert command("query", "-f", str(script), "-o", "csv", cwd=root).stdout == "n\n100\n"


@pytest.mark.long
def test_the_csv_is_what_a_csv_reader_reads_back(made: tuple[Path, list[str]]) -> None:
    root, _ = made
    values = r"""(1, 'a'), (2, ''), (3, null), (4, e'x\ny'), (5, '"'), (6, ' s '), (7, 'é,😀')"""
    text = f"select * from (values {values}) v(n, t)"
    done = command("query", text, "-o", "csv", cwd=root)
    found = list(csv.reader(io.StringIO(done.stdout)))
    assert found == [
        ["n", "t"], ["1", "a"], ["2", ""], ["3", ""], ["4", "x\ny"], ["5", '"'], ["6", " s "], ["7", "é,😀"]
    ]  # fmt: skip
    assert command("query", "select null as x", "-o", "csv", cwd=root).stdout == 'x\n""\n'
    twins = command("query", "select 1 as x, 2 as X", "-o", "csv", cwd=root)
    assert (twins.returncode, "two columns of the answer are called 'x'" in twins.stderr) == (1, True)


@pytest.mark.long
def test_no_value_and_no_name_of_a_column_acts_on_a_terminal(made: tuple[Path, list[str]]) -> None:
    root, _ = made
    text = """select e'a\\x1b[31mred\\x07' as "co\x1b[2Jl", '\u202eabc' as b"""
    forks = Forks()
    try:
        for form in ("table", "csv", "json"):
            said = forks.typed("query", text, "-o", form, "--as-of", "0s", cwd=root)
            assert said.code == 0
            assert [each for each in ESCAPES if each in said.out] == [], form
    finally:
        forks.close()


@pytest.mark.long
def test_a_file_is_named_from_where_somebody_types(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    root, _ = made
    for words in (("query", "select 1 as one", "--to", "rows.csv"), ("export", "gold.shops", "--to", "out")):
        assert command("-C", str(root), *words, cwd=tmp_path).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "rows.csv"]
