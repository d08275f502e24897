"""A scan names everything that hides rows, or refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pyiceberg.avro.file import AvroOutputFile
from pyiceberg.manifest import (
    DATA_FILE_TYPE,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
)
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.typedef import Record, TableVersion

from lakeflow.adapters.iceberg.commit.commits import TableCommit
from lakeflow.adapters.iceberg.disk.pyiceberg_io import ObjectFiles
from lakeflow.adapters.iceberg.manifests import snapshots
from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, metadata_directory
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.foreign import Equality, FileOrigin
from lakeflow.core.model.table import MAIN, DeleteFile, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.objects import Scratch
from tests.iceberg.lab import FLIGHTS, Lab


class _DeleteWriter(ManifestWriterV2):
    """Writes delete manifests, with format v3's fields, which pyiceberg itself does not write."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def version(self) -> TableVersion:
        return 3

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}

    def new_writer(self) -> AvroOutputFile[ManifestEntry]:
        schema = self._with_partition(3)
        return AvroOutputFile(self._output_file, schema, "manifest_entry", schema, self._meta)


def _with_deletes(lab: Lab, **arguments: Any) -> Table:
    """As another engine's row-level delete leaves main: one delete file more, in a delete manifest."""
    known = {field.name: None for field in DATA_FILE_TYPE[3].fields}
    file = {
        "file_format": FileFormat.PARQUET,
        "partition": Record(),
        "record_count": 1,
        "file_size_in_bytes": 10,
        "file_path": "file:///lake/deletes",
    }

    def plan(found: Mapping[AssetKey, LoadedTable], scratch: Scratch) -> list[TableCommit]:
        now = found[FLIGHTS]
        files, directory = ObjectFiles(DISK, scratch), metadata_directory(now.table)
        head = next(entry for entry in now.json["snapshots"] if entry["snapshot-id"] == now.table.main)
        draft = snapshots.SnapshotDraft(
            head, now.json["schemas"][0], [], removes=frozenset(), summary={}, at_ms=now.updated_ms
        )
        writer = snapshots._writer(now.json, draft, files, directory)
        schema = IcebergSchema.model_validate(draft.schema)
        output = files.new_output(f"{directory}/deletes-m0.avro")
        with _DeleteWriter(UNPARTITIONED_PARTITION_SPEC, schema, output, writer.snapshot_id, "deflate") as deletes:
            data_file = DataFile.from_args(_table_format_version=3, **known | file | arguments)
            deletes.add_entry(
                ManifestEntry.from_args(
                    _table_format_version=3,
                    status=ManifestEntryStatus.ADDED,
                    snapshot_id=writer.snapshot_id,
                    sequence_number=None,
                    file_sequence_number=None,
                    data_file=data_file,
                )
            )
        sequence = now.json["last-sequence-number"] + 1
        manifests = [deletes.to_manifest_file(), *snapshots.live_manifests(head, files)]
        snapshot = {
            "snapshot-id": writer.snapshot_id,
            "parent-snapshot-id": now.table.main,
            "sequence-number": sequence,
            "timestamp-ms": now.updated_ms,
            "manifest-list": writer.manifest_list(manifests, now.table.main, sequence),
            "summary": {**head["summary"], "operation": "delete", "total-delete-files": "1"},
            "schema-id": 0,
        }
        return [TableCommit(now, (u.AddSnapshot(snapshot), u.SetBranch(MAIN, writer.snapshot_id)))]

    return lab.catalog._commits.run([FLIGHTS], plan)[FLIGHTS]


def test_position_deletes_are_listed(lab: Lab) -> None:
    lab.land([1, 2])
    table = _with_deletes(lab, content=DataFileContent.POSITION_DELETES)
    assert lab.catalog.statistics(table, table.main or 0) is None, "nothing is certain where rows are hidden"
    scan = lab.catalog.scan(table, table.main)
    assert scan.deletes == (DeleteFile("/lake/deletes", "parquet", sequence=2),)
    assert scan.rows == 2


def test_deletion_vectors_say_where_they_stand_and_what_they_cover(lab: Lab) -> None:
    lab.land([1, 2])
    table = _with_deletes(
        lab,
        content=DataFileContent.POSITION_DELETES,
        file_format=FileFormat.PUFFIN,
        referenced_data_file="file:/lake/a.parquet",
        content_offset=4,
        content_size_in_bytes=40,
    )
    assert lab.catalog.scan(table, table.main).deletes == (
        DeleteFile("/lake/deletes", "puffin", "/lake/a.parquet", 4, 40, sequence=2),
    )


def test_equality_deletes_say_by_which_columns_and_which_files_came_before_them(lab: Lab) -> None:
    lab.land([1, 2])
    table = _with_deletes(lab, content=DataFileContent.EQUALITY_DELETES, equality_ids=[1])
    scan = lab.catalog.scan(table, table.main)
    assert scan.deletes == (DeleteFile("/lake/deletes", "parquet", sequence=2, equality=Equality((1,))),)
    assert scan.origins == {scan.files[0]: FileOrigin(sequence=1)}


def test_an_append_keeps_delete_files_and_a_replace_drops_them(lab: Lab) -> None:
    lab.land([1, 2])
    _with_deletes(lab, content=DataFileContent.POSITION_DELETES)
    appended = lab.land([3], "r2")
    assert len(lab.catalog.scan(appended, appended.main).deletes) == 1
    replaced = lab.land([4], "r3", WriteMode.REPLACE)
    assert lab.catalog.scan(replaced, replaced.main).deletes == ()
    assert replaced.published is not None
    assert replaced.published.summary["removed-delete-files"] == "1"
    assert replaced.published.summary["total-delete-files"] == "0"


def test_the_history_of_schemas_comes_along(lab: Lab) -> None:
    table = lab.land([1])
    assert lab.catalog.scan(table, table.main).schemas == (table.schema,)


def test_sizes_are_added_up(lab: Lab) -> None:
    lab.land([1])
    table = lab.land([2, 3], "r2")
    scan = lab.catalog.scan(table, table.main)
    assert (scan.rows, len(scan.files)) == (3, 2)
    assert scan.bytes > 0


def test_a_missing_manifest_is_named(lab: Lab) -> None:
    table = lab.land([1])
    for file in lab.warehouse.rglob("*-m0.avro"):
        file.unlink()
    with pytest.raises(LakeError, match=r"cannot read .*-m0\.avro: No such file"):
        lab.catalog.scan(table, table.main)
    with pytest.raises(LakeError, match=r"cannot read .*-m0\.avro: No such file"):
        lab.stage([2], "r2", WriteMode.REPLACE)


@pytest.mark.parametrize("content", [b"", b"Obj\x01", b"rubbish" * 100])
@pytest.mark.parametrize("name", ["*-m0.avro", "snap-*.avro"])
def test_a_damaged_manifest_is_named(lab: Lab, name: str, content: bytes) -> None:
    table = lab.land([1])
    for file in lab.warehouse.rglob(name):
        file.write_bytes(content)
    with pytest.raises(LakeError, match=r"\.avro is damaged"):
        lab.catalog.scan(table, table.main)


@pytest.mark.parametrize("cut", [10, 200, 1000])
def test_a_manifest_cut_short_is_named(lab: Lab, cut: int) -> None:
    table = lab.land([1])
    for file in lab.warehouse.rglob("*-m0.avro"):
        file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(LakeError, match=r"\.avro is damaged"):
        lab.catalog.scan(table, table.main)


def test_a_name_mapping_means_that_files_may_lack_ids(lab: Lab) -> None:
    lab.land([1])

    def plan(found: Mapping[AssetKey, LoadedTable], _: Scratch) -> list[TableCommit]:
        return [TableCommit(found[FLIGHTS], (u.SetProperties({"schema.name-mapping.default": "[]"}),))]

    table = lab.catalog._commits.run([FLIGHTS], plan)[FLIGHTS]
    assert lab.catalog.scan(table, table.main).unmarked
