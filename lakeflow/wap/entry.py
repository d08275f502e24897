"""What a commit of a run records: in the catalog's transaction, or before and after what a server is asked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

from lakeflow.core.care.garbage import Dropped
from lakeflow.core.intents.intent import Forgotten, HandedOver, Intent, NameNote, Note, Repinned, RunNote
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, Registration
from lakeflow.core.model.run import Lease
from lakeflow.core.ports.entry import Transaction
from lakeflow.core.values import dataclass
from lakeflow.wap.ports import World
from lakeflow.wap.settle import settled


@dataclass(frozen=True)
class RunEntry:
    """Implements `Entry`: the notes of the changes that are committed under this lease."""

    world: World
    lease: Lease
    changes: Sequence[Change | Registration]
    notes: tuple[Note, ...]

    def about(self, changes: Sequence[Change]) -> Self:
        return replace(self, changes=changes)

    def within(self, transaction: Transaction) -> None:
        ledger = self.world.ledger
        for note in self.notes:
            match note:
                case RunNote(run, verdicts):
                    ledger.record(transaction, self.lease, run, verdicts)
                case NameNote(old, new):
                    ledger.rename(transaction, old, new)
                case Dropped():
                    ledger.drop(transaction, note)
                case HandedOver() | Repinned() | Forgotten():
                    ledger.note_environment(transaction, self.lease, note)

    def before(self, seen: Mapping[AssetKey, str]) -> Intent:
        where = self.world.environment
        intent = Intent(secrets.token_hex(8), self.lease.token, tuple(self.changes), self.notes, seen, where)
        self.world.ledger.intend(intent, self.lease)
        return intent

    def after(self, intent: Intent | None) -> None:
        if intent is not None:
            self.world.ledger.fulfil(intent)

    def withdrawn(self, intent: Intent | None) -> None:
        if intent is not None:
            self.world.ledger.withdraw(intent)

    def settled(self, intent: Intent | None) -> bool:
        return intent is not None and settled(self.world, intent)
