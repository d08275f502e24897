"""The files of one snapshot, so that an engine can read it without asking a catalog again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pyiceberg.manifest import (
    DATA_FILE_TYPE,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.typedef import Record

from lakeflow.adapters.iceberg import decoding
from lakeflow.adapters.iceberg.avro import LocalFiles
from lakeflow.adapters.iceberg.fileio import Scratch, local_path
from lakeflow.adapters.iceberg.layouts import known_spec
from lakeflow.adapters.iceberg.metadata import Found
from lakeflow.adapters.iceberg.snapshots import intelligible, live_entries, live_manifests
from lakeflow.adapters.iceberg.statistics import statistics_of
from lakeflow.adapters.iceberg.types import has_default
from lakeflow.core.errors import AssetError
from lakeflow.core.layout import Layout, Partition
from lakeflow.core.model import AssetKey
from lakeflow.core.provenance import provenance_of
from lakeflow.core.table import DeleteFile, Scan, Statistics, Table

_NAME_MAPPING: Final = "schema.name-mapping.default"
_FIELDS: Final = {field.name: position for position, field in enumerate(DATA_FILE_TYPE[3].fields)}


def scan(found: Found[Any], snapshot_id: int | None) -> Scan:
    """AssetError for a snapshot that is not kept or cannot be read exactly, LakeError for missing metadata."""
    table = found.table
    schema = table.schema if snapshot_id is None else _kept(table, snapshot_id)
    pinned = Scan(table.key, snapshot_id, schema, history=tuple(table.schemas.values()))
    if snapshot_id is None:
        return pinned
    _refuse_defaults(found)
    data, deletes = _live_entries(table, _json_of(found, snapshot_id))
    return replace(
        _holding(pinned, table, data), deletes=tuple(_delete_file(table, each.data_file) for each in deletes)
    )


def statistics(found: Found, snapshot_id: int) -> Statistics | None:
    """None where rows are deleted, or another engine wrote a file. Errors as those of `scan`."""
    table, schema = found.table, _kept(found.table, snapshot_id)
    data, deletes = _live_entries(table, _json_of(found, snapshot_id))
    if deletes or any(_foreign(table, entry) for entry in data):
        return None
    return statistics_of([entry.data_file for entry in data], schema)


def scan_added(found: Found, snapshot_id: int, appends: Sequence[int]) -> Scan:
    """The rows that these appends brought, in the columns of `snapshot_id`; errors as those of `scan`.

    Their own manifests name the files, so that one which a compaction took out of the table later is read too.
    """
    table = found.table
    _refuse_defaults(found)
    data = [entry for append in appends for entry in _added_entries(_json_of(found, append))]
    schema = _kept(table, snapshot_id)
    return _holding(Scan(table.key, snapshot_id, schema, history=tuple(table.schemas.values())), table, data)


def _holding(pinned: Scan, table: Table[Any], data: Sequence[ManifestEntry]) -> Scan:
    """The scan of these data files."""
    _refuse_other_formats(table, data)
    return replace(
        pinned,
        files=tuple(_local(entry.data_file.file_path) for entry in data),
        rows=sum(entry.data_file.record_count for entry in data),
        bytes=sum(entry.data_file.file_size_in_bytes for entry in data),
        unmarked=_NAME_MAPPING in table.properties or any(_foreign(table, entry) for entry in data),
    )


def _json_of(found: Found[Any], snapshot_id: int) -> Mapping[str, Any]:
    return next(entry for entry in found.json["snapshots"] if entry["snapshot-id"] == snapshot_id)


def partitions(found: Found[AssetKey], snapshot_id: int, layout: Layout) -> dict[str, Partition]:
    """The snapshot's data files that were written in that layout, by path."""
    spec = known_spec(found.json, layout, _current_schema(found))
    files = LocalFiles(Scratch())
    return {
        _local(each.data_file.file_path): _values(each.data_file.partition)
        for manifest in live_manifests(_json_of(found, snapshot_id), files)
        if manifest.content == ManifestContent.DATA and manifest.partition_spec_id == spec
        for each in live_entries(manifest, files)
    }


def _values(partition: Record) -> Partition:
    return tuple(partition[place] for place in range(len(partition)))


def _current_schema(found: Found[Any]) -> Mapping[str, Any]:
    return next(schema for schema in found.json["schemas"] if schema["schema-id"] == found.table.schema_id)


def _kept(table: Table[Any], snapshot_id: int) -> Any:
    if snapshot_id not in table.snapshots:
        raise AssetError(
            f"{table.key}: snapshot {snapshot_id} is not kept any more",
            hint=f"`lakeflow snapshots {table.key}` lists those that are"
            if isinstance(table.key, AssetKey)
            else "plan again on what its catalog keeps now",
            asset=table.key,
        )
    return table.schema_of(snapshot_id)


def _refuse_defaults(found: Found[Any]) -> None:
    if any(map(has_default, found.json.get("schemas") or ())):
        raise AssetError(
            f"{found.table.key}: a column has a default value for older files (format v3), "
            "which this release cannot read",
            hint="rewrite its files with the engine that added the column",
            asset=found.table.key,
        )


def _refuse_other_formats(table: Table[Any], files: Sequence[ManifestEntry]) -> None:
    if other := next((entry for entry in files if entry.data_file.file_format != FileFormat.PARQUET), None):
        raise AssetError(
            f"{table.key}: {other.data_file.file_path} is not a Parquet file",
            hint="rewrite the table as Parquet with the engine that wrote it",
            asset=table.key,
        )


def _live_entries(table: Table[Any], snapshot: Mapping[str, Any]) -> tuple[list[ManifestEntry], list[ManifestEntry]]:
    """(data files, delete files)"""
    files = LocalFiles(Scratch())
    data: list[ManifestEntry] = []
    deletes: list[ManifestEntry] = []
    for manifest in live_manifests(snapshot, files):
        kind = data if manifest.content == ManifestContent.DATA else deletes
        with intelligible(manifest.manifest_path):
            kind.extend(_entries(manifest, files))
    return data, deletes


def _added_entries(snapshot: Mapping[str, Any]) -> Iterator[ManifestEntry]:
    """Live data files that the snapshot itself added."""
    files = LocalFiles(Scratch())
    own = snapshot["snapshot-id"]
    for manifest in live_manifests(snapshot, files):
        if manifest.content == ManifestContent.DATA and manifest.added_snapshot_id == own:
            with intelligible(manifest.manifest_path):
                yield from (entry for entry in _entries(manifest, files) if entry.snapshot_id == own)


def _entries(manifest: ManifestFile, files: LocalFiles) -> Iterator[ManifestEntry]:
    """Live entries with the fields of format v3: pyiceberg's own reader drops where a deletion vector stands."""
    with decoding.manifest(files.new_input(manifest.manifest_path)) as entries:
        for entry in entries:
            if entry.status != ManifestEntryStatus.DELETED:
                if entry.snapshot_id is None and manifest.added_snapshot_id is not None:
                    entry.snapshot_id = manifest.added_snapshot_id  # inherited, says the spec
                yield entry


def _delete_file(table: Table[Any], file: DataFile) -> DeleteFile:
    if file.content == DataFileContent.EQUALITY_DELETES:
        raise AssetError(
            f"{table.key}: it has equality deletes, which this release cannot read exactly",
            hint="compact the table with the engine that wrote them (rewrite_data_files)",
            asset=table.key,
        )
    target = _of(file, "referenced_data_file")
    return DeleteFile(
        path=_local(file.file_path),
        format=file.file_format.value.lower(),
        target=None if target is None else _local(target),
        offset=_of(file, "content_offset") or 0,
        length=_of(file, "content_size_in_bytes") or 0,
    )


def _of(file: DataFile, name: str) -> Any:
    return file._data[_FIELDS[name]]  # noqa: SLF001 - pyiceberg reads these fields but names no property for them


def _foreign(table: Table[Any], entry: ManifestEntry) -> bool:
    """May the file lack field ids? Ours never do; of an expired writer only the place of the file is known."""
    writer = table.snapshots.get(entry.snapshot_id or 0)
    if writer is not None:
        return provenance_of(writer.summary) is None
    return not _local(entry.data_file.file_path).startswith(f"{_local(table.location)}/")


def _local(location: str) -> str:
    return str(local_path(location))
