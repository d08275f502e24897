"""Builds one snapshot: manifests, manifest list and summary, in time that does not grow with the history.

pyiceberg's own producers copy all metadata 8 to 10 times a commit, make two snapshots of an overwrite (trap T6),
and keep manifests of nothing but deleted files for ever.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from itertools import count, groupby
from typing import Any, Final
from uuid import uuid4

from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema as IcebergSchema

from lakeflow.adapters.iceberg.disk import avro_writer
from lakeflow.adapters.iceberg.disk.avro_reader import manifest_list, manifest_to_rewrite
from lakeflow.adapters.iceberg.disk.pyiceberg_io import ObjectFiles
from lakeflow.adapters.iceberg.metadata.types import Json
from lakeflow.core.compact.stored import StoredManifest
from lakeflow.core.compact.work import MANIFEST_BYTES, bins
from lakeflow.core.errors import LakeError
from lakeflow.core.model.table import NEUTRAL
from lakeflow.core.ports.locations import path_of
from lakeflow.core.values import dataclass

MERGE: Final = 8
"""How many manifests of one size class are merged into one; the classes are powers of this number."""
_DAMAGES: Final = (
    *(ValueError, TypeError, LookupError, EOFError, ArithmeticError, AssertionError, zlib.error),
    *(SystemError, MemoryError),  # its compiled decoder raises it for a length that damage spells
)


@dataclass(frozen=True)
class SnapshotDraft:
    """A snapshot to build. `removes` are paths of data files of the parent that are removed; None removes every one,
    and all delete files.

    `parent` is the parent's JSON, None for a first snapshot; `schema` the JSON of the schema of its files. `operation`
    is told by what comes and goes, unless it says that only files move: then all small manifests are merged, too.
    """

    parent: Mapping[str, Any] | None
    schema: Mapping[str, Any]
    added: Sequence[DataFile]
    removes: frozenset[str] | None
    summary: Mapping[str, str]
    at_ms: int
    operation: str = ""


@dataclass
class _Writer:
    """Writes the manifests of one new snapshot; holds the names and the counters that they share."""

    files: ObjectFiles
    directory: str
    specs: Mapping[int, PartitionSpec]
    schema: IcebergSchema
    snapshot_id: int
    commit: str = field(default_factory=lambda: str(uuid4()))
    numbers: Iterator[int] = field(default_factory=count)

    def manifest(self, spec_id: int, entries: Iterable[ManifestEntry]) -> ManifestFile:
        location = f"{self.directory}/{self.commit}-m{next(self.numbers)}.avro"
        output = self.files.new_output(location)
        with avro_writer.manifest(self.specs[spec_id], self.schema, output, self.snapshot_id) as writer:
            for entry in entries:
                writer.add_entry(entry)
        return writer.to_manifest_file()

    def by_spec(self, entries: Iterable[ManifestEntry]) -> list[ManifestFile]:
        """Write one manifest for each partition spec."""
        ordered = sorted(entries, key=_spec_of)
        return [self.manifest(spec, list(group)) for spec, group in groupby(ordered, key=_spec_of)]

    def manifest_list(self, manifests: list[ManifestFile], parent_id: int | None, sequence: int) -> str:
        location = f"{self.directory}/snap-{self.snapshot_id}-0-{self.commit}.avro"
        output = self.files.new_output(location)
        with avro_writer.manifest_list(output, self.snapshot_id, parent_id, sequence) as writer:
            writer.add_manifests(manifests)
        return output.location  # which says what it holds


def build(metadata: Mapping[str, Any], draft: SnapshotDraft, files: ObjectFiles, directory: str) -> Json:
    """The JSON of the new snapshot; its manifests are in `files`, not yet sealed."""
    writer = _writer(metadata, draft, files, directory)
    before = live_manifests(draft.parent, files)
    kept, staying, gone = _without(before, draft.removes, writer)
    merged, kept = _merge(kept, writer, _all_small if draft.operation == NEUTRAL else _full_class)
    added = [_entry(ManifestEntryStatus.ADDED, writer.snapshot_id, file) for file in draft.added]
    manifests = [*writer.by_spec(added), *merged, *writer.by_spec(staying), *writer.by_spec(gone), *kept]
    parent_id = None if draft.parent is None else int(draft.parent["snapshot-id"])
    sequence = int(metadata["last-sequence-number"]) + 1
    operation, changed = _summarised(draft, gone, before)
    snapshot = {
        "snapshot-id": writer.snapshot_id,
        "parent-snapshot-id": parent_id,
        "sequence-number": sequence,
        "timestamp-ms": draft.at_ms,
        "manifest-list": writer.manifest_list(manifests, parent_id, sequence),
        "summary": {"operation": operation, **draft.summary, **changed},
        "schema-id": draft.schema["schema-id"],
    }
    return {name: value for name, value in snapshot.items() if value is not None}


def added_files(snapshot: Mapping[str, Any], files: ObjectFiles) -> list[DataFile]:
    """The data files that this very snapshot added."""
    own = snapshot["snapshot-id"]
    manifests = [m for m in live_manifests(snapshot, files) if m.added_snapshot_id == own]
    return [
        entry.data_file
        for manifest in manifests
        for entry in live_entries(manifest, files)
        if entry.status == ManifestEntryStatus.ADDED and entry.snapshot_id == own
    ]


def live_manifests(snapshot: Mapping[str, Any] | None, files: ObjectFiles) -> list[ManifestFile]:
    """The manifests that still hold a live file; empty without a snapshot."""
    if snapshot is None:
        return []
    location = snapshot.get("manifest-list")
    if location is None:
        raise LakeError(f"snapshot {snapshot['snapshot-id']} has no manifest list (an early v1 table)")
    with intelligible(location), manifest_list(files.new_input(location)) as listed:
        manifests = list(listed)
    return [m for m in manifests if m.has_added_files() or m.has_existing_files()]


def live_entries(manifest: ManifestFile, files: ObjectFiles) -> list[ManifestEntry]:
    """Its live files, with what they inherit from the manifest (Iceberg spec, "Sequence Number Inheritance")."""
    location = manifest.manifest_path
    with intelligible(location), manifest_to_rewrite(files.new_input(location)) as entries:
        return [_inherited(entry, manifest) for entry in entries if entry.status != ManifestEntryStatus.DELETED]


def _inherited(entry: ManifestEntry, manifest: ManifestFile) -> ManifestEntry:
    if entry.snapshot_id is None and manifest.added_snapshot_id is not None:
        entry.snapshot_id = manifest.added_snapshot_id
    # Manifests of format v1 have no numbers: theirs is 0. Else only files that are new have none yet.
    inherits = manifest.sequence_number == 0 or entry.status == ManifestEntryStatus.ADDED
    if entry.sequence_number is None and inherits:
        entry.sequence_number = manifest.sequence_number
    if entry.file_sequence_number is None and inherits:
        entry.file_sequence_number = manifest.sequence_number
    entry.data_file.spec_id = manifest.partition_spec_id
    return entry


@contextmanager
def intelligible(location: str) -> Iterator[None]:
    """LakeError for a damaged Avro file: pyiceberg's decoder fails in as many ways as there are damages."""
    try:
        yield
    except _DAMAGES as error:
        raise LakeError(
            f"{location} is damaged ({type(error).__name__})", hint="restore the table's metadata folder from a copy"
        ) from error


def _writer(metadata: Mapping[str, Any], draft: SnapshotDraft, files: ObjectFiles, directory: str) -> _Writer:
    specs = {spec["spec-id"]: PartitionSpec.model_validate(spec) for spec in metadata["partition-specs"]}
    schema = IcebergSchema.model_validate(draft.schema)
    taken = {snapshot["snapshot-id"] for snapshot in metadata.get("snapshots") or ()}
    snapshot_id = next(new for new in iter(_random_id, 0) if new not in taken)
    return _Writer(files, directory, specs, schema, snapshot_id)


def _random_id() -> int:
    return secrets.randbits(63)


def _without(
    manifests: list[ManifestFile], removes: frozenset[str] | None, writer: _Writer
) -> tuple[list[ManifestFile], list[ManifestEntry], list[ManifestEntry]]:
    """The manifests that stay as they are, the files of other manifests that stay, and the files that are removed."""
    if removes == frozenset():
        return manifests, [], []
    kept: list[ManifestFile] = []
    staying: list[ManifestEntry] = []
    gone: list[ManifestEntry] = []
    for manifest in manifests:
        stay, go = _sorted_out(manifest, removes, writer.files)
        if not go and removes is not None:
            kept.append(manifest)
            continue
        staying += stay
        gone += go
    assert removes is None or len(gone) == len(removes), "only files of the parent can go"
    return kept, [_stayed(entry) for entry in staying], [_gone(entry, writer.snapshot_id) for entry in gone]


def _sorted_out(
    manifest: ManifestFile, removes: frozenset[str] | None, files: ObjectFiles
) -> tuple[list[ManifestEntry], list[ManifestEntry]]:
    """The entries that stay, and those that are removed. No delete file is removed by name."""
    entries = live_entries(manifest, files) if manifest.content == ManifestContent.DATA else []
    if removes is None:
        return [], entries
    goes = [path_of(entry.data_file.file_path) in removes for entry in entries]
    stay = [entry for entry, going in zip(entries, goes, strict=True) if not going]
    return stay, [entry for entry, going in zip(entries, goes, strict=True) if going]


Choose = Callable[[list[ManifestFile]], list[list[ManifestFile]]]
"""Of the manifests that may be merged: those that become one, or one for each spec."""


def _merge(
    manifests: list[ManifestFile], writer: _Writer, choose: Choose
) -> tuple[list[ManifestFile], list[ManifestFile]]:
    """The manifests written and kept."""
    written, chosen = [], set[str]()
    for together in choose([m for m in manifests if _mergeable(m)]):
        entries = (_stayed(entry) for manifest in together for entry in live_entries(manifest, writer.files))
        written += writer.by_spec(entries)
        chosen |= {manifest.manifest_path for manifest in together}
    return written, [manifest for manifest in manifests if manifest.manifest_path not in chosen]


def _mergeable(manifest: ManifestFile) -> bool:
    data = manifest.content == ManifestContent.DATA
    return data and manifest.manifest_length < MANIFEST_BYTES


def _all_small(manifests: list[ManifestFile]) -> list[list[ManifestFile]]:
    """All that are worth merging where somebody asks for it."""
    stored = [StoredManifest(m.partition_spec_id, m.manifest_length) for m in manifests]
    return [[manifests[place] for place in each] for each in bins(stored) if len(each) > 1]


def _full_class(manifests: list[ManifestFile]) -> list[list[ManifestFile]]:
    """MERGE or more manifests of the lowest full size class.

    Merging by class costs each file a logarithm of rewrites; merging all small ones at once would rewrite all files
    every MERGE commits.
    """
    classes: dict[int, list[ManifestFile]] = {}
    for manifest in manifests:
        classes.setdefault(_size_class(_live_files(manifest)), []).append(manifest)
    return next(([classes[size]] for size in sorted(classes) if len(classes[size]) >= MERGE), [])


def _size_class(files: int) -> int:
    return 0 if files < MERGE else 1 + _size_class(files // MERGE)


def _live_files(manifest: ManifestFile) -> int:
    return (manifest.added_files_count or 0) + (manifest.existing_files_count or 0)


def _entry(status: ManifestEntryStatus, snapshot_id: int, file: DataFile) -> ManifestEntry:
    return ManifestEntry.from_args(
        status=status, snapshot_id=snapshot_id, sequence_number=None, file_sequence_number=None, data_file=file
    )


def _stayed(old: ManifestEntry) -> ManifestEntry:
    return _moved(ManifestEntryStatus.EXISTING, old.snapshot_id, old)


def _gone(old: ManifestEntry, snapshot_id: int) -> ManifestEntry:
    return _moved(ManifestEntryStatus.DELETED, snapshot_id, old)


def _moved(status: ManifestEntryStatus, snapshot_id: int | None, old: ManifestEntry) -> ManifestEntry:
    return ManifestEntry.from_args(
        status=status,
        snapshot_id=snapshot_id,
        sequence_number=old.sequence_number,
        file_sequence_number=old.file_sequence_number,
        data_file=old.data_file,
    )


def _spec_of(entry: ManifestEntry) -> int:
    return entry.data_file.spec_id


def _summarised(
    draft: SnapshotDraft, gone: Sequence[ManifestEntry], before: Sequence[ManifestFile]
) -> tuple[str, dict[str, str]]:
    """The operation, and the counts that Iceberg's readers expect (spec, "Optional Snapshot Summary Fields")."""
    added = _sums("added", "data-files", draft.added)
    removed = _sums("deleted", "data-files", [entry.data_file for entry in gone])
    removed["removed-files-size"] = removed.pop("deleted-files-size")
    deletes = sum(_live_files(m) for m in before if m.content == ManifestContent.DELETES)
    everything = draft.removes is None
    changes = added | removed | {"removed-delete-files": deletes if everything else 0}
    totals = _totals_alone(added) if everything else _totals_after(draft.parent, added, removed)
    operation = draft.operation or ("append" if draft.removes == frozenset() else "overwrite")
    return operation, {name: str(n) for name, n in changes.items() if n} | totals


def _sums(verb: str, noun: str, files: Sequence[DataFile]) -> dict[str, int]:
    return {
        f"{verb}-{noun}": len(files),
        f"{verb}-records": sum(file.record_count for file in files),
        f"{verb}-files-size": sum(file.file_size_in_bytes for file in files),
    }


_COUNTED: Final = ("data-files", "records")
_TOTALS: Final = (*_COUNTED, "files-size", "delete-files", "position-deletes", "equality-deletes")


def _totals_alone(added: Mapping[str, int]) -> dict[str, str]:
    return {f"total-{name}": str(added.get(f"added-{name}", 0)) for name in _TOTALS}


def _totals_after(
    parent: Mapping[str, Any] | None, added: Mapping[str, int], removed: Mapping[str, int]
) -> dict[str, str]:
    """The parent's totals, plus what was added and minus what was removed. A total that the parent lacks stays
    unknown.
    """
    if parent is None:
        return _totals_alone(added)
    known = parent.get("summary") or {}
    gone = {"files-size": removed["removed-files-size"], **{n: removed.get(f"deleted-{n}", 0) for n in _COUNTED}}
    changed = {name: added.get(f"added-{name}", 0) - gone.get(name, 0) for name in _TOTALS}
    present = [name for name in _TOTALS if f"total-{name}" in known]
    return {f"total-{name}": str(int(known[f"total-{name}"]) + changed[name]) for name in present}
