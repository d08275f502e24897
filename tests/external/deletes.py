"""Delete files as Spark leaves them, committed to another team's table by our own snapshot builder."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.typedef import Record

from tests.external.lab import Theirs


class _DeleteManifest(ManifestWriterV2):
    """pyiceberg writes manifests of data files only."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def hide_first_row(theirs: Theirs) -> None:
    """The first row of the first file is deleted from now on; the file of it holds path and position."""
    with closing(theirs.catalog()) as catalog:
        table = catalog.load_table("shop.orders")
        target = next(iter(table.scan().plan_files())).file.file_path
        rows = pa.table({"file_path": [target], "pos": pa.array([0], pa.int64())})
        _rewrite(table, _delete_file(table, rows, DataFileContent.POSITION_DELETES))


def hide_id(theirs: Theirs, value: int | None, column: str = "PARQUET:field_id") -> None:
    """Rows with this id are deleted from now on, by their value; `column` is the footer's key of the column's id."""
    with closing(theirs.catalog()) as catalog:
        table = catalog.load_table("shop.orders")
        schema = pa.schema([pa.field("id", pa.int64(), metadata={column: "1"})])
        rows = pa.table({"id": [value]}, schema=schema)
        _rewrite(table, _delete_file(table, rows, DataFileContent.EQUALITY_DELETES))


def _delete_file(table: Table, rows: pa.Table, content: DataFileContent) -> DataFile:
    path = Path(table.location().removeprefix("file://")) / "data" / "deletes.parquet"
    pq.write_table(rows, path)
    return DataFile.from_args(
        content=content,
        file_path=f"file://{path}",
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=1,
        file_size_in_bytes=path.stat().st_size,
        equality_ids=[1] if content is DataFileContent.EQUALITY_DELETES else None,
    )


def _rewrite(table: Table, file: DataFile) -> None:
    """Into the table's present metadata file, whose snapshot gets another manifest list, as a commit later."""
    io, snapshot = PyArrowFileIO(), table.current_snapshot()
    assert snapshot is not None
    folder = table.location() + "/metadata"
    with _DeleteManifest(
        table.spec(), table.schema(), io.new_output(f"{folder}/d.avro"), snapshot.snapshot_id, "deflate"
    ) as m:
        m.add_entry(
            ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=snapshot.snapshot_id, data_file=file)
        )
    manifests = [*snapshot.manifests(io), m.to_manifest_file()]
    listed, later = f"{folder}/snap-with-deletes.avro", (snapshot.sequence_number or 0) + 1
    with write_manifest_list(
        2,
        io.new_output(listed),
        snapshot.snapshot_id,
        snapshot.parent_snapshot_id,
        later,
        "deflate",
    ) as writer:
        writer.add_manifests(manifests)
    path = Path(table.metadata_location.removeprefix("file://"))
    metadata = json.loads(path.read_text())
    metadata["snapshots"][-1] |= {"manifest-list": listed, "sequence-number": later}
    metadata["snapshots"][-1]["summary"]["total-delete-files"] = "1"
    metadata["last-sequence-number"] = later
    path.write_text(json.dumps(metadata))
