"""The catalog port on Iceberg tables: pointers in SQL, everything else in files that any engine reads."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlparse
from uuid import uuid4

from lakeflow.adapters.iceberg.care.estate import Surveyor
from lakeflow.adapters.iceberg.care.garbage import garbage_of, remains, remove, together
from lakeflow.adapters.iceberg.care.ground import ground_of
from lakeflow.adapters.iceberg.commit import pointers, registrations
from lakeflow.adapters.iceberg.commit.commits import Commits, TableCommit, present
from lakeflow.adapters.iceberg.commit.numbers import MainMove
from lakeflow.adapters.iceberg.commit.pointers import MIGRATIONS, CatalogDatabase
from lakeflow.adapters.iceberg.disk import proof
from lakeflow.adapters.iceberg.disk.fileio import hint_of, reason
from lakeflow.adapters.iceberg.metadata import sidecar
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles, metadata_directory, sealed
from lakeflow.adapters.iceberg.metadata.places import metadata_location, refuse_unwritable
from lakeflow.adapters.iceberg.metadata.refs import Requirement, absent, fence, move, require
from lakeflow.adapters.iceberg.metadata.types import schema_to_json, with_ids
from lakeflow.adapters.iceberg.metadata.updates import Update, new_metadata
from lakeflow.adapters.objects import DISK
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.compact.stored import Compaction, Stored
from lakeflow.core.errors import ConfigError, ConflictError, LakeError, LakeflowError
from lakeflow.core.intents.intent import Intent
from lakeflow.core.intents.landed import Landed, landed
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, Drop, Promote, Publish, Registration, Rename, Retract, Rollback
from lakeflow.core.model.layout import Layout, Partition
from lakeflow.core.model.schema import Schema, highest_id
from lakeflow.core.model.table import MAIN, Garbage, Looked, Scan, Staging, Statistics, Table
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.entry import Entry
from lakeflow.core.ports.locations import local_path, path_of, store_of, to_location
from lakeflow.core.ports.objects import Objects, Scratch

if TYPE_CHECKING:
    from lakeflow.adapters.iceberg.manifests.scan import Scans

__all__ = ["MIGRATIONS", "IcebergCatalog"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


class IcebergCatalog:
    """Implements `Catalog`. The transaction given to an entry is a SQLAlchemy connection.

    `warehouse` is an absolute path or a location under which new tables are made, one directory a layer; `objects` is
    where files are kept. `keep_out` lists files and folders that are never garbage, whatever stands beside them. Safe
    to share between threads. Disk failures are AssetErrors that name path and reason.
    """

    def __init__(
        self,
        database: CatalogDatabase,
        warehouse: str,
        clock: Clock,
        keep_out: Callable[[], Iterable[str | PathLike[str]]] = tuple,
        objects: Objects = DISK,
    ) -> None:
        self._warehouse = _checked_warehouse(warehouse)
        self._database = database
        self._clock = clock
        self._objects = objects
        self._files = MetadataFiles(self._warehouse, objects)
        self._commits = Commits(database, self._files, clock, objects)
        self._surveyor = Surveyor(database, self._files, self._warehouse, keep_out, objects)

    def seen_by(self, reader: Callable[[], str]) -> Self:
        """Implements the port: all readers see what the one transaction of a commit left."""
        return self

    def warm_up(self) -> None:
        """Load what commits and scans need, so that the first of them need not wait for it."""
        from lakeflow.adapters.iceberg.commit import staging  # noqa: F401, PLC0415 - as in `_scans`

        self._scans  # noqa: B018 - is made now

    def keys(self) -> frozenset[AssetKey]:
        return self._commits.keys()

    def load(self, keys: Iterable[AssetKey]) -> Mapping[AssetKey, Table]:
        return {key: found.table for key, found in self._commits.read(keys).items()}

    def look(self, keys: Iterable[AssetKey]) -> Looked:
        return self._commits.look(keys)

    def create(self, key: AssetKey, schema: Schema) -> Table:
        refuse_name(key)
        if existing := self.load((key,)):
            return existing[key]
        location, scratch = self._new_table(key, with_ids(schema))
        if not self._register(key, location, scratch):
            scratch.discard()
        return self.load((key,))[key]

    def data_directory(self, table: Table) -> str:
        directory = path_of(table.properties.get("write.data.path", f"{table.location}/data")).rstrip("/")
        try:
            self._objects.make_folder(directory)
        except OSError as error:
            hint = "check permissions and room on the disk (`df -h`, and `df -i` for inodes), run again"
            message = f"cannot make {directory}: {reason(error)}"
            raise LakeError(message, hint=hint_of(error, hint), asset=table.key) from error
        return directory

    def scan(self, table: Table, snapshot_id: int | None) -> Scan:
        return self._scans.scan(self._files.find(table.key, table.version), snapshot_id)

    def scan_added(self, table: Table, snapshot_id: int, appends: Sequence[int]) -> Scan:
        return self._scans.scan_added(self._files.find(table.key, table.version), snapshot_id, appends)

    def scan_near(self, table: Table, snapshot_id: int, columns: Sequence[str]) -> Scan:
        return self._scans.near(self._files.find(table.key, table.version), snapshot_id, columns)

    def statistics(self, table: Table, snapshot_id: int) -> Statistics | None:
        return self._scans.statistics(self._files.find(table.key, table.version), snapshot_id)

    def partitions(self, table: Table, snapshot_id: int, layout: Layout) -> Mapping[str, Partition]:
        return self._scans.partitions(self._files.find(table.key, table.version), snapshot_id, layout)

    def stored(self, table: Table, snapshot_id: int, layout: Layout) -> Stored:
        return self._scans.stored(self._files.find(table.key, table.version), snapshot_id, layout)

    def read_sidecar(self, table: Table, name: str) -> str:
        return sidecar.read_sidecar(table, name, self._objects)

    def write_sidecar(self, table: Table, kind: str, text: str) -> str:
        return sidecar.write_sidecar(table, kind, text, self._objects)

    def stage(self, table: Table, staging: Staging) -> Table:
        from lakeflow.adapters.iceberg.commit.staging import stage  # noqa: PLC0415 - as in `_scans`

        def plan(found: Mapping[AssetKey, LoadedTable], scratch: Scratch) -> list[TableCommit]:
            return [stage(table, staging, self._commits.attempt(table.key, found, scratch))]

        return self._commits.run((table.key,), plan)[table.key]

    def restage(self, table: Table, branch: str, base: int | None) -> Table:
        """Implements the port. The table is unchanged where main is still `base`."""
        from lakeflow.adapters.iceberg.commit.staging import restage  # noqa: PLC0415 - as in `_scans`

        def plan(found: Mapping[AssetKey, LoadedTable], scratch: Scratch) -> list[TableCommit]:
            return [restage(table, branch, base, self._commits.attempt(table.key, found, scratch))]

        return self._commits.run((table.key,), plan).get(table.key) or self.load((table.key,))[table.key]

    def compact(self, table: Table, compaction: Compaction) -> Table:
        from lakeflow.adapters.iceberg.commit.compaction import compact  # noqa: PLC0415 - as in `_scans`

        def plan(found: Mapping[AssetKey, LoadedTable], scratch: Scratch) -> list[TableCommit]:
            return [compact(table, compaction, self._commits.attempt(table.key, found, scratch))]

        return self._commits.run((table.key,), plan)[table.key]

    def commit(self, changes: Sequence[Change], entry: Entry) -> Mapping[AssetKey, Table]:
        by_table: dict[AssetKey, list[Change]] = defaultdict(list)
        for change in changes:
            by_table[change.key].append(change)

        def plan(found: Mapping[AssetKey, LoadedTable], _: Scratch) -> list[TableCommit]:
            return [_planned(present(key, found), group) for key, group in by_table.items()]

        return self._commits.run(by_table, plan, entry)

    def inspect(self, key: AssetKey, place: str) -> Table:
        found = self._files.find(key, metadata_location(key, place, self._objects))
        refuse_unwritable(found)
        return found.table

    def landed(self, intent: Intent) -> Landed:
        return landed(intent, self.load(_named(intent)))

    def fence(self, intent: Intent) -> None:
        for change in intent.publishes:
            self._commits.run((change.key,), partial(_fenced, change))

    def register(self, changes: Sequence[Registration], entry: Entry) -> None:
        with self._database.transaction() as connection:
            for change in changes:
                registrations.apply(connection, change)
            entry.within(connection)
        self._database.checkpoint()
        for change in changes:
            if isinstance(change, Drop):
                self._objects.touch(change.version)

    def garbage(self, key: AssetKey, before: datetime) -> Garbage:
        found = self._commits.read((key,))
        return garbage_of(found[key], self._surveyor.estate(key), before) if key in found else Garbage(key)

    def remains(self, dropped: Sequence[Dropped], before: datetime) -> Garbage:
        estate = self._surveyor.estate()
        return together(remains(one, estate, before, self._surveyor.last_of(one)) for one in dropped)

    def collect(self, garbage: Garbage) -> None:
        if garbage.key is not None:
            now = self.load((garbage.key,)).get(garbage.key)
            if garbage.files and (now is None or now.version != garbage.version):
                raise ConflictError(f"{garbage.key}: it changed meanwhile; nothing was removed", hint="run it again")
        remove(garbage, self._objects)

    def proof(self, table: Table, snapshot_id: int) -> proof.Proof | None:
        """The evidence attached to a snapshot, even where another engine's statistics displaced it."""
        return proof.read_proof(table, snapshot_id, metadata_directory(table), self._objects)

    @cached_property
    def _scans(self) -> Scans:
        from lakeflow.adapters.iceberg.manifests.scan import Scans  # noqa: PLC0415 - imports pyiceberg: 0.6 s that `plan` spares

        return Scans(self._objects)

    def _new_table(self, key: AssetKey, schema: Schema) -> tuple[str, Scratch]:
        """The location of its first metadata, and the scratch files that hold it."""
        home = to_location(self._free(f"{self._warehouse}/{key.layer}/{key.name}"))
        location = f"{home}/metadata/00000-{uuid4()}.metadata.json"
        at_ms = int(self._clock().timestamp() * 1000)
        content = new_metadata(str(uuid4()), home, schema_to_json(schema), highest_id(schema), at_ms)
        scratch = self._objects.scratch()
        scratch.write(location, sealed(location, content)[1])
        scratch.seal()
        return location, scratch

    def _free(self, folder: str) -> str:
        """The folder, or a free one next to it where a dropped or renamed table left its files: two tables never share
        a folder.
        """
        taken = ground_of(folder, self._objects).is_taken(folder)
        return f"{folder}-{uuid4().hex[:8]}" if taken else folder

    def _register(self, key: AssetKey, location: str, scratch: Scratch) -> bool:
        """False when somebody else made the table first."""
        inserting = False
        try:
            with self._database.transaction() as connection:
                if pointers.locations(connection, (key,)):
                    return False
                pointers.insert(connection, key, location)
                inserting = True
        except LakeflowError:
            self._database.forget_connections()
            if not inserting:
                scratch.discard()
            if not self.load((key,)):
                raise
        return True


def _planned(found: LoadedTable, changes: Sequence[Change]) -> TableCommit:
    """Check all assertions of a table's changes against one read, then collect all its updates."""
    requirements: list[Requirement] = []
    updates: list[Update] = []
    evidence: tuple[str, bytes] | None = None
    moved: MainMove | None = None
    for change in changes:
        statistics, moved = None, _moved(change) or moved
        if isinstance(change, Publish):
            evidence = _evidence(found, change)
            statistics = proof.statistics(evidence[0], change.snapshot_id, evidence[1])
        asserted, wanted = move(found.table, change, statistics)
        requirements += asserted
        updates += wanted
    require(found.table, requirements)
    return TableCommit(found, tuple(updates), evidence, moved, absent(found.table, requirements))


def refuse_name(key: AssetKey) -> None:
    """LakeError for a name that becomes no good directory: `../x` would be made outside the warehouse (trap T14)."""
    if not _NAME.fullmatch(key.name):
        raise LakeError(f"{key.name!r} cannot name a table", hint="use lower-case letters, digits and _", asset=key)


def _fenced(change: Publish | Promote, found: Mapping[AssetKey, LoadedTable], _: Scratch) -> list[TableCommit]:
    if change.key not in found:
        return []
    asserted, updates = fence(found[change.key].table, change)
    require(found[change.key].table, asserted)
    return [TableCommit(found[change.key], updates)] if updates else []


def _named(intent: Intent) -> set[AssetKey]:
    """The tables that an intent speaks of, under their old and new names."""
    return {change.key for change in intent.changes} | {
        change.to for change in intent.changes if isinstance(change, Rename)
    }


def _moved(change: Change) -> MainMove | None:
    match change:
        case Publish(target=target) if target == MAIN:
            return MainMove(change.snapshot_id, change.note)
        case Promote():
            return MainMove(change.snapshot_id, change.note)
        case Retract():
            return MainMove(change.base, None)
        case Rollback(target=target) if target == MAIN:
            return MainMove(change.to, change.note)
        case _:
            return None


def _evidence(found: LoadedTable, change: Publish) -> tuple[str, bytes]:
    location = proof.proof_location(metadata_directory(found.table), change.snapshot_id)
    entries = found.json.get("snapshots") or ()
    entry: Mapping[str, Any] = next((each for each in entries if each["snapshot-id"] == change.snapshot_id), {})
    listed = str(entry.get("manifest-list", "")).rpartition("/")[2]
    return location, proof.pack(change.proof, change.snapshot_id, entry.get("sequence-number", 0), listed)


def _checked_warehouse(warehouse: str) -> str:
    if store_of(warehouse):
        return path_of(warehouse).rstrip("/")
    path = local_path(warehouse)
    parsed = urlparse(warehouse)
    if not path.is_absolute() or parsed.params or parsed.query or parsed.fragment or "//" in parsed.path:
        raise ConfigError(
            f"the warehouse {warehouse!r} must be an absolute path without any of ; ? #",
            hint="Iceberg keeps absolute locations: move the project, or set another warehouse",
        )
    return str(path)
