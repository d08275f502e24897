"""What `suggest` answers: checks that held on every snapshot they were made from, and the file they would stand in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import CheckFile, CheckKind, Suite
from lakeflow.core.model.run import Ruling, VerdictRecord
from lakeflow.core.model.table import Snapshot, Table
from lakeflow.core.suggest.proposal import Proposal, Topic
from lakeflow.core.suggest.text import NotAListError, items, merged, new_file
from lakeflow.core.values import dataclass

_AUDITED = frozenset({Ruling.PUBLISH, Ruling.UNCHANGED})


@dataclass(frozen=True)
class TriedSnapshot:
    """A snapshot on which every proposed check was tried."""

    snapshot_id: int
    committed_at: datetime
    rows: int


@dataclass(frozen=True)
class Suggestion:
    """`proposals` passed on all of `history`, which is newest first; `dropped` did not, and are told by name and
    reason. `stands` is the text of the asset's check file as it was read, None where it has none, and `path` where it
    stands or would, relative to the root.
    """

    asset: AssetKey
    path: str
    history: tuple[TriedSnapshot, ...]
    proposals: tuple[Proposal, ...]
    dropped: tuple[tuple[str, str], ...] = ()
    stands: str | None = None

    @cached_property
    def text(self) -> str | None:
        """The whole file with the proposals in it. None where they cannot be put into what stands; see `refusal`."""
        try:
            return merged(self.stands, self.proposals) if self.stands is not None else self._new
        except NotAListError:
            return None

    @property
    def _new(self) -> str:
        return new_file(self.proposals) if self.proposals else f"# {self.asset}: there is nothing to suggest\n"

    @property
    def refusal(self) -> str:
        """Why a person must put the proposals into the file; empty where that can be done for them."""
        try:
            merged(self.stands or "", self.proposals)
        except NotAListError as error:
            return f"{self.path}: {error}"
        return ""

    @property
    def paste(self) -> str:
        """The proposals as items of a list."""
        return items(self.proposals)


def own_file(key: AssetKey, suite: Suite) -> CheckFile | None:
    """The asset's own check file in Python; files that several assets name are nobody's own."""
    for file in suite.files:
        _, _, place = file.path.partition("/")
        name = place.rpartition("/")[2]
        if file.kind is CheckKind.SUITE and place.startswith(f"{key.layer}/") and name == f"{key.name}.py":
            return file
    return None


def audited(
    snapshots: Iterable[Snapshot], verdicts: Sequence[VerdictRecord], table: Table, last: int
) -> tuple[Snapshot, ...]:
    """The last of these snapshots that were published because they passed their checks, newest first. Where no verdict
    is known, a proof beside the snapshot is one; a forced publish passed nothing.
    """
    rulings: dict[int, set[Ruling]] = {}
    for verdict in verdicts:
        rulings.setdefault(verdict.snapshot_id, set()).add(verdict.ruling)
    passed = [each for each in snapshots if _passed(rulings.get(each.id), proved=each.id in table.proofs)]
    return tuple(passed[:last])


def _passed(rulings: set[Ruling] | None, *, proved: bool) -> bool:
    if rulings is None:
        return proved
    return bool(rulings & _AUDITED) and Ruling.FORCED not in rulings


def kept(proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """The proposals, of several compound keys that hold only the first."""
    compound = [place for place, each in enumerate(proposals) if each.topic is Topic.UNIQUE and len(each.columns) > 1]
    return tuple(each for place, each in enumerate(proposals) if place not in compound[1:])
