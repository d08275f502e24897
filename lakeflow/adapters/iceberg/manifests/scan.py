"""The files of one snapshot, so that an engine can read it without asking a catalog again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pyiceberg.manifest import (
    DATA_FILE_TYPE,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestFile,
)
from pyiceberg.typedef import Record

from lakeflow.adapters.iceberg.disk.pyiceberg_io import ObjectFiles
from lakeflow.adapters.iceberg.manifests.manifests import Live, Manifests
from lakeflow.adapters.iceberg.manifests.snapshots import live_manifests
from lakeflow.adapters.iceberg.manifests.statistics import ColumnStatistics, facts_of, known
from lakeflow.adapters.iceberg.metadata import foreign
from lakeflow.adapters.iceberg.metadata.layouts import known_spec
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable
from lakeflow.adapters.objects import DISK
from lakeflow.core.compact.stored import Stored, StoredFile, StoredManifest
from lakeflow.core.errors import AssetError, LakeError
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.foreign import Equality, FileOrigin
from lakeflow.core.model.layout import Layout, Partition
from lakeflow.core.model.provenance import is_ours
from lakeflow.core.model.schema import Field
from lakeflow.core.model.table import DeleteFile, Scan, Statistics, Table
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects

_OUR_NAME: Final = re.compile(r"f-[0-9a-f-]{36}(-sha256-[0-9a-f]{64})?\.parquet")
_FIELDS: Final = {field.name: position for position, field in enumerate(DATA_FILE_TYPE[3].fields)}


class Scans:
    """Reads snapshots through a cache of manifests."""

    def __init__(self, objects: Objects = DISK) -> None:
        self._objects = objects
        self._manifests = Manifests(objects=objects)

    def scan(self, found: LoadedTable[Any], snapshot_id: int | None) -> Scan:
        """AssetError for a snapshot that is not kept, SchemaError for a column that cannot be read, LakeError for
        metadata that is missing or not understood.
        """
        pinned = _pinned(found, snapshot_id)
        if snapshot_id is None:
            return pinned
        data, deletes = _by_content(self._listed(_json_of(found, snapshot_id)))
        return _holding(pinned, found, self._live(data), self._live(deletes))

    def statistics(self, found: LoadedTable, snapshot_id: int) -> Statistics | None:
        """The statistics of a snapshot. None where rows are deleted, or another engine wrote a file. Errors as in
        `scan`.
        """
        schema = _kept(found.table, snapshot_id)
        data, deletes = _by_content(self._listed(_json_of(found, snapshot_id)))
        live = self._live(data)
        if self._live(deletes) or _are_foreign(found.table, live):
            return None
        parts = {field: [self._manifests.known(each, field) for each in data] for field in schema.fields}
        facts = {field.name: facts_of(field, found) for field, found in parts.items()}
        rows = sum(each.file.record_count for each in live)
        return Statistics(rows, {name: certain for name, certain in facts.items() if certain is not None})

    def scan_added(self, found: LoadedTable, snapshot_id: int, appends: Sequence[int]) -> Scan:
        """The rows that these appends added, in the columns of `snapshot_id`. Errors as in `scan`.

        The appends' own manifests name the files, so a file that a compaction removed from the table later is read too.
        """
        pinned = _pinned(found, snapshot_id)
        for append in appends:
            _kept(found.table, append)
        data = [each for append in appends for each in self._added(_json_of(found, append))]
        return _holding(pinned, found, data)

    def near(self, found: LoadedTable, snapshot_id: int, columns: Sequence[str]) -> Scan:
        """The files that the snapshot added, and all files that may hold a row with the same values, by their bounds.

        Whole manifests are ruled out first, so that a table of thousands of files need not be looked at file by file.
        """
        schema = _kept(found.table, snapshot_id)
        snapshot = _json_of(found, snapshot_id)
        data, deletes = _by_content(self._listed(snapshot))
        if not columns or self._live(deletes):
            return self.scan(found, snapshot_id)
        mine = [each.file for each in self._added(snapshot)]
        ranges = {each: known(each, mine) for name in columns if (each := schema.find(name))}
        met = [each for each in data if _may_meet(ranges, {one: self._manifests.known(each, one) for one in ranges})]
        near = [each for each in self._live(met) if _may_meet(ranges, {one: known(one, [each.file]) for one in ranges})]
        return _holding(_pinned(found, snapshot_id), found, near)

    def partitions(self, found: LoadedTable[AssetKey], snapshot_id: int, layout: Layout) -> dict[str, Partition]:
        """The snapshot's data files that were written in that layout, by path."""
        _kept(found.table, snapshot_id)
        schemas = {schema["schema-id"]: schema for schema in found.json["schemas"]}
        spec = known_spec(found.json, layout, schemas[found.table.schema_id])
        data, _ = _by_content(self._listed(_json_of(found, snapshot_id)))
        live = self._live([each for each in data if each.partition_spec_id == spec])
        return {each.path: _values(each.file.partition) for each in live}

    def stored(self, found: LoadedTable[AssetKey], snapshot_id: int, layout: Layout) -> Stored:
        """How the snapshot's rows lie in files, seen from that layout."""
        placed = self.partitions(found, snapshot_id, layout)
        data, deletes = _by_content(self._listed(_json_of(found, snapshot_id)))
        files = (
            StoredFile(e.path, e.file.record_count, e.file.file_size_in_bytes, placed.get(e.path))
            for e in self._live(data)
        )
        schemas = {schema["schema-id"]: schema for schema in found.json["schemas"]}
        own = known_spec(found.json, layout, schemas[found.table.schema_id]) == found.json["default-spec-id"]
        return Stored(
            tuple(files),
            tuple(StoredManifest(each.partition_spec_id, each.manifest_length) for each in data),
            tuple(each.path for each in self._live(deletes)),
            own,
        )

    def _listed(self, snapshot: Mapping[str, Any]) -> list[ManifestFile]:
        return live_manifests(snapshot, ObjectFiles(self._objects))

    def _live(self, manifests: Iterable[ManifestFile]) -> list[Live]:
        return [each for manifest in manifests for each in self._manifests.live(manifest)]

    def _added(self, snapshot: Mapping[str, Any]) -> Iterator[Live]:
        """Live data files that the snapshot itself added."""
        own, (data, _) = snapshot["snapshot-id"], _by_content(self._listed(snapshot))
        live = self._live([each for each in data if each.added_snapshot_id == own])
        return (each for each in live if each.writer == own)


def _may_meet(mine: Mapping[Field, ColumnStatistics], theirs: Mapping[Field, ColumnStatistics]) -> bool:
    """May both hold the same value of each of these columns?"""
    return all(each.may_meet(theirs[field]) for field, each in mine.items())


def _by_content(manifests: Sequence[ManifestFile]) -> tuple[list[ManifestFile], list[ManifestFile]]:
    """The manifests of data files, and those of delete files."""
    data = [each for each in manifests if each.content == ManifestContent.DATA]
    return data, [each for each in manifests if each.content != ManifestContent.DATA]


def _pinned(found: LoadedTable[Any], snapshot_id: int | None) -> Scan:
    """The scan without its files. Main is read in the table's own schema, which another engine may change by itself."""
    table = found.table
    schema = table.schema if snapshot_id is None else _kept(table, snapshot_id)
    foreign.refuse_unreadable(table, schema)
    defaults = foreign.defaults_of(table, found.json, schema)
    return Scan(table.key, snapshot_id, schema, schemas=tuple(table.schemas.values()), defaults=defaults)


def _holding(pinned: Scan, found: LoadedTable[Any], data: Sequence[Live], deletes: Sequence[Live] = ()) -> Scan:
    """The scan of these data files around what these delete files hide."""
    table = found.table
    _refuse_other_formats(table, data)
    unmarked = foreign.NAME_MAPPING in table.properties or _are_foreign(table, data)
    origin = _Origins(found)
    return replace(
        pinned,
        files=tuple(each.path for each in data),
        rows=sum(each.file.record_count for each in data),
        bytes=sum(each.file.file_size_in_bytes for each in data),
        deletes=tuple(_delete_file(each, origin(each).scope) for each in deletes),
        unmarked=unmarked,
        origins={each.path: origin(each) for each in data} if unmarked or deletes else EMPTY,
        names=foreign.names_of(table) if unmarked else (),
    )


class _Origins:
    """Where the files of a table come from; most of them from a few partitions."""

    def __init__(self, found: LoadedTable[Any]) -> None:
        self._table = found.table
        self._specs = {spec["spec-id"]: spec for spec in found.json.get("partition-specs") or ()}

    def __call__(self, live: Live) -> FileOrigin:
        """LakeError for a spec that the table does not have."""
        spec = self._specs.get(live.spec_id)
        if spec is None:
            raise LakeError(f"{self._table.key}: {live.path} is of partition spec {live.spec_id}, which is not there")
        return foreign.origin_of(self._table, spec, _values(live.file.partition), live.sequence)


def _json_of(found: LoadedTable[Any], snapshot_id: int) -> Mapping[str, Any]:
    return next(entry for entry in found.json["snapshots"] if entry["snapshot-id"] == snapshot_id)


def _values(partition: Record) -> Partition:
    return tuple(partition[place] for place in range(len(partition)))


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


_AS_PARQUET: Final = (
    "let its owner rewrite it as Parquet; in Spark: ALTER TABLE {table} SET TBLPROPERTIES "
    "('write.format.default' = 'parquet'), then CALL system.rewrite_data_files(table => '{table}', "
    "options => map('rewrite-all', 'true'))"
)


def _refuse_other_formats(table: Table[Any], files: Sequence[Live]) -> None:
    if other := next((each.file for each in files if each.file.file_format != FileFormat.PARQUET), None):
        raise AssetError(
            f"{table.key}: {other.file_path} is not a Parquet file: data in {other.file_format.value} is not read",
            hint=_AS_PARQUET.format(table=str(table.key).partition(".")[2] or table.key),
            asset=table.key,
        )


def _delete_file(live: Live, scope: str) -> DeleteFile:
    file = live.file
    target = _of(file, "referenced_data_file")
    by_value = file.content == DataFileContent.EQUALITY_DELETES
    return DeleteFile(
        path=live.path,
        format=file.file_format.value.lower(),
        target=None if target is None or by_value else path_of(target),
        offset=_of(file, "content_offset") or 0,
        length=_of(file, "content_size_in_bytes") or 0,
        sequence=live.sequence,
        equality=Equality(tuple(file.equality_ids or ()), scope) if by_value else None,
    )


def _of(file: DataFile, name: str) -> Any:
    return file._data[_FIELDS[name]]  # noqa: SLF001 - pyiceberg reads these fields but names no property for them


def _are_foreign(table: Table[Any], files: Sequence[Live]) -> bool:
    """May a file lack field ids or columns? Ours never do. Of a file whose snapshot has expired, only the name tells
    who wrote it.
    """
    ours = {snapshot.id: is_ours(snapshot.summary) for snapshot in table.snapshots.values()}
    home = f"{path_of(table.location)}/"
    return not all(ours.get(each.writer or 0, _may_be_ours(each.path, home)) for each in files)


def _may_be_ours(path: str, home: str) -> bool:
    return path.startswith(home) and _OUR_NAME.fullmatch(path.rpartition("/")[2]) is not None
