"""What a REST catalog may answer, and an entry of the ledger that notes what it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from lakeflow.adapters.iceberg.rest.client import LostError, RefusedError, UnsentError
from lakeflow.core.intents.intent import Intent
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change

LOST, UNSENT = LostError("the line is dead"), UnsentError("no route")


def refused(code: int = 409) -> RefusedError:
    return RefusedError(code, "CommitFailedException", "no")


@dataclass
class Record:
    """An entry that notes what it is told; `ends` is what settling finds."""

    intent: Intent | None
    ends: bool = True
    told: list[Any] = field(default_factory=list)
    seen: Mapping[AssetKey, str] = field(default_factory=dict)
    during: Callable[[], object] = lambda: None

    def within(self, transaction: object) -> None:
        raise AssertionError("it shares no transaction")

    def about(self, _changes: Sequence[Change]) -> Self:
        return self

    def before(self, seen: Mapping[AssetKey, str]) -> Intent | None:
        self.seen = seen
        self.during()
        return self.intent

    def after(self, intent: Intent | None) -> None:
        self.told.append(("after", intent))

    def withdrawn(self, intent: Intent | None) -> None:
        self.told.append(("withdrawn", intent))

    def settled(self, intent: Intent | None) -> bool:
        self.told.append(("settled", intent))
        return self.ends
