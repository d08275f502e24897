"""An intent: what a commit is about to change and to record, written down before a catalog is asked that shares no
transaction with the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from lakeflow.core.care.garbage import Dropped
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.changes import Change, Promote, Publish, Registration
from lakeflow.core.model.run import RunRecord, VerdictRecord
from lakeflow.core.model.table import Pinned
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class RunNote:
    """A run as the commit leaves it, and the verdicts that the commit makes known."""

    run: RunRecord
    verdicts: tuple[VerdictRecord, ...] = ()


@dataclass(frozen=True)
class NameNote:
    """All that is recorded about an asset goes to its other name."""

    old: AssetKey
    new: AssetKey


@dataclass(frozen=True)
class HandedOver:
    """What main is given by a promote: these verdicts of the environment, in this order, with the runs that gave them
    and what these runs did to the same snapshots. `pins` are what the environment reads from then on.
    """

    environment: str
    verdicts: tuple[VerdictRecord, ...]
    pins: Mapping[AssetKey, Pinned]


@dataclass(frozen=True)
class Repinned:
    """A refresh: what the environment reads from now on of these tables, where it has no state of its own."""

    environment: str
    pins: Mapping[AssetKey, Pinned]


@dataclass(frozen=True)
class Forgotten:
    """A drop: nothing is recorded any more of the environment, its runs and verdicts."""

    environment: str


EnvironmentNote = HandedOver | Repinned | Forgotten
Note = RunNote | NameNote | Dropped | EnvironmentNote
"""What the ledger records of a commit."""


@dataclass(frozen=True)
class Intent:
    """The changes of one commit and what the ledger is to record of them.

    `token` is the lease under which it was made; `seen` says where the metadata of each table stood that it changes.
    The verdicts in it are recorded verdicts: what it publishes was ruled on. `environment` is the one whose ledger
    records it; empty: main's.
    """

    id: str
    token: str
    changes: tuple[Change | Registration, ...]
    notes: tuple[Note, ...]
    seen: Mapping[AssetKey, str] = field(default=EMPTY)
    environment: str = ""

    @property
    def publishes(self) -> tuple[Publish | Promote, ...]:
        """What brings readers another snapshot, of main or of an environment."""
        return tuple(change for change in self.changes if isinstance(change, Publish | Promote))

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        return tuple(note.run for note in self.notes if isinstance(note, RunNote))


@dataclass(frozen=True)
class Intents:
    """The intents that nobody has settled yet, and the number of the last one that was ever made.

    Two looks that are equal had no intent begin or end between them.
    """

    last: int = 0
    open: tuple[Intent, ...] = ()
