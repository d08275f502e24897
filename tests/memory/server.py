"""A catalog in memory that shares no transaction with the ledger, as a server does, and applies one table after the
other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lakeflow.core.errors import ConflictError, LakeError
from lakeflow.core.intents.intent import Intent
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, Pin, Registration, Stay
from lakeflow.core.model.table import Table
from lakeflow.core.ports.entry import Entry, Transaction
from tests.memory.catalog import MemoryCatalog
from tests.memory.changes import apply
from tests.memory.ledger import MemoryTransaction
from tests.recording import Doing


class LostAnswerError(Exception):
    """The server did something, or nothing; its answer never came."""


class MemoryServer(MemoryCatalog):
    """`moment` is called before each table is changed, with how many were, and once all were. It may raise
    `LostAnswerError`, then nobody knows how far the request came.
    """

    moment: Callable[[int], None] = staticmethod(lambda _: None)

    def commit(self, changes: Sequence[Change], entry: Entry) -> Mapping[AssetKey, Table]:
        intent = entry.before({change.key: self._existing(change.key).version for change in changes})
        try:
            self._all_hold(changes)
        except ConflictError:
            entry.withdrawn(intent)
            raise
        self._asked(lambda: self._apply(changes), entry, intent)
        changed = {change.key for change in changes if not isinstance(change, Pin | Stay)}
        return self.load(changed)

    def register(self, changes: Sequence[Registration], entry: Entry) -> None:
        intent = entry.before({})
        self._asked(lambda: self._registered(changes), entry, intent)

    def _asked(self, do: Callable[[], None], entry: Entry, intent: Intent | None) -> None:
        try:
            do()
        except LostAnswerError as lost:
            if not entry.settled(intent):
                raise LakeError("the server took none of it") from lost
        else:
            entry.after(intent)

    def late(self, changes: Sequence[Change]) -> None:
        """The same request once more, from a proxy that kept it. ConflictError where it is refused."""
        self._all_hold(changes)
        self._apply(changes)

    def _apply(self, changes: Sequence[Change]) -> None:
        by_table: dict[AssetKey, list[Change]] = {}
        for change in changes:
            by_table.setdefault(change.key, []).append(change)
        for nth, group in enumerate(by_table.values()):
            self.moment(nth)
            super().commit(group, NOTHING)
        self.moment(len(by_table))

    def _registered(self, changes: Sequence[Registration]) -> None:
        for nth, change in enumerate(changes):
            self.moment(nth)
            super().register([change], NOTHING)
        self.moment(len(changes))

    def _all_hold(self, changes: Sequence[Change]) -> None:
        after: dict[AssetKey, Table] = {}
        for change in changes:
            after[change.key] = apply(after.get(change.key) or self._existing(change.key), change)


def _nothing(opened: Transaction | None) -> None:
    assert isinstance(opened, MemoryTransaction)


NOTHING = Doing(_nothing)
