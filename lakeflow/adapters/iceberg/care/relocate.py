"""Give the tables of a moved lake their new place (Iceberg keeps absolute locations everywhere).

Every metadata file, manifest list and manifest in use is written again beside the old one, then all pointers are
swapped in one transaction. Before that nothing refers to a new file and no old file changes, so a relocation that is
killed has not happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from lakeflow.adapters.iceberg.care.inventory import read_container
from lakeflow.adapters.iceberg.commit import pointers
from lakeflow.adapters.iceberg.disk.avro import pack
from lakeflow.adapters.iceberg.metadata.metadata import (
    LoadedTable,
    MetadataFiles,
    metadata_directory,
    next_location,
    sealed,
)
from lakeflow.adapters.iceberg.metadata.types import Json
from lakeflow.adapters.iceberg.metadata.updates import applied
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import ConflictError, LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import PROVEN_LIST, is_ours
from lakeflow.core.model.table import Table
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.database import Connection
from lakeflow.core.ports.digests import with_digest
from lakeflow.core.ports.locations import path_of, store_of
from lakeflow.core.ports.objects import Objects, Scratch
from lakeflow.core.values import dataclass

_WITH_PLACES: Final = ("location", "properties", "snapshots", "metadata-log", "statistics", "partition-statistics")
_DELETES: Final = 1  # the content of a manifest of delete files
_DEEP: Final = 4  # <warehouse>/<layer>/<name>/metadata/<file>


@dataclass(frozen=True)
class Move:
    """A folder that stands under another name now; `old` may be gone, or be what `new` was copied from. Either may be
    in a store.
    """

    old: str
    new: str
    objects: Objects = DISK

    def location(self, text: str) -> str:
        """The location after the move, spelled as before (`file://`, `file:` or a bare path) where it stays on a disk.

        A file that only the old folder holds was not moved and keeps its place.
        """
        scheme, path = _read(text)
        if not _is_within(path, self.old) or _is_within(path, self.new):
            return text
        moved = f"{self.new}{path[len(self.old) :]}"
        stayed = self.objects.exists(path) and not self.objects.exists(moved)
        spelled = moved if store_of(self.new) else f"{'file://' if store_of(path) else scheme}{moved}"
        return text if stayed else f"{spelled}{'/' * text.endswith('/')}"


def _read(text: str) -> tuple[str, str]:
    """The scheme of a local location, and the path; no path where the text is no location."""
    if store_of(text):
        return "", path_of(text).rstrip("/")
    scheme = next((form for form in ("file://localhost", "file://", "file:") if text.startswith(form)), "")
    path = Path(text.removeprefix(scheme))
    return scheme, str(path) if path.is_absolute() else ""


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


@dataclass(frozen=True)
class Home:
    """Where the lake stands now: the project's root, and the warehouse."""

    root: Path
    warehouse: str
    objects: Objects = DISK

    def move_of(self, location: str) -> Move | None:
        """The move that brought a table here whose catalog entry names a metadata file elsewhere. None where it did not
        move.
        """
        path = path_of(location)
        was, *names = path.rsplit("/", _DEEP)
        if _is_within(path, self.warehouse) or len(names) < _DEEP or not was:
            return None
        here = "/".join((self.warehouse, *names))
        if not self.objects.exists(here) or _same(path, here):
            return None
        inside = self.warehouse.removeprefix(str(self.root)) if _is_within(self.warehouse, str(self.root)) else ""
        if inside and was.endswith(inside):  # then the whole project was moved
            return Move(was.removesuffix(inside), str(self.root), self.objects)
        return Move(was, self.warehouse, self.objects)


def _same(path: str, other: str) -> bool:
    """Are both one file of this machine's disk?"""
    try:
        return not store_of(path) and not store_of(other) and Path(path).samefile(other)
    except OSError:
        return False


@dataclass(frozen=True)
class _TableMove:
    key: AssetKey
    seen: str
    previous: str
    new: str


def moved_tables(database: pointers.CatalogDatabase, home: Home) -> Mapping[AssetKey, Move]:
    """The tables whose files are here while the catalog says that they are elsewhere."""
    return {key: move for key, (_, move) in _moved(database, home).items()}


def relocate(database: pointers.CatalogDatabase, home: Home, clock: Clock) -> tuple[AssetKey, ...]:
    """Rewrite all paths of moved tables to where the files are; the tables done, none when none was moved.

    LakeError for a table that cannot be rewritten exactly, ConflictError when another writer came between; either
    way nothing was changed. The caller holds the leases of all tables.
    """
    scratch = home.objects.scratch()
    try:
        steps = [_written(key, seen, move, scratch, clock) for key, (seen, move) in _moved(database, home).items()]
        scratch.seal()
        _verify(steps, home)
    except BaseException:
        scratch.discard()
        raise
    _swap(database, steps, scratch)
    return tuple(step.key for step in steps)


def _moved(database: pointers.CatalogDatabase, home: Home) -> dict[AssetKey, tuple[str, Move]]:
    with database.read() as connection:
        at = pointers.locations(connection, pointers.all_keys(connection))
    moves = {key: (location, home.move_of(location)) for key, location in sorted(at.items())}
    return {key: (location, move) for key, (location, move) in moves.items() if move is not None}


def _written(key: AssetKey, seen: str, move: Move, scratch: Scratch, clock: Clock) -> _TableMove:
    """New files for one table, not yet sealed."""
    now = move.location(seen)
    found = MetadataFiles(move.new, move.objects).find(key, now)
    _refuse_format(found.table)
    moved = _moved_metadata(found, move)
    snapshots = list(_Rewriter(found.table, move, scratch).snapshots(moved["snapshots"]))
    at_ms = max(int(clock().timestamp() * 1000), found.updated_ms)
    content = applied(moved | {"snapshots": snapshots}, (), now, at_ms)
    table = replace(found.table, location=content["location"], properties=content.get("properties") or {})
    location = next_location(table)
    scratch.write(location, sealed(location, content)[1])
    return _TableMove(key, seen, now, location)


def _moved_metadata(found: LoadedTable, move: Move) -> Json:
    changed = {name: _translated(found.json[name], move) for name in _WITH_PLACES if found.json.get(name)}
    return {"snapshots": []} | dict(found.json) | changed


def _translated(json: Any, move: Move) -> Any:
    """The value with every location in it translated: properties and summaries may hold some too."""
    match json:
        case str():
            return move.location(json)
        case dict():
            return {name: _translated(value, move) for name, value in json.items()}
        case list():
            return [_translated(value, move) for value in json]
    return json


@dataclass
class _Rewriter:
    """Writes each manifest once, however many snapshots share it."""

    table: Table
    move: Move
    scratch: Scratch
    done: dict[str, tuple[str, int]] = field(default_factory=dict)
    commit: str = field(default_factory=lambda: str(uuid4()))
    numbers: Iterator[int] = field(default_factory=count)

    def snapshots(self, entries: list[Json]) -> Iterator[Json]:
        for entry in entries:
            if "manifest-list" not in entry:
                raise self._refusal("a snapshot names its manifests itself (an early v1 table)")
            container = read_container(entry["manifest-list"], self.move.objects)
            listed = pack(replace(container, records=tuple(map(self._manifest, container.records))))
            name = f"snap-{entry['snapshot-id']}-1-{self.commit}.avro"
            yield self._with_its_proof(entry) | {"manifest-list": self._sealed(name, listed)}

    def _with_its_proof(self, entry: Json) -> Json:
        """The proof names the list that was audited: the snapshot remembers under which name that was. What an early
        release relocated has lost it.
        """
        summary, name = entry.get("summary") or {}, entry["manifest-list"].rpartition("/")[2]
        if not is_ours(summary) or name.startswith(f"snap-{entry['snapshot-id']}-1-"):
            return entry
        return entry | {"summary": {PROVEN_LIST: name, **summary}}

    def _manifest(self, entry: Json) -> Json:
        if entry.get("content") == _DELETES and (entry["added_files_count"] or entry["existing_files_count"]):
            raise self._refusal("it has delete files, whose content names data files by their old place")
        location = self.move.location(entry["manifest_path"])
        if location not in self.done:
            self.done[location] = self._rewritten(location)
        path, length = self.done[location]
        return entry | {"manifest_path": path, "manifest_length": length}

    def _rewritten(self, location: str) -> tuple[str, int]:
        container = read_container(location, self.move.objects)
        records = tuple(record | {"data_file": self._data_file(record["data_file"])} for record in container.records)
        content = pack(replace(container, records=records))
        return self._sealed(f"{self.commit}-m{next(self.numbers)}.avro", content), len(content)

    def _sealed(self, name: str, content: bytes) -> str:
        """Seal the file under a name that holds its SHA-256, and return its location."""
        location = with_digest(f"{self._directory}/{name}", hashlib.sha256(content).hexdigest())
        self.scratch.write(location, content)
        return location

    def _data_file(self, file: Json) -> Json:
        paths = {name: file[name] for name in ("file_path", "referenced_data_file") if file.get(name)}
        return file | {name: self.move.location(path) for name, path in paths.items()}

    @property
    def _directory(self) -> str:
        return self.move.location(metadata_directory(self.table))

    def _refusal(self, why: str) -> LakeError:
        return LakeError(
            f"{self.table.key} cannot be relocated: {why}; nothing was changed",
            hint=f"move the folder back to {self.move.old}, rewrite the table with the engine that wrote it, try again",
            asset=self.table.key,
        )


def _refuse_format(table: Table) -> None:
    if table.format_version != 2:
        raise LakeError(
            f"{table.key} cannot be relocated: its format is v{table.format_version}, this release writes v2",
            hint="move the folder back",
            asset=table.key,
        )


def _verify(steps: list[_TableMove], home: Home) -> None:
    """Read back what was written: every metadata file, and everything that it names down to the manifests."""
    files = MetadataFiles(home.warehouse, home.objects)
    for step in steps:
        for snapshot in files.find(step.key, step.new).json["snapshots"]:
            for manifest in read_container(snapshot["manifest-list"], home.objects).records:
                read_container(manifest["manifest_path"], home.objects)


def _swap(database: pointers.CatalogDatabase, steps: list[_TableMove], scratch: Scratch) -> None:
    """Swap all pointers or none. The new files are removed only if it is certain that nothing refers to them."""
    committing = False
    try:
        with database.transaction() as connection:
            _swap_all(connection, steps)
            committing = True
    except BaseException:
        if not committing:
            scratch.discard()
        raise


def _swap_all(connection: Connection, steps: list[_TableMove]) -> None:
    for step in steps:
        if not pointers.relocate(connection, step.key, (step.seen, step.new), step.previous):
            raise ConflictError(
                f"{step.key}: another writer came between; nothing was changed",
                hint="`lakeflow doctor --relocate` tries again",
                asset=step.key,
            )
