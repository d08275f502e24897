"""The `Catalog` port over dicts: every commit is a new `Table` value under one lock."""

from __future__ import annotations

import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Self

from lakeflow.core.care.garbage import Dropped
from lakeflow.core.compact.stored import Compaction, Stored, StoredFile
from lakeflow.core.errors import AssetError, ConflictError, LakeError
from lakeflow.core.intents.intent import Intent
from lakeflow.core.intents.landed import Landed, landed
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.changes import Change, Pin, Registration, Stay, fenced
from lakeflow.core.model.layout import Layout, Partition, PartitionField
from lakeflow.core.model.provenance import MAIN_SCHEMA
from lakeflow.core.model.schema import Schema, highest_id
from lakeflow.core.model.table import (
    MAIN,
    NEUTRAL,
    Garbage,
    Looked,
    Scan,
    Snapshot,
    Staging,
    Statistics,
    Table,
    WrittenFile,
)
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.entry import Entry
from lakeflow.core.run.verdict import Remedy, reconcile, written_as
from tests.memory.changes import apply, expect, recorded_schema, registered
from tests.memory.ledger import MemoryTransaction

Files = tuple[WrittenFile, ...]

_FIRST_ID = 2**62
"""Ids as large as Iceberg's, so that whatever cannot hold 63 bits fails here too."""


@dataclass(frozen=True)
class _Write:
    """One snapshot to be made: what it adds, and what the table then holds."""

    parent: int | None
    operation: str
    added: Files
    live: Files
    schema_id: int
    summary: Mapping[str, str] = EMPTY


class MemoryCatalog:
    """Tables as values. Data files are only named; those that are written for real go to a temporary folder.

    `foreign_append`, `foreign_compact` and `foreign_overwrite` commit to main as another engine would.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._tables: dict[AssetKey, Table] = {}
        self._dropped: dict[str, Table] = {}
        self._live: dict[int, Files] = {}
        self._added: dict[int, Files] = {}
        self._layouts: dict[str, tuple[PartitionField, ...]] = {}
        self._sidecars: dict[str, str] = {}
        self._ids = count(_FIRST_ID, 1_000_003)
        self._versions = count(1)
        self._warehouse: Path | None = None

    def seen_by(self, _reader: Callable[[], str]) -> Self:
        return self

    def keys(self) -> frozenset[AssetKey]:
        return frozenset(self._tables)

    def load(self, keys: Iterable[AssetKey]) -> Mapping[AssetKey, Table]:
        with self._lock:
            return {key: self._tables[key] for key in keys if key in self._tables}

    def look(self, keys: Iterable[AssetKey]) -> Looked:
        return Looked(self.load(keys))

    def create(self, key: AssetKey, schema: Schema) -> Table:
        with self._lock:
            if key not in self._tables:
                self._put(_unborn(key, schema))
            return self._tables[key]

    def data_directory(self, table: Table) -> str:
        directory = self._folder() / str(table.key.layer) / table.key.name / "data"
        directory.mkdir(parents=True, exist_ok=True)
        return str(directory)

    def scan(self, table: Table, snapshot_id: int | None) -> Scan:
        history = tuple(table.schemas.values())
        if snapshot_id is None:
            return Scan(table.key, None, table.schema, schemas=history)
        _require_kept(table, snapshot_id)
        files = self._live[snapshot_id]
        return Scan(
            table.key,
            snapshot_id,
            table.schema_of(snapshot_id),
            files=tuple(file.path for file in files),
            rows=sum(file.rows for file in files),
            bytes=sum(file.bytes for file in files),
            schemas=history,
        )

    def scan_added(self, table: Table, snapshot_id: int, appends: Sequence[int]) -> Scan:
        for append in appends:
            _require_kept(table, append)
        added = tuple(file for snapshot in appends for file in self._added[snapshot])
        return replace(
            self.scan(table, snapshot_id),
            files=tuple(file.path for file in added),
            rows=sum(file.rows for file in added),
            bytes=sum(file.bytes for file in added),
        )

    def scan_near(self, table: Table, snapshot_id: int, columns: Sequence[str]) -> Scan:
        """All of it: the files of this catalog are only named."""
        return self.scan(table, snapshot_id)

    def statistics(self, table: Table, snapshot_id: int) -> Statistics | None:
        """Rows and no columns: the files of this catalog are only named."""
        return Statistics(self.scan(table, snapshot_id).rows)

    def partitions(self, table: Table, snapshot_id: int, layout: Layout) -> Mapping[str, Partition]:
        _require_kept(table, snapshot_id)
        files = self._live[snapshot_id]
        return {file.path: file.partition for file in files if self._layouts.get(file.path) == layout.partition_by}

    def stored(self, table: Table, snapshot_id: int, layout: Layout) -> Stored:
        _require_kept(table, snapshot_id)
        files = self._files(snapshot_id)
        return Stored(tuple(StoredFile(file.path, file.rows, file.bytes, file.partition) for file in files))

    def read_sidecar(self, table: Table, name: str) -> str:
        if name not in self._sidecars:
            raise LakeError(f"{table.key}: {name}, which says what main's rows came from, is gone", asset=table.key)
        return self._sidecars[name]

    def write_sidecar(self, table: Table, kind: str, text: str) -> str:
        name = f"{kind}-{uuid.uuid4()}"
        self._sidecars[name] = text
        return name

    def stage(self, table: Table, staging: Staging) -> Table:
        with self._lock:
            now = self._current(table)
            expect(table.key, "main", staging.base, now.main)
            expect(table.key, f"branch {staging.branch}", None, now.refs.get(staging.branch))
            replaces = staging.mode is WriteMode.REPLACE
            kept = () if replaces else _without(self._files(staging.base), staging.removes)
            self._layouts |= {file.path: staging.layout.partition_by for file in staging.files}
            before = str(now.schema_id)
            now, schema_id = _with_schema(now, staging.schema)
            write = _Write(
                parent=staging.base,
                operation="overwrite" if replaces or staging.removes else "append",
                added=staging.files,
                live=(*kept, *staging.files),
                schema_id=schema_id,
                summary={**staging.summary, MAIN_SCHEMA: before},
            )
            return self._write(now, staging.branch, write)

    def restage(self, table: Table, branch: str, base: int | None) -> Table:
        with self._lock:
            now = self._current(table)
            old = now.snapshots[_head(now, branch)]
            expect(table.key, f"the base of branch {branch}", base, old.parent_id)
            mode = written_as(old)
            if now.main != base:
                expect(table.key, "main's schema", recorded_schema(old, now), now.schema_id)
            if not _moved_harmlessly(now, base, mode):
                return now
            kept = self._files(now.main) if mode is WriteMode.APPEND else ()
            write = _Write(
                parent=now.main,
                operation=old.operation,
                added=self._added[old.id],
                live=(*kept, *self._added[old.id]),
                schema_id=now.schema_of(old.id).id,
                summary={
                    **{name: value for name, value in old.summary.items() if name.startswith("lakeflow.")},
                    MAIN_SCHEMA: str(now.schema_id),
                },
            )
            superseded = {id_: snapshot for id_, snapshot in now.snapshots.items() if id_ != old.id}
            return self._write(replace(now, snapshots=superseded), branch, write)

    def compact(self, table: Table, compaction: Compaction) -> Table:
        raise NotImplementedError("files do not count here")

    def commit(self, changes: Sequence[Change], entry: Entry) -> Mapping[AssetKey, Table]:
        with self._lock:
            after: dict[AssetKey, Table] = {}
            for change in changes:
                after[change.key] = apply(after.get(change.key) or self._existing(change.key), change)
            transaction = MemoryTransaction()
            entry.within(transaction)
            transaction.commit()
            changed = {change.key for change in changes if not isinstance(change, Pin | Stay)}
            return {key: self._put(after[key]) for key in changed}

    def inspect(self, key: AssetKey, place: str) -> Table:
        with self._lock:
            if place not in self._dropped:
                raise LakeError(f"{key}: there is no table at {place}", asset=key)
            return replace(self._dropped[place], key=key)

    def register(self, changes: Sequence[Registration], entry: Entry) -> None:
        with self._lock:
            tables, dropped = dict(self._tables), dict(self._dropped)
            for change in changes:
                registered(tables, dropped, change)
            transaction = MemoryTransaction()
            entry.within(transaction)
            transaction.commit()
            self._tables, self._dropped = tables, dropped

    def landed(self, intent: Intent) -> Landed:
        with self._lock:
            return landed(intent, self._tables)

    def fence(self, intent: Intent) -> None:
        with self._lock:
            for change in intent.publishes:
                table = self._tables.get(change.key)
                if table and table.refs.get(change.branch) == change.snapshot_id:
                    refs = {fenced(name) if name == change.branch else name: at for name, at in table.refs.items()}
                    self._put(replace(table, refs=refs))

    def garbage(self, key: AssetKey, before: datetime) -> Garbage:
        """Files are only named here."""
        return Garbage(key)

    def remains(self, dropped: Sequence[Dropped], before: datetime) -> Garbage:
        """As above."""
        return Garbage(None)

    def collect(self, garbage: Garbage) -> None:
        """There is nothing to remove."""

    def foreign_append(self, key: AssetKey, files: Sequence[WrittenFile]) -> Table:
        """Another engine adds rows to main."""
        with self._lock:
            live = (*self._files(self._existing(key).main), *files)
            return self._foreign(key, "append", files, live)

    def foreign_compact(self, key: AssetKey, files: Sequence[WrittenFile]) -> Table:
        """Another engine rewrites main's files; they hold the same rows."""
        return self._foreign(key, NEUTRAL, files, files)

    def foreign_overwrite(self, key: AssetKey, files: Sequence[WrittenFile]) -> Table:
        """Another engine replaces main's rows."""
        return self._foreign(key, "overwrite", files, files)

    def _foreign(
        self, key: AssetKey, operation: str, added: Sequence[WrittenFile], live: Sequence[WrittenFile]
    ) -> Table:
        with self._lock:
            table = self._existing(key)
            return self._write(table, MAIN, _Write(table.main, operation, tuple(added), tuple(live), table.schema_id))

    def _write(self, table: Table, ref: str, write: _Write) -> Table:
        before = self._files(write.parent)
        snapshot = Snapshot(
            id=next(self._ids),
            parent_id=write.parent,
            committed_at=self._clock(),
            operation=write.operation,
            summary={**write.summary, **_totals(before, write)},
            schema_id=write.schema_id,
        )
        self._live[snapshot.id], self._added[snapshot.id] = write.live, write.added
        snapshots = {**table.snapshots, snapshot.id: snapshot}
        return self._put(replace(table, snapshots=snapshots, refs={**table.refs, ref: snapshot.id}))

    def _put(self, table: Table) -> Table:
        stored = replace(table, version=f"memory:{next(self._versions)}")
        before = self._tables.get(table.key)
        if table.main is not None and (before is None or before.main != table.main):
            stored = replace(stored, log=(*table.log, (self._clock(), table.main)))
        self._tables[table.key] = stored
        return stored

    def _current(self, table: Table) -> Table:
        now = self._existing(table.key)
        expect(table.key, "the table's uuid", table.uuid, now.uuid)
        return now

    def _existing(self, key: AssetKey) -> Table:
        if key not in self._tables:
            raise ConflictError(f"{key}: expected a table, found nothing", hint=f"lakeflow plan {key}", asset=key)
        return self._tables[key]

    def _files(self, snapshot_id: int | None) -> Files:
        return () if snapshot_id is None else self._live[snapshot_id]

    def _folder(self) -> Path:
        if self._warehouse is None:
            self._warehouse = Path(tempfile.mkdtemp(prefix="lakeflow-"))
            weakref.finalize(self, shutil.rmtree, self._warehouse, ignore_errors=True)
        return self._warehouse


def _without(files: Files, gone: tuple[str, ...]) -> Files:
    assert set(gone) <= {file.path for file in files}, "only files of the base can go"
    return tuple(file for file in files if file.path not in gone)


def _require_kept(table: Table, snapshot_id: int) -> None:
    """Its files are still known here; the table must not be read as if the snapshot were still part of it."""
    if snapshot_id not in table.snapshots:
        raise AssetError(f"{table.key} has no snapshot {snapshot_id}", hint=f"lakeflow snapshots {table.key}")


def _unborn(key: AssetKey, schema: Schema) -> Table:
    return Table(
        key=key,
        uuid=str(uuid.uuid4()),
        location=f"memory:{key}",
        version="",
        format_version=2,
        schema_id=0,
        schemas={0: replace(schema, id=0)},
        last_column_id=highest_id(schema),
        snapshots={},
        refs={},
    )


def _head(table: Table, branch: str) -> int:
    if branch not in table.refs:
        expect(table.key, f"branch {branch}", "there", None)
    return table.refs[branch]


def _moved_harmlessly(table: Table, base: int | None, mode: WriteMode) -> bool:
    """False when main is still the base; ConflictError when what is written cannot go on top of main."""
    remedy = reconcile(table, base, mode)
    if remedy in {Remedy.CONFLICT, Remedy.REWRITE}:
        raise ConflictError(
            f"{table.key}: main moved from {base} to {table.main} by more than can be written on top of",
            hint=f"lakeflow snapshots {table.key}",
            asset=table.key,
        )
    return remedy is Remedy.RESTAGE


def _with_schema(table: Table, schema: Schema) -> tuple[Table, int]:
    """The table that knows these columns, and the id of the schema that has them; the current one stays current."""
    for known in table.schemas.values():
        if known.same_columns(schema):
            return table, known.id
    new = replace(schema, id=max(table.schemas) + 1)
    last = max(table.last_column_id, highest_id(schema))
    return replace(table, schemas={**table.schemas, new.id: new}, last_column_id=last), new.id


def _totals(before: Files, write: _Write) -> dict[str, str]:
    """The summary fields that Iceberg's spec asks of every writer ("Snapshot Summary")."""
    gone = [file for file in before if file not in write.live]
    return {
        "added-records": str(sum(file.rows for file in write.added)),
        "added-files-size": str(sum(file.bytes for file in write.added)),
        "deleted-records": str(sum(file.rows for file in gone)),
        "total-records": str(sum(file.rows for file in write.live)),
        "total-data-files": str(len(write.live)),
        "total-files-size": str(sum(file.bytes for file in write.live)),
    }
