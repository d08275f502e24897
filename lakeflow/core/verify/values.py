"""What a verification asks of a table's files, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.run import RunRecord, VerdictRecord
from lakeflow.core.model.table import Snapshot, Table
from lakeflow.core.values import dataclass
from lakeflow.core.view.consistency import Stock


class RemarkKind(StrEnum):
    """What is remarked. `foreign`: another engine wrote the snapshot and nobody audited it; `unproven`: lakeflow wrote
    it and nothing says that it was published; `invalid_proof`: its proof is damaged, or is another's; `moved`: another
    engine set main; `missing`, `damaged`: a file; `unreadable`: a whole table; `content`: rows that are not as metadata
    says; `ledger`: a record that disagrees with the table.

    No fault: `displaced`: the proof stands beside the table alone; `relocated`: an early
    release moved the lake, and the proof names its files as before; `recorded`: only the ledger has the verdict;
    `unrecorded`: nobody recorded what these files held; `ledger_lost`: the ledger's tables are gone.
    """

    FOREIGN = "foreign"
    UNPROVEN = "unproven"
    INVALID_PROOF = "invalid_proof"
    MOVED = "moved"
    MISSING = "missing"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    CONTENT = "content"
    LEDGER = "ledger"
    DISPLACED = "displaced"
    RELOCATED = "relocated"
    RECORDED = "recorded"
    UNRECORDED = "unrecorded"
    LEDGER_LOST = "ledger_lost"


NOTES = frozenset(
    {RemarkKind.DISPLACED, RemarkKind.RELOCATED, RemarkKind.RECORDED, RemarkKind.UNRECORDED, RemarkKind.LEDGER_LOST}
)
"""What is worth a word and breaks no promise."""


@dataclass(frozen=True)
class Remark:
    """One thing that was found. `snapshots` are those it concerns, `file` a path, `hint` what to type or do."""

    kind: RemarkKind
    asset: AssetKey | None
    message: str
    snapshots: tuple[int, ...] = ()
    file: str = ""
    hint: str = ""

    @property
    def is_fault(self) -> bool:
        return self.kind not in NOTES


class Depth(StrEnum):
    """How deep files are looked at: that they are there and of the right size; or all that is in them."""

    SIZES = "sizes"
    CONTENT = "content"


class Author(StrEnum):
    """Who wrote a metadata file, as far as its seal tells; `unknown` where the file is gone or nobody sealed it."""

    OURS = "ours"
    THEIRS = "theirs"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ProofFile:
    """The proof of a snapshot as it stands on the disk. `displaced`: no entry of the table points to it; `fault` says
    why it cannot be believed, `text` is what it says. `relocated`: an early release moved the lake, and did not record
    under which name the files stand that it is about.
    """

    place: str
    text: str = ""
    displaced: bool = False
    fault: str = ""
    relocated: bool = False


@dataclass(frozen=True)
class Testimony:
    """What the files of one table tell: the proofs of its snapshots, by whom main was turned away and when (`turns`),
    and every file that a kept snapshot needs.
    """

    table: Table
    proofs: Mapping[int, ProofFile]
    authors: Mapping[datetime, Author]
    stock: Stock


@dataclass(frozen=True)
class Books:
    """What the ledger says of one table; `runs` are those whose snapshots the table keeps, by id."""

    verdicts: tuple[VerdictRecord, ...] = ()
    runs: Mapping[str, RunRecord] = EMPTY


@dataclass(frozen=True)
class Forced:
    """A snapshot that was published by force: who, when, and why."""

    asset: AssetKey
    snapshot_id: int
    run: str
    actor: str
    at: datetime
    reason: str


@dataclass(frozen=True)
class VerifiedTable:
    """How far one table was walked: `snapshots` of main's history that are kept, `proven` ones among them, and how many
    of its `files` were looked at. `read` data files were opened and compared, `unrecorded` have no hash to compare.
    """

    asset: AssetKey
    snapshots: int = 0
    proven: int = 0
    expired: int = 0
    files: int = 0
    read: int = 0
    unrecorded: int = 0


@dataclass(frozen=True)
class Verification:
    """The answer. `deep` says that all data was read; `has_ledger`, that the ledger's tables were there."""

    tables: tuple[VerifiedTable, ...]
    remarks: tuple[Remark, ...]
    forced: tuple[Forced, ...]
    deep: bool = False
    has_ledger: bool = True

    @property
    def faults(self) -> tuple[Remark, ...]:
        return tuple(one for one in self.remarks if one.is_fault)

    @property
    def notes(self) -> tuple[Remark, ...]:
        return tuple(one for one in self.remarks if not one.is_fault)

    @property
    def is_sound(self) -> bool:
        """Is everything on main proven, there, and as it was recorded?"""
        return not self.faults


def history_of(table: Table) -> tuple[Snapshot, ...]:
    """Every kept snapshot that readers of main see or saw, newest first, also those that were rolled back."""
    line = list(table.ancestry(table.main))
    known = {snapshot.id for snapshot in line}
    once = {id_ for _, id_ in table.log if id_ in table.snapshots} - known
    apart = sorted((table.snapshots[id_] for id_ in once), key=lambda one: one.committed_at, reverse=True)
    return (*line, *apart)


@dataclass(frozen=True)
class MainTurn:
    """A move of main to a snapshot that does not stand on top of the one before."""

    at: datetime
    was: int
    now: int


def turns(table: Table) -> tuple[MainTurn, ...]:
    """The turns of main since the last snapshot that simply stood on top, newest first: whoever writes on top of a main
    that was turned has seen it. What has expired is taken for a simple step.
    """
    found = []
    for (_, was), (at, now) in reversed(list(zip(table.log, table.log[1:], strict=False))):
        if not {was, now} <= table.snapshots.keys() or any(each.id == was for each in table.ancestry(now)):
            break
        found.append(MainTurn(at, was, now))
    return tuple(found)
