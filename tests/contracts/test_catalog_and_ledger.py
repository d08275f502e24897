"""What a publish promises of catalog and ledger together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakeflow.adapters import iceberg, ledger
from lakeflow.adapters.database.database import Database
from lakeflow.adapters.database.sqlite import SqliteDatabase
from lakeflow.adapters.iceberg import IcebergCatalog
from lakeflow.adapters.ledger import SqlLedger
from lakeflow.adapters.objects import DISK, Places
from lakeflow.core.errors import BusyError, ConflictError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Publish
from lakeflow.core.model.run import Holder, Lease, Ruling, RunRecord, RunState, VerdictRecord
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import Staging, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.catalog import Catalog
from lakeflow.core.ports.entry import UNRECORDED, Entry, Transaction
from lakeflow.core.ports.ledger import Ledger
from lakeflow.core.ports.objects import Objects
from tests.homes import HOMES, STORED, Home, home
from tests.memory import MemoryCatalog, MemoryLedger
from tests.recording import Doing

KEYS = [AssetKey.parse(f"silver.{name}") for name in ("alpha", "beta", "gamma")]
SCHEMA = Schema((Field("n", Primitive("long"), 1),))
NOW = datetime.now(UTC)
DEAD = Holder("here", "boot", 1, "0")
LIVING = Holder("here", "boot", 2, "0")
LEASE = Lease("r1", "t1", frozenset(KEYS), DEAD)


@dataclass(frozen=True)
class Pair:
    catalog: Catalog
    ledger: Ledger


def alive(holder: Holder) -> bool:
    return holder == LIVING


@contextmanager
def in_memory() -> Iterator[Pair]:
    yield Pair(MemoryCatalog(lambda: NOW), MemoryLedger(alive, lambda: NOW, 30))


@contextmanager
def over(database: Database | SqliteDatabase, warehouse: str, objects: Objects = DISK) -> Iterator[Pair]:
    database.initialise([iceberg.MIGRATIONS, *ledger.MIGRATIONS])
    catalog = IcebergCatalog(database, warehouse, lambda: NOW, objects=objects)
    yield Pair(catalog, SqlLedger(database, alive, lambda: NOW, 30))
    database.close()


def kept_in(place: Home) -> AbstractContextManager[Pair]:
    store = place.store
    objects: Objects = Places(lambda: store.storage) if store else DISK
    return over(Database(place.database), place.warehouse, objects)


def as_a_lake_has_it(folder: Path) -> AbstractContextManager[Pair]:
    return over(SqliteDatabase(folder / "catalog.db"), str(folder / "warehouse"))


@pytest.fixture(params=["memory", "as a lake has it", *HOMES, *STORED])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    kept: AbstractContextManager[Pair]
    match request.param:
        case "memory":
            kept = in_memory()
        case "as a lake has it":
            kept = as_a_lake_has_it(tmp_path)
        case _:
            kept = kept_in(home(request, tmp_path))
    with kept as made:
        yield made


@pytest.fixture
def staged(pair: Pair) -> list[Table]:
    """Three tables, each with a first write on the run's branch; the run has begun under its lease."""
    pair.ledger.acquire(LEASE)
    pair.ledger.save(RunRecord("r1", RunState.RUNNING, NOW))
    tables = [pair.catalog.create(key, SCHEMA) for key in KEYS]
    return [pair.catalog.stage(table, Staging("audit_r1", None, WriteMode.REPLACE, SCHEMA, (), {})) for table in tables]


def publishes(tables: list[Table]) -> list[Publish]:
    return [
        Publish(table.key, table.uuid, "audit_r1", None, table.refs["audit_r1"], proof="{}", keep=5) for table in tables
    ]


def recording(pair: Pair, tables: list[Table]) -> Entry:
    verdicts = [VerdictRecord(t.key, t.refs["audit_r1"], Ruling.PUBLISH, "r1", 1, NOW) for t in tables]
    run = RunRecord("r1", RunState.PUBLISHED, NOW, ended_at=NOW)

    def record(opened: Transaction | None) -> None:
        assert opened is not None, "both catalogs open a transaction"
        pair.ledger.record(opened, LEASE, run, verdicts)

    return Doing(record)


def mains(pair: Pair) -> set[int | None]:
    return {table.main for table in pair.catalog.load(KEYS).values()}


def ruled(pair: Pair) -> set[int | None]:
    return {verdict.snapshot_id for of in pair.ledger.verdicts(KEYS).values() for verdict in of}


def test_a_publish_and_its_verdicts_stand_together(pair: Pair, staged: list[Table]) -> None:
    pair.catalog.commit(publishes(staged), recording(pair, staged))
    assert mains(pair) == ruled(pair) == {table.refs["audit_r1"] for table in staged}
    assert pair.ledger.run("r1").state is RunState.PUBLISHED


def test_a_conflict_on_one_table_records_nothing(pair: Pair, staged: list[Table]) -> None:
    changes = publishes(staged)
    pair.catalog.commit(changes[1:2], UNRECORDED)
    with pytest.raises(ConflictError):
        pair.catalog.commit(changes, recording(pair, staged))
    assert mains(pair) == {None, staged[1].refs["audit_r1"]}
    assert ruled(pair) == set()
    assert pair.ledger.run("r1").state is RunState.RUNNING


def test_a_run_that_lost_its_lease_publishes_nothing(pair: Pair, staged: list[Table]) -> None:
    assert pair.ledger.acquire(Lease("r2", "t2", frozenset(KEYS[:1]), LIVING)) == ("r1",)
    with pytest.raises(BusyError, match="lost its lease"):
        pair.catalog.commit(publishes(staged), recording(pair, staged))
    assert mains(pair) == {None}
    assert ruled(pair) == set()
    assert pair.ledger.run("r1").state is RunState.ABANDONED
