"""The `EnvironmentRecords` port over SQL."""

from __future__ import annotations

from collections.abc import Mapping

from lakeflow.adapters.ledger import handing_over, rows, statements
from lakeflow.adapters.ledger.ledger import Transactions
from lakeflow.core.environments.environment import Environment
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Pinned
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.database import Connection, Row


class SqlEnvironments:
    """What the ledger's tables tell of environments. Pins are read again only when they were changed."""

    def __init__(self, database: Transactions, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[tuple[str, str], Mapping[AssetKey, Pinned]] = {}

    def find(self, name: str) -> Environment | None:
        with self._database.read() as connection:
            row = connection.execute(statements.ENVIRONMENT, {"name": name}).first()
            return None if row is None else self._made(connection, row)

    def all(self) -> tuple[Environment, ...]:
        with self._database.read() as connection:
            found = connection.execute(statements.ENVIRONMENTS).all()
            return tuple(self._made(connection, row) for row in found)

    def make(self, name: str, pins: Mapping[AssetKey, Pinned]) -> None:
        self._known.clear()
        with self._database.transaction() as connection:
            made = connection.execute(statements.MAKE_ENVIRONMENT, {"name": name, "at": rows.time(self._clock())})
            if made.rowcount == 1:
                handing_over.insert(connection, name, pins)

    def use(self, name: str) -> None:
        with self._database.transaction() as connection:
            connection.execute(statements.USE_ENVIRONMENT, {"name": name, "at": rows.time(self._clock())})

    def pin(self, name: str, pins: Mapping[AssetKey, Pinned]) -> None:
        self._known.clear()
        with self._database.transaction() as connection:
            handing_over.pin(connection, name, pins, rows.time(self._clock()))

    def forget(self, name: str) -> None:
        with self._database.transaction() as connection:
            handing_over.forget(connection, name)

    def runs(self, name: str) -> frozenset[str]:
        with self._database.read() as connection:
            return frozenset(rows.run_named(row.id) for row in connection.execute(statements.RUNS_OF, {"name": name}))

    def _made(self, connection: Connection, row: Row) -> Environment:
        seen = (str(row.name), str(row.pinned_at))
        if seen not in self._known:
            found = connection.execute(statements.PINS, {"name": row.name})
            self._known[seen] = {AssetKey.parse(pin.asset): Pinned(pin.uuid, pin.snapshot_id) for pin in found}
        made, pinned, used = map(rows.moment, (row.made_at, row.pinned_at, row.used_at))
        return Environment(seen[0], made, pinned, used, self._known[seen])
