"""Manifests by our writer and reader of Avro beside those by pyiceberg: the same header, records and entries."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    read_manifest_list,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, IdentityTransform
from pyiceberg.typedef import Record
from pyiceberg.types import DateType, DecimalType, LongType, NestedField, StringType

from lakeflow.adapters.iceberg.disk import avro_writer
from lakeflow.adapters.iceberg.disk.avro import Container, unpack
from lakeflow.adapters.iceberg.disk.pyiceberg_io import ObjectFiles
from lakeflow.adapters.iceberg.manifests.snapshots import live_entries
from lakeflow.adapters.objects import DISK
from tests.explored import explored

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "näme of it", StringType(), doc="what it is called"),
    NestedField(3, "day", DateType()),
    NestedField(4, "price", DecimalType(20, 3)),
)
WHOLE = PartitionSpec(spec_id=0)
PARTED = PartitionSpec(
    PartitionField(2, 1000, IdentityTransform(), "näme of it"),
    PartitionField(3, 1001, IdentityTransform(), "day"),
    PartitionField(4, 1002, IdentityTransform(), "price"),
    PartitionField(1, 1003, BucketTransform(8), "id_bucket"),
    spec_id=3,
)
SNAPSHOT = 2**62 + 5
LONGS = st.integers(0, 2**63 - 1)
COUNTS = st.dictionaries(st.integers(0, 2**31 - 1), LONGS, max_size=3)
BOUNDS = st.dictionaries(st.integers(0, 2**31 - 1), st.binary(max_size=20), max_size=3)
PARTITIONS = st.tuples(
    st.none() | st.text(max_size=5),
    st.none() | st.integers(-800_000, 800_000),
    st.none() | st.decimals(-(10**16), 10**16, places=3),
    st.integers(0, 7),
)
STATES = st.sampled_from(list(ManifestEntryStatus))

WRITING = """
import sys
from lakeflow.adapters.iceberg.commit import staging
from lakeflow.adapters.iceberg.disk import avro_writer
from lakeflow.adapters.iceberg.disk.pyiceberg_io import ObjectFiles
from lakeflow.adapters.objects import DISK

files = ObjectFiles(DISK)
with avro_writer.manifest_list(files.new_output("/nowhere/snap.avro"), 1, None, 1) as writer:
    writer.add_manifests([])
print(*(name in sys.modules for name in ("pyiceberg.manifest", "pyiceberg.table", "pyparsing")))
"""


def _entry(spec: PartitionSpec, status: ManifestEntryStatus, parted: Sequence[Any], **counted: Any) -> ManifestEntry:
    file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path="file:///lake/data/é.parquet",
        file_format=FileFormat.PARQUET,
        partition=Record(*parted) if spec.fields else Record(),
        key_metadata=None,
        split_offsets=None,
        equality_ids=None,
        **counted,
    )
    file.spec_id = spec.spec_id
    numbers = None if status == ManifestEntryStatus.ADDED else 7
    return ManifestEntry.from_args(
        status=status,
        snapshot_id=SNAPSHOT,
        sequence_number=numbers,
        file_sequence_number=numbers,
        data_file=file,
    )


@st.composite
def _manifests(draw: st.DrawFn) -> tuple[PartitionSpec, list[ManifestEntry]]:
    spec = draw(st.sampled_from([WHOLE, PARTED]))
    of = {
        **dict.fromkeys(("record_count", "file_size_in_bytes"), st.integers(0, 2**60)),  # which add up within a long
        **dict.fromkeys(("column_sizes", "value_counts", "null_value_counts", "nan_value_counts"), COUNTS),
        **dict.fromkeys(("lower_bounds", "upper_bounds"), BOUNDS),
        "sort_order_id": st.none() | st.integers(0, 3),
    }
    entry = st.builds(_entry, st.just(spec), STATES, PARTITIONS, **of)
    return spec, draw(st.lists(entry, min_size=1, max_size=4))


@explored(10)
@given(manifest=_manifests())
def test_a_manifest_and_its_list_are_what_pyiceberg_would_write(
    manifest: tuple[PartitionSpec, list[ManifestEntry]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root, files = tmp_path_factory.mktemp("avro"), PyArrowFileIO()
    spec, entries = manifest
    made: dict[str, tuple[Container, Container]] = {}
    for name in ("theirs", "ours"):
        output = files.new_output(f"{root}/{name}.avro")
        theirs = write_manifest(2, spec, SCHEMA, output, SNAPSHOT, "deflate")
        with theirs if name == "theirs" else avro_writer.manifest(spec, SCHEMA, output, SNAPSHOT) as writer:
            for entry in entries:
                writer.add_entry(entry)
        written = writer.to_manifest_file()
        assert written.manifest_length == (root / f"{name}.avro").stat().st_size
        listed = files.new_output(f"{root}/{name}.list")
        their_list = write_manifest_list(2, listed, SNAPSHOT, 4, 9, "deflate")
        with their_list if name == "theirs" else avro_writer.manifest_list(listed, SNAPSHOT, 4, 9) as list_writer:
            list_writer.add_manifests([written])
        made[name] = _plain(root / f"{name}.avro"), _plain(root / f"{name}.list")
        assert _read_back(written, files) == [(entry.status, entry.data_file) for entry in entries]
        assert [each.added_rows_count for each in read_manifest_list(files.new_input(f"{root}/{name}.list"))] == [
            written.added_rows_count
        ]
        for sequence in (0, 9):  # a manifest of format v1, and one of v2
            written.sequence_number = sequence
            ours = live_entries(written, ObjectFiles(DISK))
            assert list(map(_told, ours)) == list(map(_told, written.fetch_manifest_entry(files)))
    (their_entries, their_listed), (our_entries, our_listed) = made["theirs"], made["ours"]
    assert our_entries.header == their_entries.header
    assert our_entries.records == their_entries.records
    assert our_listed.header == their_listed.header
    length = {"manifest_path": "", "manifest_length": 0}
    assert [each | length for each in our_listed.records] == [each | length for each in their_listed.records]


def test_many_entries_are_cut_into_blocks_that_a_reader_can_hold(tmp_path: Path) -> None:
    path, files = tmp_path / "many.avro", PyArrowFileIO()
    counted = {"record_count": 1, "file_size_in_bytes": 2, "lower_bounds": {1: b"x" * 100}}
    with avro_writer.manifest(WHOLE, SCHEMA, files.new_output(str(path)), SNAPSHOT) as writer:
        for number in range(2_000):
            writer.add_entry(_entry(WHOLE, ManifestEntryStatus.ADDED, (), **counted, sort_order_id=number))
    container = unpack(path.read_bytes())
    assert [each["data_file"]["sort_order_id"] for each in container.records] == list(range(2_000))
    assert 2 < path.read_bytes().count(container.sync) < 20
    assert [file.sort_order_id for _, file in _read_back(writer.to_manifest_file(), files)] == list(range(2_000))


def test_a_manifest_that_fails_half_way_is_no_whole_file(tmp_path: Path) -> None:
    path, files = tmp_path / "half.avro", PyArrowFileIO()
    entry = _entry(WHOLE, ManifestEntryStatus.ADDED, (), record_count=1, file_size_in_bytes=2)
    writer = avro_writer.manifest(WHOLE, SCHEMA, files.new_output(str(path)), SNAPSHOT)
    writer.__enter__()
    writer.add_entry(entry)
    failure = KeyError()
    writer.__exit__(KeyError, failure, None)
    with pytest.raises(ValueError, match="ends early"):
        unpack(path.read_bytes())


@pytest.mark.long
def test_a_manifest_is_written_without_all_of_pyiceberg_s_tables() -> None:
    """Its own writer imports them, and the parser of their filters, for one default."""
    asked = [sys.executable, "-c", WRITING]
    said = subprocess.run(asked, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]).stdout
    assert said.split() == ["True", "False", "False"]


def _plain(path: Path) -> Container:
    return unpack(path.read_bytes())


def _told(entry: ManifestEntry) -> tuple[object, ...]:
    file = entry.data_file
    numbers = entry.sequence_number, entry.file_sequence_number, file.spec_id
    return entry.status, entry.snapshot_id, *numbers, file, len(file), len(entry)


def _read_back(manifest: ManifestFile, files: FileIO) -> list[tuple[ManifestEntryStatus, DataFile]]:
    """As pyiceberg reads it."""
    entries = manifest.fetch_manifest_entry(files, discard_deleted=False)
    return [(entry.status, entry.data_file) for entry in entries]
