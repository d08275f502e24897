"""Which files of a table nothing can read any more, by its own metadata (I7: nothing referenced, nothing young).

Referenced is what any kept snapshot needs, down to data files, delete files, proofs and sidecars. Besides
that whatever a reader may still hold who began since `before`: every snapshot whose manifest list is younger, and the
newest older one, which was main when that time began. A writer's files are young until it commits them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.iceberg.care.inventory import Walk
from lakeflow.adapters.iceberg.disk.fileio import local_path
from lakeflow.adapters.iceberg.disk.proof import proof_location
from lakeflow.adapters.iceberg.metadata.metadata import Found, metadata_directory
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.table import Garbage

_HINT: Final = "version-hint.text"


def garbage_of(found: Found, warehouse: Path, before: datetime) -> Garbage:
    """Of one table. Nothing where a manifest cannot be read, and of a table that was adopted where it stands."""
    table, home = found.table, local_path(found.table.location)
    if not home.is_relative_to(warehouse):
        return Garbage(table.key, kept="it was adopted where it stands; its files may be another catalog's as well")
    old = {path: size for path, size, changed in _files(home) if changed < before.timestamp()}
    walk, recent = Walk(), Walk()
    needed = {_path(location) for location in _referenced(found, walk)}
    needed |= {_path(location) for location in _recent(found, recent, needed, before)}
    if walk.damaged or recent.damaged or not all(walk.there.values()):
        return Garbage(table.key, kept="its metadata is damaged or not whole; `lakeflow doctor` says where")
    left = {path: size for path, size in old.items() if path not in needed}
    return Garbage(table.key, left, table.version)


def stray(warehouse: Path, locations: frozenset[str], before: datetime) -> Garbage:
    """Of folders `<layer>/<name>` that hold no table of the catalog: dropped, or never finished. A folder with one
    young file keeps them all.
    """
    taken = {parent for location in locations for parent in local_path(location).parents}
    left: dict[str, int] = {}
    for folder in sorted(warehouse.glob("*/*")):
        if folder.is_dir() and folder not in taken:
            files = list(_files(folder))
            if all(changed < before.timestamp() for _, _, changed in files):
                left |= {path: size for path, size, _ in files}
    return Garbage(None, left)


def touch(location: str) -> None:
    """A dropped table is young once more, so that it can be taken back for a while."""
    with suppress(OSError):
        local_path(location).touch()


def remove(garbage: Garbage) -> None:
    """The files, then the folders that are empty without them. A file that is gone already is as it should be."""
    folders = set()
    for name in garbage.files:
        path = Path(name)
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # something is in it
        return


def _files(folder: Path) -> Iterator[tuple[str, int, float]]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            yield str(path), status.st_size, max(status.st_mtime, status.st_ctime)


def _path(location: str) -> str:
    return str(local_path(location))


def _referenced(found: Found, walk: Walk) -> Iterator[str]:
    table, directory = found.table, metadata_directory(found.table)
    yield from (table.version, f"{directory}/{_HINT}")
    yield from (entry["metadata-file"] for entry in found.json.get("metadata-log") or ())
    for name in ("statistics", "partition-statistics"):
        yield from (entry["statistics-path"] for entry in found.json.get(name) or ())
    for entry in found.json.get("snapshots") or ():
        yield from _needed(walk, entry)
    for snapshot in table.snapshots.values():
        yield proof_location(directory, snapshot.id)
        if made := provenance_of(snapshot.summary):
            yield from (f"{directory}/{sidecar}" for sidecar in (made.landed, made.partitions) if sidecar)


def _recent(found: Found, walk: Walk, needed: set[str], before: datetime) -> Iterator[str]:
    lists = local_path(metadata_directory(found.table)).glob("snap-*.avro")
    gone = sorted((path.stat().st_mtime, str(path)) for path in lists if str(path) not in needed)
    young = [path for changed, path in gone if changed >= before.timestamp()]
    for path in (*young, *[path for changed, path in gone if changed < before.timestamp()][-1:]):
        yield from _needed(walk, {"manifest-list": path, "snapshot-id": 0})


def _needed(walk: Walk, snapshot: Mapping[str, Any]) -> Iterator[str]:
    for location in walk.files(snapshot):
        walk.exists(location)
        yield location
