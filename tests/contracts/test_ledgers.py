from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.database.sqlite import SqliteDatabase
from lakeflow.adapters.ledger import MIGRATIONS, SqlLedger
from lakeflow.core.ports.entry import Transaction
from lakeflow.core.ports.ledger import Ledger
from tests.contracts.suites import Around, LedgerContract
from tests.contracts.suites.ledger_contract import LEASE_SECONDS
from tests.homes import HOMES, home
from tests.memory import MemoryLedger, MemoryTransaction


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def ledger(self, around: Around) -> Ledger:
        return MemoryLedger(around.is_alive, around.clock, LEASE_SECONDS)

    @contextmanager
    def transaction(self, ledger: Ledger) -> Iterator[Transaction]:
        transaction = MemoryTransaction()
        yield transaction
        transaction.commit()


class TestSqlLedger(LedgerContract):
    @pytest.fixture(params=HOMES)
    def database(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
        self.opened = Database(home(request, tmp_path).database)
        self.opened.initialise(MIGRATIONS)
        yield self.opened
        self.opened.close()

    @pytest.fixture
    def ledger(self, around: Around, database: Database) -> Ledger:
        return SqlLedger(database, around.is_alive, around.clock, LEASE_SECONDS)

    def transaction(self, ledger: Ledger) -> AbstractContextManager[Transaction]:
        return self.opened.transaction()


class TestSqlLedgerAsALakeHasIt(LedgerContract):
    """Read by SQLite's own driver."""

    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[SqliteDatabase]:
        self.opened = SqliteDatabase(tmp_path / "catalog.db")
        self.opened.initialise(MIGRATIONS)
        yield self.opened
        self.opened.close()

    @pytest.fixture
    def ledger(self, around: Around, database: SqliteDatabase) -> Ledger:
        return SqlLedger(database, around.is_alive, around.clock, LEASE_SECONDS)

    def transaction(self, ledger: Ledger) -> AbstractContextManager[Transaction]:
        return self.opened.transaction()
