"""Which files of a table nothing can read any more, by its own metadata (I7: nothing referenced, nothing young).

A file is garbage only if all of this holds.

1. It is provably ours: a file that Iceberg's writers make, in the folder of a table that the catalog holds or that this
   lake dropped, where all metadata has that table's uuid.
2. No kept snapshot needs it, as data file, delete file, proof or sidecar.
3. No reader that began since `before` may hold it: those read the snapshots whose manifest list is younger, and what
   was main at `before`: the last one that expired, or where the log does not reach so far back, the newest older one.
4. It is older than `before`: the files of a writer are young until it commits them.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

from lakeflow.adapters.iceberg.care.ground import File, Ground, Identity, NotOursError, ground_of
from lakeflow.adapters.iceberg.care.inventory import Walk
from lakeflow.adapters.iceberg.disk.fileio import hint_of, reason
from lakeflow.adapters.iceberg.disk.proof import proof_location
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, metadata_directory
from lakeflow.adapters.iceberg.metadata.places import metadata_file
from lakeflow.adapters.objects import DISK
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.errors import LakeError
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.table import Garbage, Table
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

_HINT: Final = "version-hint.text"
_WRITTEN: Final = (".parquet", ".avro", ".orc", ".json", ".puffin", ".stats", ".gz", ".crc", ".tmp")
"""The names of files that writers of Iceberg tables make. Somebody put anything else there."""
_METADATA: Final = (".metadata.json", ".metadata.json.gz", ".gz.metadata.json")
_AT_ONCE: Final = 8
"""So many files are removed at a time."""
OUTSIDE: Final = "it was adopted where it stands; its files may be another catalog's as well"


@dataclass(frozen=True)
class Estate:
    """The warehouse, and what is in use in it, whatever a table's own metadata says.

    `keep_out` are the project's root, its landing folders, and where other tables keep their files; `locations` the
    metadata of every table in the database.
    """

    warehouse: str
    keep_out: frozenset[Identity]
    locations: frozenset[str]
    objects: Objects = DISK

    @property
    def ground(self) -> Ground:
        return ground_of(self.warehouse, self.objects)


def garbage_of(found: LoadedTable, estate: Estate, before: datetime) -> Garbage:
    """The garbage of one table. None where a manifest cannot be read, and none of a table outside of the warehouse."""
    table, home = found.table, path_of(found.table.location)
    if not all(estate.ground.is_below(path, estate.warehouse) for path in (home, path_of(table.version))):
        return Garbage(table.key, kept=OUTSIDE)
    try:
        files = _own_files(home, table.uuid, estate)
    except (NotOursError, OSError, ValueError) as error:
        return Garbage(table.key, kept=str(error))
    total = sum(file.size for file in files)
    walk, recent = Walk(estate.objects), Walk(estate.objects)
    lists = _lists(found, home, files, estate.objects)
    needed = {path_of(location) for location in _referenced(found, walk)}
    needed |= {path_of(location) for location in _recent(table, lists, recent, needed, before)}
    if walk.damaged or recent.damaged or not all(walk.there.values()):
        return Garbage(table.key, kept=_why_not_whole((walk, recent)), total=total)
    same = frozenset(map(estate.ground.identity, needed))
    old = [file for file in files if file.changed < before.timestamp()]
    left = [file for file in old if file.path not in needed and file.identity not in same]
    return _garbage(table, left, total)


def _why_not_whole(walks: Iterable[Walk]) -> str:
    """Which file keeps the table as it is: a snapshot of which a part is gone does not tell all that it needs."""
    gone = sorted({path_of(at) for walk in walks for at, size in walk.there.items() if size is None})
    damaged = sorted({path_of(at) for walk in walks for at in walk.damaged})
    first = f"{gone[0]} is missing" if gone else f"{damaged[0]} is damaged"
    more = len(gone) + len(damaged) - 1
    return f"{first}{f' and {more} more' if more else ''}; `lakeflow doctor` says which snapshots need it"


def remains(dropped: Dropped, estate: Estate, before: datetime, found: LoadedTable | None) -> Garbage:
    """The garbage of a table that this lake dropped and that no catalog holds again; `found` is its last metadata.

    It is all of the table's files once all are old, and none where others wrote to the table since.
    """
    if found is None or _is_held(path_of(found.table.location), estate):
        return Garbage(None)
    home, last = path_of(found.table.location), path_of(dropped.version)
    ours = all(estate.ground.is_below(path, estate.warehouse) for path in (home, last))
    if dropped.uuid not in {"", found.table.uuid} or not ours:
        return Garbage(None)
    try:
        files = _own_files(home, found.table.uuid, estate)
    except (NotOursError, OSError, ValueError) as error:
        return Garbage(None, kept=f"{dropped.key}, which was dropped: {error}")
    total = sum(file.size for file in files)
    newest = metadata_file(home, estate.objects) or home
    if estate.ground.identity(newest) != estate.ground.identity(last):
        return Garbage(None, kept=f"{dropped.key}, which was dropped: others have written to it since", total=total)
    young = any(file.changed >= before.timestamp() for file in files)
    return Garbage(None, total=total) if young else _garbage(None, files, total)


def together(all_: Iterable[Garbage]) -> Garbage:
    """The garbage of all dropped tables as one value."""
    several = tuple(all_)
    files: dict[str, int] = {}
    seen: dict[str, tuple[str | int, ...]] = {}
    for one in several:
        files |= one.files
        seen |= one.seen
    kept = "; ".join(one.kept for one in several if one.kept)
    return Garbage(None, files, kept=kept, seen=seen, total=sum(one.total for one in several))


def remove(garbage: Garbage, objects: Objects = DISK) -> None:
    """Remove the files, then the folders that are empty without them. A file that has changed since, or is gone, is
    left alone. LakeError where files may not be removed, with how many were.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="garbage") as pool:
        done = list(pool.map(lambda name: _removed(name, garbage.seen[name], objects), garbage.files))
    homes = {name.rpartition("/")[0] for name, was in zip(garbage.files, done, strict=True) if was is True}
    folders = homes if garbage.key else homes | {home.rpartition("/")[0] for home in homes}
    for folder in sorted(folders, reverse=True):  # what is in a folder comes before it
        objects.remove_folder(folder)
    if refused := [was for was in done if isinstance(was, OSError)]:
        raise LakeError(
            f"{counted(len(refused), 'file')} of {len(done)} could not be removed: {reason(refused[0])}",
            hint=hint_of(refused[0], "check the rights of the warehouse's folders; what is left is garbage later, too"),
            asset=garbage.key,
        )


def _removed(name: str, seen: tuple[str | int, ...], objects: Objects) -> bool | OSError:
    try:
        now = objects.find(name)
        if now is None or now.seen != seen:
            return False
        objects.remove(name)
    except OSError as error:
        return error
    return True


def _garbage(table: Table | None, files: Iterable[File], total: int) -> Garbage:
    written = [file for file in files if file.path.endswith(_WRITTEN)]
    return Garbage(
        table.key if table else None,
        {file.path: file.size for file in written},
        table.version if table else "",
        seen={file.path: file.seen for file in written},
        total=total,
    )


def _own_files(home: str, uuid: str, estate: Estate) -> tuple[File, ...]:
    """All files in the folder. NotOursError when it holds metadata of another table, or stands in another table's
    folder.
    """
    files = estate.ground.files_below(home, estate.keep_out)
    for file in files:
        if file.path.endswith(_METADATA) and _uuid_of(file.path, estate.objects) != uuid:
            raise NotOursError(f"{file.path} is another table's")
    for above in estate.ground.above(home):
        if estate.ground.identity(above) == estate.ground.identity(estate.warehouse):
            break
        if any(".metadata.json" in name for name in estate.objects.names(f"{above}/metadata")):
            raise NotOursError(f"it stands in the folder of another table, {above}")
    return files


def _uuid_of(path: str, objects: Objects) -> str:
    """The uuid in a metadata file. ValueError for a file that is no metadata: nobody can say whose it is."""
    content = objects.get(path)
    try:
        return str(json.loads(gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)["table-uuid"])
    except (ValueError, LookupError, TypeError, EOFError) as error:
        raise ValueError(f"{path} is damaged, so that nobody knows whose it is") from error


def _is_held(home: str, estate: Estate) -> bool:
    """Does a table of the database stand there, under whatever name?"""
    here, identity = estate.ground.identity(home), estate.ground.identity
    places = (path_of(location).rsplit("/", up)[0] for location in estate.locations for up in (1, 2, 3))
    return here is None or any(identity(place) == here for place in places)


def _referenced(found: LoadedTable, walk: Walk) -> Iterator[str]:
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
            yield from (f"{directory}/{sidecar}" for sidecar in made.sidecars)


def _lists(found: LoadedTable, home: str, files: Iterable[File], objects: Objects) -> list[tuple[float, str]]:
    """The manifest lists beside the metadata, with the time at which each was written."""
    directory = path_of(metadata_directory(found.table))
    if directory.startswith(f"{home}/"):
        beside = [(file.written, file.path) for file in files]
    else:
        beside = [(one.changed, one.location) for one in objects.listed(directory)]
    name = re.compile(rf"{re.escape(directory)}/snap-[^/]*\.avro")
    return [one for one in beside if name.fullmatch(one[1])]


def _recent(
    table: Table, lists: Iterable[tuple[float, str]], walk: Walk, needed: set[str], before: datetime
) -> Iterator[str]:
    gone = sorted(one for one in lists if one[1] not in needed)
    young = [path for changed, path in gone if changed >= before.timestamp()]
    old = [path for changed, path in gone if changed < before.timestamp()]
    for path in (*young, *_main_then(table, old, before)):
        yield from _needed(walk, {"manifest-list": path})


def _main_then(table: Table, old: Sequence[str], before: datetime) -> Sequence[str]:
    """The older lists of which one may have been main at `before`: where the log reaches so far back, that of the last
    one that expired, else the newest. What was main then is kept by a table whose log tells of it, and what never was
    main, such as a snapshot of an environment, is nobody's who reads main.
    """
    came = [seen for at, seen in table.log if at <= before]
    line = list(table.ancestry(came[-1])) if came else []
    return [path for path in old if f"/snap-{line[-1].parent_id}-" in path] if line else old[-1:]


def _needed(walk: Walk, snapshot: Mapping[str, Any]) -> Iterator[str]:
    for location in walk.files(snapshot):
        walk.exists(location)
        yield location
