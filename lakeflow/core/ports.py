"""The ports: what a run needs from the outside world. Each has a contract suite in `tests/contracts/suites`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from lakeflow.core.alerts.messages import Seen
from lakeflow.core.alerts.outbox import Alert
from lakeflow.core.alerts.troubles import AlertRule, Condition
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.compact.stored import Compaction, MovedRows, Rewrite, Stored
from lakeflow.core.compare.comparison import Asked, Compared
from lakeflow.core.corrupt.corruption import Corruptible, Corruption, Dose
from lakeflow.core.export.exported import ExportedTable, ExportOrder
from lakeflow.core.keys import EMPTY, AssetKey, ExternalKey, TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.check import Suite
from lakeflow.core.model.layout import Layout, Partition
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.run import CheckResult, Lease, RunRecord, RunState, StepRecord, VerdictRecord
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import (
    Change,
    External,
    Garbage,
    Looked,
    Registration,
    Rows,
    Scan,
    Staging,
    Statistics,
    Table,
)
from lakeflow.core.plan.landing import Delivery, LandedSet
from lakeflow.core.run.audit_request import AuditRequest
from lakeflow.core.run.code_terms import FREELY, Terms
from lakeflow.core.run.leases import CurrentLeases
from lakeflow.core.run.resources import Resources
from lakeflow.core.run.write import Write, WriteResult
from lakeflow.core.sql.filters import WindowFilter
from lakeflow.core.suggest.profile import Key, Profile, Span, Wants
from lakeflow.core.time.timeline import Window


class Clock(Protocol):
    def __call__(self) -> datetime:
        """The time now, in UTC."""
        ...


class Transaction(Protocol):
    """An open transaction of the catalog's database. A run only passes it on: the catalog opens it, and the ledger of
    the same database writes into it (DECISIONS 19).
    """


Record = Callable[[Transaction], None]


class Catalog(Protocol):
    """The tables with their snapshots and refs. Every method may raise BusyError and LakeError."""

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

    def commit(self, changes: Sequence[Change], record: Record) -> Mapping[AssetKey, Table]:
        """All changes, and what `record` writes, in one transaction: all or nothing.

        ConflictError (with table, expected and found) when an assertion of a change does not hold. `record` may raise
        too; then nothing happened. After an unknown outcome the catalog is read again: if the changes were applied, the
        call returns, otherwise it raises. Returns the changed tables as they are now.
        """
        ...

    def inspect(self, key: AssetKey, place: str) -> Table:
        """The table with its metadata at that place (a file, or the folder of a table), as it would be under that key.

        This does not add it to the catalog. LakeError for a table that is missing, damaged, or could not be written to.
        """
        ...

    def register(self, changes: Sequence[Registration], record: Record) -> None:
        """Apply all registrations and what `record` writes in one transaction. ConflictError as in `commit`."""
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


class Ledger(Protocol):
    """The record of runs, verdicts and leases."""

    def acquire(self, lease: Lease) -> tuple[str, ...]:
        """Take all assets of the lease or none. BusyError names the holder, the start, and the run.

        Leases of dead holders are taken over; their runs become `abandoned` and their ids are returned.
        """
        ...

    def renew(self, lease: Lease) -> None:
        """Renew the lease. BusyError when another process has taken it over."""
        ...

    def release(self, lease: Lease) -> None: ...

    def save(
        self,
        run: RunRecord,
        verdicts: Sequence[VerdictRecord] = (),
        lease: Lease | None = None,
        others: Sequence[RunRecord] = (),
    ) -> None:
        """Save the run, and other runs that change with it, in one transaction. BusyError when `lease` is no longer
        held.
        """
        ...

    def note(self, lease: Lease, run: str, step: StepRecord) -> None:
        """Save one step of a saved run by itself: a run of a thousand steps notes a thousand of them.

        BusyError when `lease` is no longer held.
        """
        ...

    def record(self, transaction: Transaction, lease: Lease, run: RunRecord, verdicts: Sequence[VerdictRecord]) -> None:
        """Record the run and its verdicts inside the catalog's transaction. BusyError when `lease` is no longer
        held.
        """
        ...

    def run(self, prefix: str) -> RunRecord:
        """The run whose id starts with the prefix. UsageError when no id or several do."""
        ...

    def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        """All runs, newest first."""
        ...

    def states(self) -> Mapping[str, RunState]:
        """The state of every run, by its id."""
        ...

    def unpublished(self, keys: Iterable[AssetKey]) -> tuple[RunRecord, ...]:
        """The runs that ended with something unpublished of one of these assets that a branch may hold or a person
        decides about, newest first. A step that was skipped, or errored before it wrote, is no such thing.
        """
        ...

    def rename(self, transaction: Transaction, old: AssetKey, new: AssetKey) -> None:
        """Move everything recorded about an asset to its other name, within the catalog's transaction."""
        ...

    def drop(self, transaction: Transaction, dropped: Dropped) -> None:
        """Record that the table was dropped, within the catalog's transaction."""
        ...

    def dropped(self) -> tuple[Dropped, ...]:
        """Every table that was ever dropped, oldest first."""
        ...

    def standing(self) -> CurrentLeases:
        """All leases, each with what is known about its holder now."""
        ...

    def verdicts(self, keys: Iterable[AssetKey]) -> Mapping[AssetKey, tuple[VerdictRecord, ...]]:
        """Every verdict on these assets, oldest first."""
        ...

    def until(self, run: str) -> tuple[VerdictRecord, ...]:
        """Every verdict of all runs up to the last publish of that run, in the order in which they were recorded;
        empty when it published nothing.
        """
        ...

    def latest(self, snapshots: Mapping[AssetKey, Iterable[int]]) -> Mapping[AssetKey, tuple[VerdictRecord, ...]]:
        """The latest verdict of each ruling on each of these snapshots, oldest first. Years of runs do not slow it
        down.
        """
        ...

    def pinned(self) -> frozenset[int]:
        """The snapshots that the steps of running runs read."""
        ...

    def remember_code(self, version: str, algorithm: str, source: str) -> None:
        """Keep the text behind a code version, so that a new algorithm can read old versions (DECISIONS 12)."""
        ...

    def code(self, version: str) -> str | None: ...

    def lost(self) -> tuple[str, ...]:
        """The names of its tables that are gone; what they held can only be asked of the lake's own tables."""
        ...


class Outbox(Protocol):
    """Alerts that wait to be sent, and those that were. What a run tells stands here once the run is saved."""

    @property
    def rules(self) -> Sequence[AlertRule]:
        """Whom to tell what; without any, nothing is recorded."""
        ...

    def judge(
        self,
        conditions: Mapping[AssetKey, Condition],
        seen: Mapping[AssetKey, Seen],
        reasons: Mapping[AssetKey, Sequence[str]],
        at: datetime,
    ) -> None:
        """Record what has changed by the clock and by the last verdicts: how each asset stands at that time, what its
        readers see, and why it is late or degraded.
        """
        ...

    def alerts(self, limit: int) -> tuple[Alert, ...]:
        """The last alerts, newest first."""
        ...

    def open(self) -> tuple[Alert, ...]:
        """What was not sent yet, oldest first."""
        ...

    def claim(self, alerts: Iterable[Alert], now: datetime) -> tuple[Alert, ...]:
        """Take those of the alerts that no other machine is sending; one process of a machine sends at a time."""
        ...

    def settle(self, alerts: Iterable[Alert]) -> None:
        """Record how sending these alerts ended, and let go of them."""
        ...

    def lake_id(self) -> str:
        """The id of the lake, empty before its first write."""
        ...


class Produced(Protocol):
    """What an asset's code gave, not yet written: its columns (ids unassigned), and how to store them."""

    @property
    def schema(self) -> Schema: ...

    @property
    def landed(self) -> LandedSet:
        """The outside files that were read for it, each with the rows that were counted in it."""
        ...

    def write(self, write: Write) -> WriteResult:
        """Cast every column to exactly `write.schema` and write synced Parquet files with its field ids.

        Columns of the schema that were not produced are NULL. No rows give no file. A mode that merges writes the new
        rows, and writes again the unchanged rows of those base files in which other rows go. AssetError when a value
        does not fit, without the value in the message when `pii` columns are involved, and when the key of a merge is
        no key: one of its columns is missing or floating, or a value is NULL or occurs twice.
        """
        ...

    def first(self, schema: Schema, limit: int) -> Rows:
        """The first rows as text, cast to exactly `schema`, in no order; no file is written. Fails as `write` does."""
        ...


class Engine(Protocol):
    """The engine that computes: runs code, reads and compares rows, writes files."""

    def start(self, assets: Iterable[Asset], input_bytes: int = 0) -> None:
        """Begin to load what the code of these assets needs, without waiting. Whatever is loaded already stays.

        `reads` is the largest number of bytes that one of them is known to read.
        """
        ...

    def produce(
        self, asset: Asset, inputs: Mapping[TableKey, Scan], terms: Terms = FREELY
    ) -> AbstractContextManager[Produced]:
        """Run the asset's code on pinned inputs. Lazy: `write` may be what computes.

        CodeError when the code raises, crashes or takes too long; AssetError for everything else that is wrong with it.
        """
        ...

    def land(
        self, asset: Asset, delivery: Delivery, loaded_at: datetime, terms: Terms = FREELY
    ) -> AbstractContextManager[Produced]:
        """Read all rows of the delivery's files, then run the asset's code on them. Fails as `produce` does.

        AssetError, naming the file and if possible the line, for a file that is not as `asset.files` declares it.
        """
        ...

    def equal(self, left: Scan, right: Scan, resources: Resources | None = None) -> bool:
        """Do both hold the same rows? Floats may differ within the tolerance of DECISIONS 26."""
        ...

    def difference(self, before: Scan, after: Scan, asked: Asked) -> Compared:
        """What rows and values differ. Data files that hold the same rows for both are not opened, unless a condition
        has to count in them. AssetError for a condition that cannot be computed, without a value in its message.
        """
        ...

    def rewrite(self, scan: Scan, rewrite: Rewrite, resources: Resources | None = None) -> MovedRows:
        """Write the rows of some files of the scan into new files, without those that its delete files hide, and prove
        that these hold the very same rows: by their number and by a hash of every value, exact to the bit.

        AssetError where they do not, or cannot be read or written exactly; then no new file stays.
        """
        ...

    def are_there(self, rewritten: MovedRows) -> bool:
        """Is every new file still on disk, as large as it was written?"""
        ...

    def drop(self, rewritten: MovedRows) -> None:
        """Remove new files that no snapshot will hold."""
        ...

    def relation(self, scan: Scan) -> Any:
        """A lazy DuckDB relation over the snapshot."""
        ...

    def query(self, text: str, scans: Mapping[str, Scan], hidden: Mapping[str, Set[str]] = EMPTY) -> Any:
        """A lazy DuckDB relation: one SELECT that reads the scans by their names, `layer.name`, and nothing else.

        In place of the values of the columns in `hidden` (lower case) it sees `•••`. AssetError with DuckDB's first
        line when it refuses the text.
        """
        ...

    def connect(self, scans: Mapping[str, Scan]) -> Any:
        """A DuckDB connection with a view of each scan under its name, `layer.name`."""
        ...

    def export(self, order: ExportOrder, resources: Resources) -> tuple[ExportedTable, ...]:
        """Copy tables out of the lake to one place, all at once: it holds what it held before, or all of the new.

        UsageError where something stands there that no export has written; AssetError when a table cannot be read.
        """
        ...

    def rows(self, scan: Scan, limit: int) -> Rows:
        """The first rows as text, in no order."""
        ...

    def newest(self, scan: Scan, column: str, until: datetime) -> datetime | None:
        """The greatest value of a column of dates or times that is not later than `until`, in UTC; None: it has none.

        A time without a zone counts as UTC, a date as its first moment. AssetError for a column of another type.
        """
        ...

    def touched(
        self, came: Scan, went: Scan | None, filters: Sequence[WindowFilter], windows: Sequence[Window]
    ) -> frozenset[int]:
        """The places of the windows for which one of the filters takes a row that came or went.

        With `went`, rows that both hold, equally often, neither came nor went. AssetError when a filter cannot be
        computed, without a value in its message.
        """
        ...

    def profile(self, scan: Scan, wants: Wants, keys: Sequence[Key] = (), span: Span | None = None) -> Profile:
        """What is wanted of these columns, and about how many rows differ in each of the keys, by one look; with
        a `span` also how many rows its partitions have.
        """
        ...

    def corruptible(self, scan: Scan, corruptions: Sequence[Corruption], dose: Dose) -> tuple[Corruptible, ...]:
        """How many rows each of them would change, and which, by one look; in the same order."""
        ...

    def corrupted(self, scan: Scan, which: Corruptible, dose: Dose) -> AbstractContextManager[Scan]:
        """A corrupted copy in scratch files, which are removed at the end, by the next process where this one is
        killed. No table knows of them.
        """
        ...

    def is_key(self, scan: Scan, columns: Sequence[str]) -> bool:
        """Do no two rows agree in these columns, and has none of them a NULL?"""
        ...

    def interrupt(self) -> None:
        """End the work of other threads, which may then raise anything. Work that begins later is not affected."""
        ...

    def close(self) -> None: ...


class Auditor(Protocol):
    """Runs checks read-only in a process of its own, never stopping at the first failure."""

    def start(self, suites: Iterable[Suite]) -> None:
        """Begin to load what these suites need, without waiting. Whatever is loaded already stays."""
        ...

    def audit(self, request: AuditRequest) -> tuple[CheckResult, ...]:
        """One result per expectation in file order, then row checks, then built-in ones (schema,
        personal data, key, history, foreign keys, rows).

        Never raises for a bad check, a crash or a time-out: those are `errored` results.
        """
        ...

    def interrupt(self) -> None:
        """End the audits that run in other threads. They give errored results, which nobody may use."""
        ...

    def refusals(self, request: AuditRequest) -> tuple[Refusal, ...]:
        """The checks whose failing rows go to quarantine, for rows with the scan's schema; no data is read.

        A check that asks for it and cannot have it is left out, and the audit says so. AssetError when the worker dies.
        """
        ...

    def close(self) -> None: ...
