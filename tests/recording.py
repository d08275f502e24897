"""Entries of a test's own: what is done where a run would record its commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from lakeflow.core.intents.intent import Intent
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change
from lakeflow.core.ports.entry import Transaction


@dataclass(frozen=True)
class Doing:
    """Does `what` in the transaction of the catalog, or before its server is asked."""

    what: Callable[[Transaction | None], object]

    def about(self, _changes: Sequence[Change]) -> Self:
        return self

    def within(self, transaction: Transaction) -> None:
        self.what(transaction)

    def before(self, _seen: Mapping[AssetKey, str]) -> Intent | None:
        self.what(None)
        return None

    def after(self, intent: Intent | None) -> None:
        """Nothing is left to do."""

    def withdrawn(self, intent: Intent | None) -> None:
        """Nothing was done that could be taken back."""

    def settled(self, _intent: Intent | None) -> bool:
        return False
