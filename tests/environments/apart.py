"""The lake of the stories with tables that share no transaction with the ledger, as on a server that applies one table
after the other, and forgets nothing that it was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lakeflow.adapters.iceberg.catalog import IcebergCatalog, _planned
from lakeflow.core.errors import ConflictError, LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change
from lakeflow.core.model.table import Table
from lakeflow.core.ports.entry import UNRECORDED, Entry
from tests.environments.stories import RealStory
from tests.memory import LostAnswerError
from tests.wap.doubles import Crash


class ApartCatalog(IcebergCatalog):
    """`moment` is called before each table is changed, with how many were, and once all were. It may raise
    `LostAnswerError`: then nobody knows how far the request came. `asked` is what was asked for last.
    """

    moment: Callable[[int], None] = staticmethod(lambda _: None)
    asked: Sequence[Change] = ()

    def commit(self, changes: Sequence[Change], entry: Entry) -> Mapping[AssetKey, Table]:
        if entry is UNRECORDED:
            return super().commit(changes, entry)
        self.asked = changes
        intent = entry.before({key: table.version for key, table in self.load(_keys(changes)).items()})
        try:
            self._all_hold(changes)
        except ConflictError:
            entry.withdrawn(intent)
            raise
        try:
            self._apply(changes)
        except LostAnswerError as lost:
            if not entry.settled(intent):
                raise LakeError("the server took none of it") from lost
        else:
            entry.after(intent)
        return self.load(_keys(changes))

    def late(self, changes: Sequence[Change]) -> None:
        """The same request once more, from a proxy that kept it. ConflictError where it is refused."""
        self._all_hold(changes)
        self._apply(changes)

    def _apply(self, changes: Sequence[Change]) -> None:
        keys = _keys(changes)
        for nth, key in enumerate(keys):
            self.moment(nth)
            super().commit([change for change in changes if change.key == key], UNRECORDED)
        self.moment(len(keys))

    def _all_hold(self, changes: Sequence[Change]) -> None:
        found = self._commits.read(_keys(changes))
        for key in _keys(changes):
            _planned(found[key], [change for change in changes if change.key == key])


class ApartStory(RealStory):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.catalog: Any = ApartCatalog(self.database, self.place.warehouse, self.clock)

    def at_moment(self, at: int, act: Callable[[], None]) -> None:
        """Once, when the server has changed so many tables of a commit."""

        def moment(now: int) -> None:
            if now == at:
                self.catalog.moment = lambda _: None
                act()

        self.catalog.moment = moment

    def die(self) -> None:
        self.dead = True
        raise Crash("while the server was at work")

    def lose_the_answer(self) -> None:
        raise LostAnswerError

    def is_settled(self) -> bool:
        return bool(self.ledger.intents().open == ())


def _keys(changes: Sequence[Change]) -> tuple[AssetKey, ...]:
    return tuple(dict.fromkeys(change.key for change in changes))
