"""The ports to tables: their catalog, its transactions, and the tables of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Self

    from lakeflow.core.care.garbage import Dropped
    from lakeflow.core.compact.stored import Compaction, Stored
    from lakeflow.core.intents.intent import Intent
    from lakeflow.core.intents.landed import Landed
    from lakeflow.core.keys import AssetKey, ExternalKey
    from lakeflow.core.model.changes import Change, Registration
    from lakeflow.core.model.layout import Layout, Partition
    from lakeflow.core.model.schema import Schema
    from lakeflow.core.model.table import External, Garbage, Looked, Scan, Staging, Statistics, Table
    from lakeflow.core.ports.entry import Entry


class Clock(Protocol):
    def __call__(self) -> datetime:
        """The time now, in UTC."""
        ...


class Catalog(Protocol):
    """The tables with their snapshots and refs. Every method may raise BusyError and LakeError."""

    def seen_by(self, reader: Callable[[], str]) -> Self:
        """The same catalog for readers of that environment; empty: for those of main, as whom everybody reads at first.
        A commit whose end is not recorded yet is hidden from the readers of the refs that it moves, and from no others.
        """
        ...

    def keys(self) -> frozenset[AssetKey]:
        """All tables that the catalog holds in the three layers."""
        ...

    def load(self, keys: Iterable[AssetKey]) -> Mapping[AssetKey, Table]:
        """Load these tables as ONE read of all pointers found them; a table that does not exist is left out.

        LakeError when one of them cannot be read.
        """
        ...

    def look(self, keys: Iterable[AssetKey]) -> Looked:
        """Like `load`, but a table that cannot be read does not stop the others."""
        ...

    def create(self, key: AssetKey, schema: Schema) -> Table:
        """Create the table (format v2, nothing published) unless it exists already. Ids in `schema` are assigned."""
        ...

    def data_directory(self, table: Table) -> str:
        """A local directory for new data files of this table. The call creates it."""
        ...

    def scan(self, table: Table, snapshot_id: int | None) -> Scan:
        """Everything that reading this snapshot needs. AssetError where it cannot be read exactly (equality
        deletes).
        """
        ...

    def scan_added(self, table: Table, snapshot_id: int, appends: Sequence[int]) -> Scan:
        """Only the rows that these snapshots added, in the columns of the snapshot `snapshot_id`.

        A compaction since then makes no difference. AssetError where the rows cannot be read exactly.
        """
        ...

    def scan_near(self, table: Table, snapshot_id: int, columns: Sequence[str]) -> Scan:
        """The files that may hold a row which agrees in all these columns with a row that this snapshot added, and the
        files that the snapshot added.

        Without columns, or where nothing is known about them: all files of the snapshot.
        """
        ...

    def statistics(self, table: Table, snapshot_id: int) -> Statistics | None:
        """What is certain about the snapshot without reading data. None where rows are deleted or another
        engine wrote.
        """
        ...

    def partitions(self, table: Table, snapshot_id: int, layout: Layout) -> Mapping[str, Partition]:
        """The snapshot's files that were written in that layout, named as `scan` names them, each with its
        partition.
        """
        ...

    def stored(self, table: Table, snapshot_id: int, layout: Layout) -> Stored:
        """How the snapshot's rows lie in data files, delete files and manifests, seen from that layout."""
        ...

    def read_sidecar(self, table: Table, name: str) -> str:
        """Read a sidecar document of the table by its name. LakeError when it is missing or damaged."""
        ...

    def write_sidecar(self, table: Table, kind: str, text: str) -> str:
        """Write a sidecar document durably. Returns its unique name, `<kind>-…`.

        The document lives as long as a snapshot whose summary names it.
        """
        ...

    def stage(self, table: Table, staging: Staging) -> Table:
        """Fork the branch from the planned base and write to it in ONE commit. Main's schema does not change.

        ConflictError when main is no longer `staging.base`, or when the branch exists. Returns the table after the
        commit; the new snapshot is `refs[staging.branch]`.
        """
        ...

    def restage(self, table: Table, branch: str, base: int | None) -> Table:
        """Put the branch's snapshot, written on `base`, on top of today's main without copying data.

        For an append, the added files are appended again. For a replace onto commits that changed no row, all files of
        the new head are replaced. What merged with its base must be written again: ConflictError. The branch then
        points at a NEW snapshot, which must be audited.
        """
        ...

    def compact(self, table: Table, compaction: Compaction) -> Table:
        """Stage a snapshot that moves files and changes no row, and merges manifests. Columns and layout are main's.

        ConflictError when main is no longer `compaction.base`, or when the branch exists. Returns the table as `stage`
        does. Whether the new files hold the rows of the old ones is for the caller to know.
        """
        ...

    def commit(self, changes: Sequence[Change], entry: Entry) -> Mapping[AssetKey, Table]:
        """All changes, and what `entry` records, as one: all or nothing.

        ConflictError (with table, expected and found) when an assertion of a change does not hold. `entry` may raise
        too; then nothing happened. After an unknown outcome the catalog is read again: if the changes were applied, the
        call returns, otherwise it raises. Returns the changed tables as they are now.
        """
        ...

    def inspect(self, key: AssetKey, place: str) -> Table:
        """The table with its metadata at that place (a file, or the folder of a table), as it would be under that key.

        This does not add it to the catalog. LakeError for a table that is missing, damaged, or could not be written to.
        """
        ...

    def register(self, changes: Sequence[Registration], entry: Entry) -> None:
        """Apply all registrations and what `entry` records as one. ConflictError as in `commit`."""
        ...

    def landed(self, intent: Intent) -> Landed:
        """What of an intent the tables hold now, whoever brought it there."""
        ...

    def fence(self, intent: Intent) -> None:
        """Make sure that a request of this intent which is still under way changes no table where it has not landed:
        the audit branches that it asserts get other names. ConflictError where it landed meanwhile.
        """
        ...

    def garbage(self, key: AssetKey, before: datetime) -> Garbage:
        """The files of that table that no snapshot needs and that are older than `before`."""
        ...

    def remains(self, dropped: Sequence[Dropped], before: datetime) -> Garbage:
        """The files of these dropped tables, if no catalog holds the table again and all of its files are older than
        that.
        """
        ...

    def collect(self, garbage: Garbage) -> None:
        """Remove the garbage. ConflictError, with nothing removed, when the table has changed since it was looked
        at.
        """
        ...


class Externals(Protocol):
    """The tables of other catalogs, which are only ever read."""

    def find(self, keys: Iterable[ExternalKey]) -> Mapping[ExternalKey, External]:
        """Each of these tables as its catalog has it now. Never raises: for a table that cannot be found or read it
        says why.
        """
        ...

    def scan(self, table: Table[ExternalKey], snapshot_id: int) -> Scan:
        """Everything that reading this snapshot needs. AssetError as from `Catalog.scan`."""
        ...
