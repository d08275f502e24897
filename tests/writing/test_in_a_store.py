"""Every write mode on a lake in an object store: the rows are those of the same lake on a disk, read by pyiceberg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

import lakeflow
from lakeflow.core.errors import LakeflowError
from lakeflow.lake.lake import Lake
from tests.servers.endpoints import Endpoint
from tests.servers.fixture import Servers
from tests.writing.lab import Row, Things, ordered
from tests.writing.test_every_mode import COLUMNS

SECRET: Final = "LAKEFLOW_TEST_STORE_SECRET"


class FarThings(Things):
    """The same lake, with its warehouse in a bucket of its own."""

    def __init__(self, root: Path, fields: str, columns: str, store: Endpoint) -> None:
        super().__init__(root, fields, columns)
        self.store, self.warehouse = store, f"s3://{store.bucket()}/lake"
        keys = f'access_key_id = "{store.access_key}"\nsecret_access_key = "${{{SECRET}}}"\n'
        storage = f'[tool.lakeflow.storage]\nendpoint = "{store.uri}"\n{keys}'
        (root / "pyproject.toml").write_text(f'[tool.lakeflow]\nwarehouse = "{self.warehouse}"\n\n{storage}')

    def iceberg(self, name: str = "silver.things") -> Table:
        return loaded(self.root, name, self.store)


def loaded(root: Path, name: str, store: Endpoint | None) -> Table:
    """A table as pyiceberg finds it, by its own means."""
    s3 = {} if store is None else {"s3.endpoint": store.uri, "s3.access-key-id": store.access_key}
    s3 |= {} if store is None else {"s3.secret-access-key": store.secret_key, "s3.region": store.region}
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{root / '.lakeflow/catalog.db'}", warehouse=str(root), **s3)
    try:
        return catalog.load_table(name)
    finally:
        catalog.engine.dispose()


def rows_of(root: Path, name: str, store: Endpoint | None) -> list[Row]:
    """Without what each lake has of its own: the times and names of its runs and snapshots."""
    found = loaded(root, name, store).scan().to_arrow().to_pylist()
    own = {"_run", "_inputs", "_loaded_at", "valid_from", "valid_to", "_valid_from", "_valid_to"}
    return ordered([{key: value for key, value in row.items() if key not in own} for row in found])


class Case(NamedTuple):
    """What the asset declares, and what comes, feed by feed; `files` are further files of the project."""

    fields: str
    feeds: Sequence[Sequence[Row]]
    files: Mapping[str, str] = {}
    beside: str = ""


def feed(*rows: str) -> list[Row]:
    """`a1` is key a, value 1; its day is in the month that the value says."""
    return [{"k": row[0], "d": f"2013-{int(row[1]):02}-01", "v": int(row[1])} for row in rows]


THREE: Final = (feed("a1", "b1", "c2"), feed("a2", "d3"), feed("b4", "d3", "e5"))
DATED: Final = 'columns={"d": {"type": "date"}}'
REFUSE: Final = """
import great_expectations.expectations as gxe

APART = {"lakeflow": {"on_fail": "quarantine"}}
expectations = [gxe.ExpectColumnValuesToBeBetween(column="v", max_value=3, meta=APART)]
"""
APART: Final = ({"checks/silver/things.py": REFUSE}, "silver.things__quarantine")
NEW: Final = """/*
new_rows = ["silver.things"]
key = ["k", "d"]
write = "append"
*/
select k, d, v * 10 as v from silver.things
"""
CASES: Final = {
    "append": Case('key=["k", "d"], write="append"', (feed("a1", "b1"), feed("c2"), feed("d3", "e5"))),
    "replace": Case('key=["k"], write="replace"', THREE),
    "upsert": Case('key=["k"], write="upsert"', THREE),
    "upsert, the greatest counts": Case('key=["k"], write="upsert", keep="last by v"', (*THREE, feed("a1", "b9"))),
    "partition": Case(f'key=["k"], write="partition", partition_by=["month(d)"], {DATED}', THREE),
    "scd2": Case('key=["k"], write="scd2", at="d", columns={"d": {"type": "timestamptz"}}', THREE),
    "partitioned and sorted": Case(
        f'key=["k"], write="upsert", partition_by=["bucket(4, k)", "month(d)"], sort_by=["v"], {DATED}', THREE
    ),
    "quarantine": Case('key=["k"], write="replace"', THREE, *APART),
    "quarantine of an upsert": Case('key=["k"], write="upsert"', THREE, *APART),
    "masks": Case('key=["v"], write="replace", columns={"k": {"type": "string", "pii": True, "mask": "hash"}}', THREE),
    "new rows": Case(
        'key=["k", "d"], write="append"',
        (feed("a1", "b1"), feed("c2"), feed("d3", "e5")),
        {"layers/silver/after.sql": NEW},
        "silver.after",
    ),
}


def tell(things: Things, case: Case) -> list[str]:
    for name, text in case.files.items():
        path = things.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    told = []
    for rows in case.feeds:
        run = things.feed(rows)
        assert run is not None
        told.append(" ".join(f"{step.asset} {step.state} {step.rows}" for step in run.steps))
    return told


@pytest.mark.servers
@pytest.mark.parametrize("name", CASES)
def test_a_store_holds_what_a_disk_holds(
    name: str, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, servers.s3().secret_key)
    monkeypatch.setenv("LAKEFLOW_PII_SALT", "a salt for a test")
    case = CASES[name]
    near = Things(tmp_path / "near", case.fields, COLUMNS)
    far = FarThings(tmp_path / "far", case.fields, COLUMNS, servers.s3())
    assert tell(far, case) == tell(near, case)
    for table in filter(None, ("silver.things", case.beside)):
        assert rows_of(far.root, table, far.store) == rows_of(near.root, table, None)
    assert {file.partition("/lake/")[0] for file in far.files()} <= {far.warehouse.removesuffix("/lake")}
    with lakeflow.open(far.root) as lake:
        assert far.rows() == near.rows()
        assert lake.verify(deep=True).faults == ()
    assert not list((far.root / ".lakeflow" / "spill").glob("write-*"))


def told_of(lake: Lake, folder: Path) -> list[object]:
    """What comes of everything that reads, moves and copies a table's rows."""
    key = "silver.things"
    compared, compacted = lake.diff(key), lake.compact()
    lake.export(key, to=folder)
    return [
        sorted(lake.query(f"select k, v from {key}").fetchall()),
        lake.connect().execute(f"select max(d), sum(v) from {key}").fetchall(),
        str(compared).partition(": ")[2],
        sorted(duckdb.execute(f"select k, v from '{folder}/**/*.parquet'").fetchall()),
        [str(one.outcome) for one in compacted],
        [(str(one.corruption), one.rows) for one in lake.mutate(key).results],
        str(lake.replay(key).outcome),
        sorted(lake.query(f"select k, v from {key}").fetchall()),
        lake.verify(deep=True).faults,
    ]


@pytest.mark.servers
def test_rows_are_read_moved_and_copied_there_as_on_a_disk(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, servers.s3().secret_key)
    case = CASES["upsert"]
    near = Things(tmp_path / "near", case.fields, COLUMNS)
    far = FarThings(tmp_path / "far", case.fields, COLUMNS, servers.s3())
    assert tell(far, case) == tell(near, case)
    with lakeflow.open(near.root) as here, lakeflow.open(far.root) as there:
        for one, other in zip(told_of(there, tmp_path / "a"), told_of(here, tmp_path / "b"), strict=True):
            assert one == other


FORBIDDEN: Final = (
    *("select * from '{file}'", "select * from read_parquet('{file}')", "select * from glob('s3://**')"),
    *("select * from duckdb_secrets()", "select * from duckdb_settings()"),
)


@pytest.mark.servers
def test_a_query_reads_tables_there_and_nothing_else(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, servers.s3().secret_key)
    far = FarThings(tmp_path, CASES["replace"].fields, COLUMNS, servers.s3())
    far.feed(feed("a1"))
    (file,) = far.files()
    with lakeflow.open(tmp_path) as lake:
        for text in FORBIDDEN:
            with pytest.raises(LakeflowError):
                lake.query(text.format(file=file)).fetchall()
        assert lake.query("select v from silver.things").fetchall() == [(1,)]
