"""The engine on tables whose files lie in an object store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.adapters.duckdb.locked import LockedDuckDB
from lakeflow.adapters.duckdb.store.attach import attach, secret_text
from lakeflow.adapters.duckdb.store.filesystem import StoreFileSystem
from lakeflow.adapters.duckdb.store.kept import KeptFiles
from lakeflow.core.compact.stored import MovedFiles, Rewrite, StoredFile
from lakeflow.core.errors import AssetError
from lakeflow.core.model.layout import PLAIN, Layout, PartitionField
from lakeflow.core.model.table import DeleteFile, Scan
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.store_files import StoreSecret
from lakeflow.core.run.write import Write, WriteResult
from tests.duckdb.folder_store import FolderStore
from tests.duckdb.lab import RAW, numbered, rows_of, sql_asset, values, write

SALES = "s3://lake/silver/sales/data"
SUM = "SELECT count(*), sum(hash(id, h, s)::HUGEINT) FROM "


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    (tmp_path / "store").mkdir()
    return FolderStore(tmp_path / "store")


@pytest.fixture
def far(root: Path, store: FolderStore) -> Iterator[DuckEngine]:
    engine = DuckEngine(str(root), "1GB", 2, str(root / "spill"), stores=store)
    yield engine
    engine.close()


def test_rows_go_to_the_store_and_come_back(far: DuckEngine, store: FolderStore, root: Path) -> None:
    raw = rows_of("SELECT i AS id, 'é' || i AS name FROM range(1000) t(i)", far, SALES)
    assert raw.files == tuple(store.all())
    assert all(path.startswith(f"{SALES}/") for path in raw.files)
    there = pq.read_table(store.path(raw.files[0]))
    assert (there.num_rows, there.column("name")[7].as_py()) == (1000, "é7")
    out = write(far, sql_asset("SELECT count(*) AS n, max(name) AS last FROM bronze.raw"), "s3://lake/out/data", raw)
    assert values(far, out) == [{"n": 1000, "last": "é999"}]
    assert not list((root / "spill").glob("write-*"))


def test_each_partition_goes_to_its_folder(far: DuckEngine, store: FolderStore) -> None:
    raw = rows_of("SELECT i AS id, 'a b/' || i % 3 AS k FROM range(30) t(i)", far, SALES)
    result = _write_partitioned(far, raw)
    assert len(result.files) == 3
    assert {file.path for file in result.files} == {path for path in store.all() if "/p/" in path}
    assert sorted(file.partition for file in result.files) == [("a b/0",), ("a b/1",), ("a b/2",)]


def test_a_write_that_fails_leaves_nothing(far: DuckEngine, store: FolderStore, root: Path) -> None:
    with pytest.raises(AssetError):
        rows_of(
            "SELECT CAST(CASE i WHEN 99999 THEN 'x' ELSE '1' END AS INTEGER) AS id FROM range(100000) t(i)", far, SALES
        )
    assert store.all() == []
    assert not list((root / "spill").glob("write-*"))


def test_a_file_that_the_store_does_not_take_takes_the_others_with_it(far: DuckEngine, store: FolderStore) -> None:
    uploads = iter(range(100))

    def full(what: str) -> None:
        if what == "upload" and next(uploads) == 2:
            raise OSError(28, "the bucket is full")

    raw = rows_of("SELECT i % 5 AS k FROM range(100) t(i)", far, SALES)
    store.before = full
    with pytest.raises(AssetError, match=r"cannot write s3://lake/p/data/.*\.parquet: the bucket is full"):
        _write_partitioned(far, raw)
    assert store.all() == list(raw.files)


def _write_partitioned(far: DuckEngine, raw: Scan) -> WriteResult:
    with far.produce(sql_asset("FROM bronze.raw"), {RAW: raw}) as produced:
        layout = Layout((PartitionField("k"),))
        return produced.write(Write(WriteMode.APPEND, numbered(produced.schema), "s3://lake/p/data", layout=layout))


def test_compaction_moves_the_rows_within_the_store(far: DuckEngine, store: FolderStore) -> None:
    some = [rows_of(f"SELECT {n} + i AS id FROM range(10) t(i)", far, SALES) for n in (0, 10, 20)]
    files = tuple(StoredFile(each.files[0], each.rows, store.path(each.files[0]).stat().st_size) for each in some)
    scan = replace(some[0], files=tuple(file.path for file in files), rows=30)
    made = far.rewrite(scan, Rewrite((MovedFiles(files),), SALES, PLAIN, 1 << 20))
    assert [file.rows for file in made.files] == [30]
    assert far.are_there(made)
    moved = replace(scan, files=tuple(file.path for file in made.files))
    assert sorted(row["id"] for row in values(far, moved)) == list(range(30))
    far.drop(made)
    assert not far.are_there(made)
    assert store.all() == sorted(scan.files)


def test_a_missing_file_is_said_to_be_missing(far: DuckEngine, store: FolderStore) -> None:
    raw = rows_of("SELECT 1 AS id", far, SALES)
    store.path(raw.files[0]).unlink()
    with pytest.raises(AssetError, match=r"No files found that match the pattern \"s3://lake") as missed:
        write(far, sql_asset("FROM bronze.raw"), SALES, raw)
    assert "lakeflow doctor" in (missed.value.hint or "")


def test_what_a_store_says_is_passed_on_without_a_traceback(far: DuckEngine, store: FolderStore) -> None:
    def closed(what: str) -> None:
        raise OSError(5, "the keys are not known there")

    raw = rows_of("SELECT 1 AS id", far, SALES)
    store.before = closed
    with pytest.raises(AssetError, match="keys are not known there") as refused:
        write(far, sql_asset("FROM bronze.raw"), SALES, raw)
    assert "Traceback" not in refused.value.message


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> FolderStore:
    """Files of many row groups, as Parquet and as CSV."""
    folder = tmp_path_factory.mktemp("many")
    store, rows = FolderStore(folder), "SELECT i AS id, hash(i) AS h, 'c' || hash(i * 3) AS s"
    store.path("s3://raw/x").parent.mkdir()
    for number in range(4):
        text = f"{rows} FROM range({number * 50_000}, {number * 50_000 + 50_000}) t(i)"
        to = store.path(f"s3://raw/{number}")
        duckdb.execute(f"COPY ({text}) TO '{to}.parquet' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048)")
        duckdb.execute(f"COPY ({text}) TO '{to}.csv' (HEADER)")
        duckdb.execute(f"COPY ({text}) TO '{to}.csv.gz' (HEADER)")
    return store


def connected(store: FolderStore, threads: int = 4) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": threads})
    attach(connection, KeptFiles(store))
    return connection


@pytest.mark.parametrize("rounds", [5, pytest.param(300, marks=pytest.mark.long)])
def test_threads_that_share_a_file_read_each_its_own_bytes(many: FolderStore, rounds: int) -> None:
    files = [f"s3://raw/{number}.parquet" for number in range(4)]
    local = [str(many.path(each)) for each in files]
    want = duckdb.execute(f"{SUM} read_parquet({local})").fetchall()
    for _ in range(rounds):
        with closing(connected(many)) as connection:
            connection.execute("SET enable_external_file_cache = false")
            assert connection.execute(f"{SUM} read_parquet({files})").fetchall() == want


@pytest.mark.long
@pytest.mark.parametrize("options", ["", ", parallel = false"])
@pytest.mark.parametrize("name", ["csv", "csv.gz"])
@pytest.mark.parametrize("cache", ["true", "false"])
def test_text_is_read_on_from_where_the_last_thread_stopped(
    many: FolderStore, name: str, options: str, cache: str
) -> None:
    local = [str(many.path(f"s3://raw/{number}.{name}")) for number in range(4)]
    want = duckdb.execute(f"{SUM} read_csv({local})").fetchall()
    with closing(connected(many)) as connection:
        connection.execute(f"SET enable_external_file_cache = {cache}")
        assert connection.execute(f"{SUM} read_csv('s3://raw/*.{name}'{options})").fetchall() == want


def test_handles_are_safe_between_a_seek_and_its_read(many: FolderStore) -> None:
    """Each of eight threads seeks, waits for the others to have sought, and reads its own bytes."""
    content = many.path("s3://raw/0.csv").read_bytes()
    handle = StoreFileSystem(KeptFiles(many)).open("s3://raw/0.csv")
    together = threading.Barrier(8)

    def read(number: int) -> bool:
        handle.seek(number * 1000)
        together.wait()
        return handle.read(500) == content[number * 1000 : number * 1000 + 500]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))


def test_who_seeks_nothing_reads_on_where_the_last_one_stopped(many: FolderStore) -> None:
    """Whichever thread that was: DuckDB reads text so, one thread after the other."""
    content = many.path("s3://raw/0.csv").read_bytes()
    handle = StoreFileSystem(KeptFiles(many)).open("s3://raw/0.csv")
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        assert one.submit(handle.read, 100).result() == content[:100]
        one.submit(handle.seek, 0).result()
        assert [who.submit(handle.read, 100).result() for who in (other, other, one, other)] == [
            content[at : at + 100] for at in (0, 100, 200, 300)
        ]


def test_footers_are_had_at_once_and_only_once(many: FolderStore) -> None:
    files = [f"s3://raw/named/{number}-sha256-{'0' * 64}.parquet" for number in range(4)]
    for number, file in enumerate(files):
        many.upload(str(many.path(f"s3://raw/{number}.parquet")), file)
    kept = KeptFiles(many)
    for asked in (8, 0):
        many.asked.clear()
        with closing(duckdb.connect(config={"threads": 2})) as connection:
            attach(connection, kept)
            connection.execute("SET enable_external_file_cache = false")
            assert connection.execute(f"SELECT count(*) FROM read_parquet({files})").fetchall() == [(200_000,)]
        assert many.asked.count("open") + many.asked.count("read") <= asked


def test_many_requests_are_under_way_at_once(many: FolderStore) -> None:
    """The first four wait for each other: one after the other, none would ever be answered."""
    together, begun = threading.Barrier(4), iter(range(4))

    def waiting(what: str) -> None:
        if what == "read" and next(begun, None) is not None:
            together.wait(timeout=60)

    files = [f"s3://raw/{number}.parquet" for number in range(4)]
    store = FolderStore(many.folder)
    with closing(connected(store, threads=2)) as connection:
        connection.execute("SET enable_external_file_cache = false")
        connection.execute(f"SELECT count(*) FROM read_parquet({files})").fetchall()
        kept = f"s3://raw/one-sha256-{'0' * 64}.parquet"
        store.upload(str(store.path(files[0])), kept)
        connection.execute(f"SELECT count(*) FROM '{kept}'").fetchall()
        store.before = waiting
        assert connection.execute(f"SELECT count(DISTINCT h) FROM '{kept}'").fetchall() == [(50_000,)]


def test_a_file_that_may_change_is_read_as_it_is_now(store: FolderStore) -> None:
    """Only a name that holds the digest of its content promises that it is the same for every query."""
    at = "s3://raw/0.parquet"
    store.path(at).parent.mkdir()
    with closing(connected(store)) as connection:
        connection.execute("SET enable_external_file_cache = false")
        for rows in (3, 70_000, 5):
            duckdb.execute(f"COPY (SELECT hash(i) AS h FROM range({rows}) t(i)) TO '{store.path(at)}' (FORMAT parquet)")
            found = connection.execute(f"SELECT count(*), max(h) FROM read_parquet('{at}')").fetchall()
            assert found == duckdb.execute(f"SELECT count(*), max(h) FROM '{store.path(at)}'").fetchall()


def test_no_more_is_kept_than_may_be(many: FolderStore) -> None:
    kept = KeptFiles(many, most=100_000)
    sizes = [len(kept.get(f"s3://raw/{number}.parquet").tail) for number in (0, 1, 2, 3, 0, 1)]
    assert all(size >= 64 * 1024 for size in sizes)
    assert len(kept._kept) == 1


def test_fewer_bytes_than_asked_for_are_an_error(many: FolderStore, tmp_path: Path) -> None:
    short = FolderStore(tmp_path)
    short.path("s3://raw/x").parent.mkdir(parents=True)
    at = f"s3://raw/0-sha256-{'0' * 64}.parquet"
    path = short.path(at)
    path.write_bytes(many.path("s3://raw/0.parquet").read_bytes())
    with closing(connected(short)) as connection:
        connection.execute("SET enable_external_file_cache = false")
        assert connection.execute(f"SELECT count(*) FROM '{at}'").fetchall() == [(50_000,)]
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
        with pytest.raises(duckdb.Error, match="the store gave"):
            connection.execute(f"{SUM} '{at}'").fetchall()


ESCAPES: list[Callable[[str], str]] = [
    lambda path: f"SELECT * FROM read_parquet('{path[:-8]}.other')",
    lambda path: "SELECT * FROM glob('s3://lake/**')",
    lambda path: f"COPY (SELECT 1 AS id) TO '{path}' (FORMAT parquet)",
    lambda path: "COPY (SELECT 1 AS id) TO 's3://lake/new.parquet' (FORMAT parquet)",
    lambda path: "SELECT * FROM duckdb_secrets()",
    lambda path: "CREATE SECRET (TYPE s3, KEY_ID 'a')",
    lambda path: "LOAD httpfs",
]


@pytest.mark.parametrize("number", range(len(ESCAPES)))
def test_an_audit_reads_its_own_files_in_the_store_and_does_nothing_else(
    number: int, far: DuckEngine, store: FolderStore
) -> None:
    raw = rows_of("SELECT 7 AS id", far, SALES)
    before = store.path(raw.files[0]).read_bytes()
    locked = LockedDuckDB({"bronze.raw": raw}, {}, stores=KeptFiles(store))
    try:
        assert locked.execute("SELECT id FROM bronze.raw") == (("id",), [(7,)])
        with pytest.raises(AssetError, match=r"disabled|only read|Loading external"):
            locked.execute(ESCAPES[number](raw.files[0]))
    finally:
        locked.close()
    assert store.path(raw.files[0]).read_bytes() == before
    assert store.all() == list(raw.files)


@pytest.mark.parametrize("spelled", ["s3://", "s3a://", "s3n://"])
def test_deletes_hide_rows_however_their_engine_spells_the_store(
    spelled: str, far: DuckEngine, store: FolderStore
) -> None:
    raw = rows_of("SELECT i AS id FROM range(5) t(i)", far, SALES)
    (path,) = raw.files
    theirs = path.replace("s3://", spelled)
    to = store.path("s3://lake/deletes.parquet")
    duckdb.execute(f"COPY (SELECT '{theirs}' AS file_path, 2::BIGINT AS pos) TO '{to}' (FORMAT parquet)")
    deletes = (DeleteFile("s3a://lake/deletes.parquet", "parquet", sequence=2),)
    assert [row["id"] for row in values(far, replace(raw, files=(theirs,), deletes=deletes))] == [0, 1, 3, 4]


def test_a_secret_is_one_statement_whatever_stands_in_it() -> None:
    """tests/duckdb/test_own_client.py executes such a statement."""
    said: dict[str, str | bool] = {"KEY_ID": "a'b", "SECRET": "x');DROP TABLE t;--", "USE_SSL": False}
    text = secret_text(StoreSecret("s3", "s3", said))
    (statement,) = duckdb.extract_statements(text)
    assert statement.type == duckdb.StatementType.CREATE
    assert "USE_SSL false" in text


@pytest.mark.parametrize("text", ["SELECT * FROM duckdb_secrets()", "SELECT * FROM which_secret('s3://lake', 's3')"])
def test_no_query_reaches_the_secrets(text: str, far: DuckEngine) -> None:
    raw = rows_of("SELECT 7 AS id", far, SALES)
    with pytest.raises(AssetError, match="stands for a table"):
        far.query(text, {"bronze.raw": raw})
