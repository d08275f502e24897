"""What a commit asks of the catalog: how mains and refs of tables move, and which tables come, go or are renamed.

The `target` of a change is the ref that it treats as main: main itself, or the branch of an environment. Such a branch
may not be there yet; it then stands on a snapshot that the environment has pinned.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import MoveNote
from lakeflow.core.model.table import MAIN, Table
from lakeflow.core.values import dataclass

FENCED: Final = "fenced_"
REFUSED: Final = "refused_"


def fenced(branch: str) -> str:
    """The name of a branch whose publish was given up, so that a request for it which comes late finds no branch. That
    of an environment stays one of the environment, whose name ends with `__`.
    """
    whose, sep, name = branch.rpartition("__")
    return f"{whose}{sep}{FENCED}{name}"


@dataclass(frozen=True)
class Publish:
    """Make an audited snapshot main and drop its branch, if nothing has moved.

    `base` is main as audited against. `keep` is how many ancestors of main stay reachable; all ancestors that readers
    saw `since` then, or down to the oldest of `needed`, stay as well. `proof` is the JSON text attached to the
    snapshot, `note` what the table records of the move.
    """

    key: AssetKey
    uuid: str
    branch: str
    base: int | None
    snapshot_id: int
    proof: str
    keep: int
    needed: frozenset[int] = frozenset()
    since: datetime | None = None
    note: MoveNote | None = None
    target: str = MAIN


@dataclass(frozen=True)
class Discard:
    """Drop a branch that still points at `snapshot_id`."""

    key: AssetKey
    branch: str
    snapshot_id: int


@dataclass(frozen=True)
class Rollback:
    """Set main (and its schema) from `snapshot_id` back to `to`, which readers once saw; None makes the table unborn
    again.
    """

    key: AssetKey
    snapshot_id: int
    to: int | None
    note: MoveNote | None = None
    target: str = MAIN


@dataclass(frozen=True)
class Pin:
    """Require that an input from outside the run still has its snapshot among main's ancestors."""

    key: AssetKey
    snapshot_id: int
    target: str = MAIN


@dataclass(frozen=True)
class Stay:
    """Require that readers still see this very snapshot of a table that does not change (None: nothing)."""

    key: AssetKey
    snapshot_id: int | None
    target: str = MAIN


@dataclass(frozen=True)
class Tag:
    """Name a snapshot that readers see or saw, for as long as somebody wants it. No ref may have the name yet."""

    key: AssetKey
    name: str
    snapshot_id: int


@dataclass(frozen=True)
class Untag:
    """Remove a tag that still names `snapshot_id`. A snapshot that only the tag kept goes with it."""

    key: AssetKey
    name: str
    snapshot_id: int


@dataclass(frozen=True)
class LetGo:
    """Remove the branches of an environment, each of which still points where `refs` says, and of `snapshots`, which
    its runs wrote, those that nothing else reaches and that readers of main never saw.
    """

    key: AssetKey
    refs: Mapping[str, int]
    snapshots: frozenset[int]

    def frees(self, table: Table) -> frozenset[int]:
        """What of `snapshots` the table has still, and nothing but these branches reaches."""
        heads = {at for name, at in table.refs.items() if name not in self.refs}
        seen = {at for _, at in table.log}
        reachable = {snapshot.id for at in heads | seen for snapshot in table.ancestry(at)}
        return (self.snapshots & table.snapshots.keys()) - reachable


@dataclass(frozen=True)
class Promote:
    """Make main what was published and audited on a branch of an environment, from `base`, which main must still be,
    and drop that branch. Each snapshot in between has its proof already; nothing expires by it.

    The branch `refused`, if it has a name, must not be there: who gives the promote up makes it, and the next promote
    of the same branch removes it.
    """

    key: AssetKey
    uuid: str
    branch: str
    base: int | None
    snapshot_id: int
    note: MoveNote | None = None
    refused: str = ""


@dataclass(frozen=True)
class Retract:
    """Undo a promote of which a server made only a part: main is `base` again, and the branch of the environment is
    there as it was.
    """

    key: AssetKey
    uuid: str
    branch: str
    base: int | None
    snapshot_id: int


Change = Publish | Discard | Rollback | Pin | Stay | Tag | Untag | LetGo | Promote | Retract


@dataclass(frozen=True)
class Adopt:
    """Take the table with its metadata at `version` into the catalog under `key`, which must be free."""

    key: AssetKey
    version: str
    uuid: str


@dataclass(frozen=True)
class Rename:
    """Give a table that is still at `version` another name, which must be free; no file moves."""

    key: AssetKey
    to: AssetKey
    version: str
    uuid: str


@dataclass(frozen=True)
class Drop:
    """Remove a table that is still at `version` from the catalog; its files stay. `uuid` is empty where its metadata
    cannot be read.
    """

    key: AssetKey
    version: str
    uuid: str = ""


Registration = Adopt | Rename | Drop


"""A change of the catalog's own rows that changes nothing in a table."""
