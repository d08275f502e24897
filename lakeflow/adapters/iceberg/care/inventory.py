"""Lists the files that a table needs, by its metadata alone, and those of them that are missing or changed (Iceberg
spec, "Manifests").

It reads manifests with the standard library, so that looking at a lake's health does not wait for an import.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final

from lakeflow.adapters.iceberg.care.contents import content_faults
from lakeflow.adapters.iceberg.care.documents import document_faults, documents
from lakeflow.adapters.iceberg.disk.avro import Container, unpack
from lakeflow.adapters.iceberg.disk.fileio import read_bytes
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import LakeError
from lakeflow.core.model.table import Table
from lakeflow.core.ports.digests import digest_in
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.values import dataclass
from lakeflow.core.view.consistency import Stock

_STATUSES: Final = ("existing", "added", "deleted")  # of a manifest entry, by its number
_DELETED: Final = 2
_DAMAGES: Final = (ValueError, LookupError, TypeError, AttributeError, OverflowError, zlib.error, RecursionError)


def take_stock(table: Table, objects: Objects = DISK) -> Stock:
    """Every file that a kept snapshot needs, and what is missing, damaged or of another size; reads no data file."""
    return _stocktaking(table, objects)[1]


def read_through(table: Table, objects: Objects = DISK) -> Stock:
    """As `take_stock`, and also read every data file whose name holds its SHA-256, and compare the two."""
    return _read_through(*_stocktaking(table, objects), objects)


def _read_through(found: LoadedTable, stock: Stock, walk: Walk, objects: Objects) -> Stock:
    known = [path_of(at) for at in walk.data if digest_in(at) and walk.there.get(at) == walk.sizes[at]]
    unknown = sum(not digest_in(at) for at in walk.data)
    damaged = {**stock.damaged, **content_faults(known, objects)}
    concerns = walk.concerns(found, damaged)
    return replace(stock, damaged=damaged, concerns=concerns, read=len(known), unknown=unknown)


def open_through(table: Table, objects: Objects = DISK) -> Stock:
    """As `read_through`, and also open every file and compare its rows with what its manifest says of them, and those
    of each snapshot with its summary.
    """
    from lakeflow.adapters.iceberg.care.rows import row_faults  # noqa: PLC0415 - imports pyarrow, which only this needs

    found, taken, walk = _stocktaking(table, objects)
    stock = _read_through(found, taken, walk, objects)
    known = {*stock.damaged, *stock.missing}
    entries = (one for one in walk.entries(found) if path_of(one["file_path"]) not in known)
    content = {**dict(row_faults(table, entries, objects)), **dict(walk.totals(found))}
    opened = sum(walk.there.get(at) == walk.sizes[at] for at in walk.data)
    return replace(stock, content=content, concerns={**stock.concerns, **walk.concerns(found, content)}, read=opened)


def read_container(location: str, objects: Objects = DISK) -> Container:
    """LakeError for a file that is missing or damaged."""
    try:
        return unpack(read_bytes(location, objects))
    except _DAMAGES as error:
        raise LakeError(
            f"{path_of(location)} is damaged ({error})", hint="restore the table's metadata folder from a copy"
        ) from error


def _stocktaking(table: Table, objects: Objects) -> tuple[LoadedTable, Stock, Walk]:
    walk, found = Walk(objects), MetadataFiles(path_of(table.location), objects).find(table.key, table.version)
    return found, walk.stock(found), walk


@dataclass
class Walk:
    """Walks from metadata down to data files, and visits each file once, however many snapshots share it.

    `there` is how many bytes each file has (None: it is not there), `sizes` how many it should have, as far as another
    file says so, and `data` are the data files and delete files among them.
    """

    objects: Objects = DISK
    damaged: dict[str, str] = field(default_factory=dict)
    below: dict[str, tuple[str, ...]] = field(default_factory=dict)
    there: dict[str, int | None] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    counts: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: set[str] = field(default_factory=set)

    def stock(self, found: LoadedTable) -> Stock:
        lacking: dict[str, set[int]] = defaultdict(set)
        for location, snapshot_id in self._needed(found):
            if not self.exists(location):
                lacking[path_of(location)].add(snapshot_id)
        missing = {path: frozenset(snapshots) for path, snapshots in lacking.items()}
        damaged = {**self._of_other_size(), **self.damaged, **document_faults(found, self.objects)}
        return Stock(found.table.key, len(self.there), missing, damaged, concerns=self.concerns(found, damaged))

    def concerns(self, found: LoadedTable, paths: Collection[str]) -> dict[str, frozenset[int]]:
        """The snapshots that need each of these files. Few files are damaged, so nothing is kept for the others."""
        needing: dict[str, set[int]] = {path: set() for path in paths}
        for location, snapshot_id in self._needed(found) if paths else ():
            if (path := path_of(location)) in needing:
                needing[path].add(snapshot_id)
        return {path: frozenset(snapshots) for path, snapshots in needing.items()}

    def files(self, snapshot: Mapping[str, Any]) -> Iterator[str]:
        listed = snapshot.get("manifest-list")
        if listed is None:  # an early v1 table names its manifests itself
            manifests = tuple(snapshot.get("manifests") or ())
        else:
            yield listed
            manifests = self._inside(listed, self._manifests)
        for manifest in manifests:
            yield manifest
            yield from self._inside(manifest, self._live)

    def exists(self, location: str) -> bool:
        if location not in self.there:
            self.there[location] = self.objects.size(location)
        return self.there[location] is not None

    def entries(self, found: LoadedTable) -> Iterator[dict[str, Any]]:
        """Every live file of a kept snapshot once, as its manifest describes it. One manifest is held at a time."""
        seen: set[str] = set()
        for manifest in dict.fromkeys(
            at for snapshot in found.json.get("snapshots") or () for at in self._listed(snapshot)
        ):
            for record in self._records(manifest):
                if record["data_file"]["file_path"] not in seen:
                    seen.add(record["data_file"]["file_path"])
                    yield record["data_file"]

    def totals(self, found: LoadedTable) -> Iterator[tuple[str, str]]:
        """The manifest list of each snapshot whose files hold another number of rows than its summary says. Where rows
        are deleted in place, files hold more.
        """
        counted: dict[str, int | None] = {}
        for snapshot in found.json.get("snapshots") or ():
            said, listed = (snapshot.get("summary") or {}).get("total-records"), snapshot.get("manifest-list")
            manifests = self._listed(snapshot)
            counted |= {at: self._rows(at) for at in manifests if at not in counted}
            rows = [counted[at] for at in manifests]
            if said is not None and listed and None not in rows and sum(filter(None, rows)) != int(said):
                yield (
                    path_of(listed),
                    f"{path_of(listed)} lists {sum(filter(None, rows)):,} rows, and the summary says {said}",
                )

    def _listed(self, snapshot: Mapping[str, Any]) -> tuple[str, ...]:
        listed = snapshot.get("manifest-list")
        return self.below.get(listed, ()) if listed else tuple(snapshot.get("manifests") or ())

    def _rows(self, manifest: str) -> int | None:
        """The rows of the live files of a manifest; None where it cannot be read, or is of files of deletes."""
        if manifest not in self.there or self.there[manifest] is None or path_of(manifest) in self.damaged:
            return None
        files = [record["data_file"] for record in self._records(manifest)]
        return None if any(file.get("content") for file in files) else sum(file["record_count"] for file in files)

    def _records(self, manifest: str) -> Iterator[dict[str, Any]]:
        if self.exists(manifest) and path_of(manifest) not in self.damaged:
            yield from (one for one in read_container(manifest, self.objects).records if one["status"] != _DELETED)

    def _needed(self, found: LoadedTable) -> Iterator[tuple[str, int]]:
        """Pairs of a file and the snapshot that needs it."""
        for snapshot in found.json.get("snapshots") or ():
            for location in self.files(snapshot):
                yield location, int(snapshot["snapshot-id"])
        for document in documents(found):
            yield document.location, document.snapshot_id

    def _inside(self, location: str, read: _Read) -> tuple[str, ...]:
        """The paths that a manifest list or manifest names. Empty when it cannot be read; that is noted."""
        if location not in self.below:
            self.below[location] = self._opened(location, read) if self.exists(location) else ()
        return self.below[location]

    def _opened(self, location: str, read: _Read) -> tuple[str, ...]:
        try:
            return tuple(read(location, read_container(location, self.objects).records))
        except (LakeError, *_DAMAGES) as error:
            self.damaged[path_of(location)] = str(error)
            return ()

    def _manifests(self, _: str, records: Sequence[dict[str, Any]]) -> Iterator[str]:
        for record in records:
            self.sizes[record["manifest_path"]] = record["manifest_length"]
            self.counts[record["manifest_path"]] = record
            yield record["manifest_path"]

    def _live(self, manifest: str, records: Sequence[dict[str, Any]]) -> Iterator[str]:
        if not _is_as_counted(records, self.counts.get(manifest, {})):
            self.damaged[path_of(manifest)] = (
                f"{path_of(manifest)} is damaged: it does not hold what its list counts in it"
            )
        for record in records:
            if record["status"] != _DELETED:
                file = record["data_file"]
                self.sizes[file["file_path"]] = file["file_size_in_bytes"]
                self.data.add(file["file_path"])
                yield file["file_path"]

    def _of_other_size(self) -> dict[str, str]:
        wrong = [(at, size, is_) for at, size in self.sizes.items() if (is_ := self.there.get(at)) not in {None, size}]
        return {path_of(at): f"{path_of(at)} has {is_:,} bytes, and {size:,} were written" for at, size, is_ in wrong}


_Read = Callable[[str, Sequence[dict[str, Any]]], Iterator[str]]


def _is_as_counted(entries: Sequence[dict[str, Any]], listed: Mapping[str, Any]) -> bool:
    """Does the manifest hold as many entries of each status, and as many rows, as the manifest list says, if it says
    so?
    """
    for status, name in enumerate(_STATUSES):
        rows = [entry["data_file"]["record_count"] for entry in entries if entry["status"] == status]
        said = (listed.get(f"{name}_files_count"), listed.get(f"{name}_rows_count"))
        if any(is_ not in {None, wanted} for is_, wanted in zip(said, (len(rows), sum(rows)), strict=True)):
            return False
    return True
