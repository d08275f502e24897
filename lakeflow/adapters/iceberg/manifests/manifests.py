"""Decodes each manifest once: a manifest never changes, and after years of appends a few of them hold thousands of
files.

So only files that are new since the last look are decoded, however large the table is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import field
from threading import Lock

from pyiceberg.manifest import DataFile, ManifestEntry, ManifestEntryStatus, ManifestFile

from lakeflow.adapters.iceberg.disk import avro_reader as decoding
from lakeflow.adapters.iceberg.disk.pyiceberg_io import ObjectFiles
from lakeflow.adapters.iceberg.manifests.snapshots import intelligible
from lakeflow.adapters.iceberg.manifests.statistics import ColumnStatistics, known
from lakeflow.adapters.objects import DISK
from lakeflow.core.model.schema import Field
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Live:
    """A live file: where engines open it, the snapshot that added it, its spec, and the sequence number of its
    rows.
    """

    path: str
    writer: int | None
    file: DataFile
    spec_id: int = 0
    sequence: int = 0


@dataclass(frozen=True)
class _CachedManifest:
    live: tuple[Live, ...]
    known: dict[tuple[int, str], ColumnStatistics] = field(default_factory=dict)


class Manifests:
    """A cache of manifests by location. It drops the least recently used ones first, so that it never holds more than a
    set number of files.

    Safe to share between threads. LakeError for a damaged manifest.
    """

    def __init__(self, most: int = 20_000, objects: Objects = DISK) -> None:
        self._most = most
        self._objects = objects
        self._files = 0
        self._held: OrderedDict[str, _CachedManifest] = OrderedDict()
        self._lock = Lock()

    def live(self, manifest: ManifestFile) -> tuple[Live, ...]:
        return self._of(manifest).live

    def known(self, manifest: ManifestFile, column: Field) -> ColumnStatistics:
        """What is certain about a column in the files of one manifest."""
        held, name = self._of(manifest), (column.id, str(column.type))
        if name not in held.known:
            held.known[name] = known(column, [each.file for each in held.live])
        return held.known[name]

    def _of(self, manifest: ManifestFile) -> _CachedManifest:
        with self._lock:
            if found := self._held.get(manifest.manifest_path):
                self._held.move_to_end(manifest.manifest_path)
                return found
        return self._keep(manifest.manifest_path, _CachedManifest(tuple(_read(manifest, self._objects))))

    def _keep(self, location: str, held: _CachedManifest) -> _CachedManifest:
        with self._lock:
            if location not in self._held:
                self._held[location] = held
                self._files += len(held.live)
            while self._files > self._most and len(self._held) > 1:
                _, oldest = self._held.popitem(last=False)
                self._files -= len(oldest.live)
        return held


def _read(manifest: ManifestFile, objects: Objects) -> Iterator[Live]:
    with intelligible(manifest.manifest_path):
        for entry in _entries(manifest, objects):
            # What an entry leaves out it inherits from its manifest, says the spec.
            sequence = manifest.sequence_number if entry.sequence_number is None else entry.sequence_number
            path = path_of(entry.data_file.file_path)
            yield Live(path, entry.snapshot_id, entry.data_file, manifest.partition_spec_id, sequence or 0)


def _entries(manifest: ManifestFile, objects: Objects) -> Iterator[ManifestEntry]:
    """Live entries with the fields of format v3: pyiceberg's own reader drops where a deletion vector stands."""
    files = ObjectFiles(objects)
    with decoding.manifest(files.new_input(manifest.manifest_path)) as entries:
        for entry in entries:
            if entry.status != ManifestEntryStatus.DELETED:
                if entry.snapshot_id is None and manifest.added_snapshot_id is not None:
                    entry.snapshot_id = manifest.added_snapshot_id  # inherited, says the spec
                yield entry
