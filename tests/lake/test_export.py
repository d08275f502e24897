"""`lake.export` copies tables of one moment out of the lake; others read them back, and they come whole."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

import lakeflow
from lakeflow.core.errors import LakeflowError, UsageError
from lakeflow.lake.lake import Lake
from tests.prepared import Prepared

SALES = """/*
key = ["id"]
*/
select range as id, range % 3 as shop, (range / 4)::decimal(9, 2) as total, VERSION as version,
    timestamptz '2026-01-31 12:00:00+01' + to_hours(range) as sold_at,
    [range, null] as list, {'a': range, 'b': null::varchar} as pair
from range(100)
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


def write(root: Path, version: int) -> None:
    texts = {
        "layers/bronze/buyers.sql": BUYERS,
        "layers/silver/sales.sql": SALES.replace("VERSION", str(version)),
        "layers/silver/never.sql": "/*\nkey = ['id']\n*/ select 1 as id where error('no') is null",
        "layers/gold/shops.sql": SHOPS,
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def make(root: Path) -> None:
    for version in (1, 2):
        write(root, version)
        with lakeflow.open(root) as opened:
            opened.materialize("silver.sales", "gold.shops", *(["bronze.buyers"] if version == 1 else []))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("lake"), make)


@pytest.fixture
def lake(prepared: Prepared) -> Iterator[Lake]:
    with lakeflow.open(prepared.again()) as opened:
        yield opened


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def held(place: Path) -> list[str]:
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir())


FILES = ["bronze/buyers.parquet", "export.json", "gold/shops.parquet", "silver/sales.parquet"]


@pytest.mark.long
def test_a_folder_holds_a_parquet_file_a_table_that_others_read_as_it_is(lake: Lake, tmp_path: Path) -> None:
    done = lake.export(to=tmp_path / "out")
    assert [(str(one.asset), one.rows, one.name) for one in done.tables] == [
        ("bronze.buyers", 2, "bronze/buyers.parquet"),
        ("silver.sales", 100, "silver/sales.parquet"),
        ("gold.shops", 3, "gold/shops.parquet"),
    ]
    assert [str(key) for key in done.left_out] == ["silver.never"]
    assert held(tmp_path / "out") == FILES
    assert names(tmp_path) == ["out"]
    wanted = lake.read("silver.sales").to_arrow_table()
    found = pq.read_table(tmp_path / "out/silver/sales.parquet")
    assert found.sort_by("id") == wanted.sort_by("id").cast(found.schema)
    assert pl.read_parquet(tmp_path / "out/gold/shops.parquet")["version"].to_list() == [2, 2, 2]


@pytest.mark.long
def test_a_duckdb_file_holds_a_table_each_that_another_process_reads(lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "bi.duckdb"
    lake.export("silver.sales", "gold.*", to=file)
    assert names(tmp_path) == ["bi.duckdb"]
    said = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print(c.execute(sys.argv[2]).fetchall())"
    )
    asked = (
        "select count(*), sum(total)::varchar, min(sold_at)::timestamp::varchar, any_value(version) from silver.sales"
    )
    done = subprocess.run([sys.executable, "-c", said, str(file), asked], capture_output=True, text=True, check=True)
    assert eval(done.stdout) == [(100, "1237.50", "2026-01-31 11:00:00", 2)]
    with duckdb.connect(str(file), read_only=True) as opened:
        found = opened.sql("select * from silver.sales order by id").to_arrow_table()
        listed = opened.execute("select asset, row_count from lakeflow.export order by 1").fetchall()
    wanted = lake.read("silver.sales").order("id").to_arrow_table()
    assert found.cast(wanted.schema) == wanted
    assert listed == [("gold.shops", 3), ("silver.sales", 100)]


@pytest.mark.long
@pytest.mark.parametrize("place", ["out", "bi.duckdb"])
def test_all_tables_are_of_the_moment_that_is_asked_for(lake: Lake, tmp_path: Path, place: str) -> None:
    run = lake.runs()[-1].id
    for as_of, version in ((None, 2), (run, 1), ("0s", 2), (run[:-1], 1)):
        lake.export(to=tmp_path / place, as_of=as_of)
        assert versions(tmp_path / place) == {version}
    with pytest.raises(UsageError, match="readers saw nothing then"):
        lake.export(to=tmp_path / place, as_of="30d")
    with pytest.raises(UsageError, match="was not published then"):
        lake.export("gold.shops", to=tmp_path / place, as_of="30d")
    with pytest.raises(UsageError, match=r"silver\.never was never published"):
        lake.export("silver.*", to=tmp_path / place)
    with pytest.raises(UsageError, match="exclude each other"):
        lake.export(to=tmp_path / place, as_of=run, ref="held")
    assert versions(tmp_path / place) == {1}


def versions(place: Path) -> set[int]:
    """Of all tables that say one."""
    if place.suffix:
        with duckdb.connect(str(place), read_only=True) as opened:
            return {
                version
                for (version,) in opened.execute(
                    "from silver.sales select version union from gold.shops select version"
                ).fetchall()
            }
    return {
        version
        for name in ("silver/sales", "gold/shops")
        for version in pl.read_parquet(place / f"{name}.parquet")["version"]
    }


@pytest.mark.long
@pytest.mark.parametrize("place", ["out", "bi.duckdb"])
def test_personal_values_stay_in_the_lake_unless_they_are_asked_for(lake: Lake, tmp_path: Path, place: str) -> None:
    done = lake.export("bronze.buyers", to=tmp_path / place)
    assert done.tables[0].hidden == ("email",)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"ada@" in path.read_bytes()]
    lake.export("bronze.buyers", to=tmp_path / place, personal="shown")
    file = tmp_path / place
    text = (
        "select email from bronze.buyers order by id"
        if file.suffix
        else f"select email from '{file}/bronze/*.parquet' order by id"
    )
    with duckdb.connect(str(file) if file.suffix else ":memory:") as opened:
        assert opened.execute(text).fetchall() == [("ada@example.org",), (None,)]


def folder(at: Path, file: str) -> None:
    at.mkdir()
    (at / file).write_text("{}")


@pytest.mark.long
def test_only_an_export_of_ours_is_replaced(lake: Lake, tmp_path: Path) -> None:
    """And nothing that somebody has put into it is lost."""
    place, file = tmp_path / "out", tmp_path / "bi.duckdb"
    others: dict[str, Callable[[Path], object]] = {
        "mine": lambda at: folder(at, "thesis.txt"),
        "also.mine": lambda at: folder(at, "export.json"),
        "file": lambda at: at.write_text("text"),
        "text.duckdb": lambda at: at.write_text("text"),
        "db.duckdb": lambda at: duckdb.connect(str(at)).execute("create table t as select 1 as n").close(),
        "folder.duckdb": lambda at: folder(at, "x"),
        "link": lambda at: at.symlink_to(tmp_path / "nowhere"),
    }
    for name, fill in others.items():
        fill(tmp_path / name)
        with pytest.raises(UsageError, match="is no export of lakeflow and stays as it is") as refused:
            lake.export(to=tmp_path / name)
        assert refused.value.hint == "name another place, or move away what stands there"
    lake.export(to=place)
    (place / "silver/notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds 'silver/notes\.txt', which lakeflow did not export"):
        lake.export(to=place)
    lake.export(to=file)
    with duckdb.connect(str(file)) as opened:
        opened.execute("create view mine as select 1 as n")
    with pytest.raises(UsageError, match=r"holds 'main\.mine', which lakeflow did not export"):
        lake.export(to=file)
    with pytest.raises(UsageError, match=r"'rows\.parquet' is neither a folder nor a DuckDB file"):
        lake.export(to=tmp_path / "rows.parquet")
    (tmp_path / "empty").mkdir(mode=0o750)
    lake.export(to=tmp_path / "empty")
    assert (held(tmp_path / "empty"), (tmp_path / "empty").stat().st_mode & 0o777) == (FILES, 0o750)


def test_an_export_that_fails_leaves_the_old_one_and_nothing_else(lake: Lake, tmp_path: Path) -> None:
    lake.export(to=tmp_path / "out")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in held(tmp_path / "out")}
    for each in (Path(lake.project.root) / ".lakeflow/warehouse/gold/shops").rglob("*.parquet"):
        each.unlink()
    with pytest.raises(LakeflowError):
        lake.export(to=tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in held(tmp_path / "out")} == before
    assert names(tmp_path) == ["out"]


KILLED = """
import os, signal, sys
import lakeflow
from lakeflow.adapters.duckdb.export import place, write

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

where, root, to = sys.argv[1:]
if where == "before":
    write.put_in_place = die
elif where == "within":
    place._sync = die
else:
    place.OwnFolder.release = die
with lakeflow.open(root) as lake:
    lake.export(to=to)
"""


@pytest.mark.long
@pytest.mark.parametrize("place", ["out", "bi.duckdb"])
def test_a_kill_leaves_the_old_or_the_new_one_whole_and_the_next_removes_the_rest(
    lake: Lake, tmp_path: Path, place: str
) -> None:
    to, root = tmp_path / place, lake.project.root
    first = lake.runs()[-1].id
    for where, version in (("before", 1), ("within", 1), ("after", 2)):
        lake.export(to=to, as_of=first)
        done = subprocess.run([sys.executable, "-c", KILLED, where, str(root), str(to)], check=False, cwd=Path.cwd())
        assert done.returncode == -signal.SIGKILL
        assert versions(to) == {version}, where
        assert len(names(tmp_path)) == 2, "what it was making lies beside"
        lake.export(to=to, as_of=first)
        assert versions(to) == {1}
        assert names(tmp_path) == [place]


@pytest.mark.long
@pytest.mark.parametrize("place", ["out", "bi.duckdb"])
def test_who_reads_meanwhile_sees_the_old_or_the_new_one(lake: Lake, tmp_path: Path, place: str) -> None:
    to, first = tmp_path / place, lake.runs()[-1].id
    lake.export(to=to)
    seen: list[set[int]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(versions(to) if to.suffix else {*pl.read_parquet(to / "silver/sales.parquet")["version"]})

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            for as_of in (first, None, first):
                lake.export(to=to, as_of=as_of)
        finally:
            done.set()
        reading.result()
    assert seen
    assert all(each in ({1}, {2}) for each in seen)
