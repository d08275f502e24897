"""The ledger as the tables' own proofs tell it, where its own tables are lost. It is there to be looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lakeflow.adapters.ledger.ledger import SqlLedger, Transactions
from lakeflow.core.errors import LakeError
from lakeflow.core.model.run import Holder, Lease
from lakeflow.core.ports.catalog import Clock


class ToldLedger(SqlLedger):
    """Over a database of its own, which was filled from the tables; `missing` are the tables of the real one that are
    missing. It grants no lease, so nothing is written to a lake that has lost its ledger.
    """

    def __init__(
        self,
        database: Transactions,
        is_alive: Callable[[Holder], bool | None],
        clock: Clock,
        missing: Sequence[str],
    ) -> None:
        super().__init__(database, is_alive, clock, lease_seconds=0.0)
        self._missing = tuple(missing)

    def acquire(self, lease: Lease) -> tuple[str, ...]:
        raise LakeError(
            f"the ledger has lost the table {self._missing[0]}",
            hint="restore the database from a copy, or `lakeflow doctor --rebuild-ledger` takes from the tables what "
            "they know",
        )

    def lost(self) -> tuple[str, ...]:
        return self._missing
