"""The lake of stories whose files are moved: a table gets a file with each run, and an engine writes some as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lakeflow import wap
from lakeflow.core.compact.results import Compacted
from lakeflow.core.compact.stored import Compaction, MovedRows, Rewrite, Stored, StoredManifest
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, Publish
from lakeflow.core.model.layout import Layout
from lakeflow.core.model.run import Action, Lease, RunState, VerdictRecord
from lakeflow.core.model.table import NEUTRAL, Scan, Table
from lakeflow.core.ports.entry import Entry
from lakeflow.core.run.resources import Resources
from tests.core.samples import key
from tests.memory.catalog import MemoryCatalog, _Write
from tests.memory.changes import expect
from tests.wap.doubles import Numbers, ScriptedEngine, Ticking
from tests.wap.lab import Lab

A, B = "bronze.a", "silver.b"
SMALL = 8
"""The bytes of one row."""


@dataclass
class Mover(ScriptedEngine):
    """Writes each group of files anew as one file. `moves` notes what it was asked, `dropped` what was of no use."""

    moves: list[tuple[Scan, Rewrite, Resources | None]] = field(default_factory=list)
    dropped: list[MovedRows] = field(default_factory=list)
    lost: bool = False

    def rewrite(self, scan: Scan, rewrite: Rewrite, resources: Resources | None = None) -> MovedRows:
        self.moves.append((scan, rewrite, resources))
        held = [[number for path in group.paths for number in self.shelf.read(path)] for group in rewrite.groups]
        files = tuple(file for rows in held for file in self.shelf.store(rows, rewrite.directory))
        return MovedRows(files, sum(map(len, held)), rewrite.directory)

    def are_there(self, rewritten: MovedRows) -> bool:
        return not self.lost

    def drop(self, rewritten: MovedRows) -> None:
        self.dropped.append(rewritten)


class Compacting(MemoryCatalog):
    """`deletes` and `manifests` are those of snapshots that have any; `other_layout` has another layout than declared,
    `broken` cannot be read. `asked` notes each compaction, which `forgets` so many files, and `leaves` delete files.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.deletes: dict[int, tuple[str, ...]] = {}
        self.manifests: dict[int, tuple[StoredManifest, ...]] = {}
        self.other_layout: set[AssetKey] = set()
        self.broken: dict[AssetKey, LakeError] = {}
        self.unread: dict[AssetKey, LakeError] = {}
        self.asked: list[Compaction] = []
        self.layouts: list[Layout] = []
        self.forgets = 0
        self.leaves: tuple[str, ...] = ()
        self.published: list[Publish] = []

    def commit(self, changes: Sequence[Change], entry: Entry) -> Mapping[AssetKey, Table]:
        self.published += [change for change in changes if isinstance(change, Publish)]
        return super().commit(changes, entry)

    def look(self, keys: Any) -> Any:
        found = super().look(keys)
        there = {key: table for key, table in found.tables.items() if key not in self.broken}
        return replace(found, tables=there, broken=self.broken)

    def stored(self, table: Table, snapshot_id: int, layout: Layout) -> Stored:
        if table.key in self.unread:
            raise self.unread[table.key]
        self.layouts.append(layout)
        return replace(
            super().stored(table, snapshot_id, layout),
            manifests=self.manifests.get(snapshot_id, ()),
            deletes=self.deletes.get(snapshot_id, ()),
            in_layout=table.key not in self.other_layout,
        )

    def compact(self, table: Table, compaction: Compaction) -> Table:
        self.asked.append(compaction)
        now = self._current(table)
        expect(table.key, "main", compaction.base, now.main)
        expect(table.key, f"branch {compaction.branch}", None, now.refs.get(compaction.branch))
        files, gone = self._files(compaction.base), compaction.removes
        kept = () if gone is None else tuple(file for file in files if file.path not in gone)
        live = (*kept, *compaction.files)[self.forgets :]
        write = _Write(compaction.base, NEUTRAL, compaction.files, live, now.schema_id, compaction.summary)
        made = self._write(now, compaction.branch, write)
        if gone is not None:
            self.deletes[made.refs[compaction.branch]] = self.deletes.get(compaction.base, ())
        if self.leaves:
            self.deletes[made.refs[compaction.branch]] = self.leaves
        return made


class Story(Lab):
    """`a` gets a file with each run; `b` is made from all of it."""

    def __init__(self) -> None:
        clock = Ticking()
        super().__init__(Compacting(clock), clock=clock)
        self.claimed: list[str] = []
        self.engine: Mover = Mover(self.shelf, {})
        self.next: Numbers = ()
        self.define(A, lambda _: self.next)
        self.define(B, lambda rows: [2 * number for number in rows[A]], A)

    @property
    def world(self) -> wap.World:
        return replace(super().world, claim=lambda: self.claimed.append("lake"))

    def lands(self, *numbers: int) -> None:
        self.next = numbers
        self.materialize(A)

    def compact(self, names: str = A, **asked: Any) -> Compacted:
        (done,) = self.all(names, **asked)
        return done

    def all(self, *names: str, **asked: Any) -> list[Compacted]:
        return list(wap.compact(self.world, [key(name) for name in names], wap.CompactRequest(**asked)))

    def ruled(self) -> VerdictRecord:
        """The last verdict on `a`."""
        found: VerdictRecord = self.ledger.verdicts([key(A)])[key(A)][-1]
        return found

    def leased(self, name: str = A) -> Lease:
        """A run is at work on that asset."""
        lease = Lease("rx", f"token of {name}", frozenset({key(name)}), self.holder)
        self.ledger.acquire(lease)
        return lease

    def files(self, name: str = A) -> list[Numbers]:
        """What the files of main hold."""
        scan = self.catalog.scan(self.table(name), self.main(name))
        return [self.shelf.read(path) for path in scan.files]

    def steps(self) -> list[Action]:
        return [step.action for run in self.ledger.runs(100) for step in run.steps]

    def is_tidy(self) -> bool:
        """No branch is left, no lease, and no run that is said to be at work."""
        running = [run for run in self.ledger.runs(100) if run.state is RunState.RUNNING]
        return not self.branches(A) and not self.ledger.standing().held and not running
