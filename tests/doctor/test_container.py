"""Manifests as plain values and back: nothing may be lost, known to us or not."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import read_manifest_list

from lakeflow.adapters.iceberg.disk.avro import Container, pack, unpack
from tests.explored import explored
from tests.iceberg.lab import Lab

SCHEMA = {
    "type": "record",
    "name": "r",
    "fields": [
        {"name": "number", "type": "long"},
        {"name": "text", "type": ["null", "string"], "field-id": 7},
        {"name": "kind", "type": {"type": "enum", "name": "e", "symbols": ["A", "B"]}},
        {"name": "again", "type": "e"},
        {"name": "flag", "type": "boolean"},
        {"name": "real", "type": "double"},
        {"name": "short", "type": {"type": "fixed", "name": "f", "size": 3, "logicalType": "decimal"}},
        {"name": "list", "type": {"type": "array", "items": ["bytes", "null"]}},
        {"name": "map", "type": {"type": "map", "values": "int"}},
        {"name": "inner", "type": {"type": "record", "name": "i", "fields": [{"name": "x", "type": "float"}]}},
    ],
}
LONGS = st.integers(-(2**63), 2**63 - 1)
RECORDS = st.fixed_dictionaries(
    {
        "number": LONGS,
        "text": st.none() | st.text(),
        "kind": st.integers(0, 1),
        "again": st.integers(0, 1),
        "flag": st.booleans(),
        "real": st.binary(min_size=8, max_size=8),
        "short": st.binary(min_size=3, max_size=3),
        "list": st.lists(st.none() | st.binary()),
        "map": st.dictionaries(st.text(), st.integers(-(2**31), 2**31 - 1)),
        "inner": st.fixed_dictionaries({"x": st.binary(min_size=4, max_size=4)}),
    }
)


@explored(60)
@given(records=st.lists(RECORDS, max_size=4), codec=st.sampled_from([b"null", b"deflate"]))
def test_what_is_packed_is_unpacked_the_same(records: list[dict[str, object]], codec: bytes) -> None:
    header = {"avro.schema": json.dumps(SCHEMA).encode(), "avro.codec": codec, "other": b"\x00kept"}
    container = Container(header, b"s" * 16, tuple(records))
    assert unpack(pack(container)) == container


def test_a_manifest_list_that_we_packed_is_read_by_pyiceberg(tmp_path: Path) -> None:
    table = Lab(tmp_path).land([1, 2])
    (path,) = Path(table.location.removeprefix("file://")).glob("metadata/snap-*.avro")
    before = list(read_manifest_list(PyArrowFileIO().new_input(str(path))))
    path.write_bytes(pack(unpack(path.read_bytes())))
    assert list(read_manifest_list(PyArrowFileIO().new_input(str(path)))) == before


@pytest.mark.parametrize("cut", [0, 3, 40, -1, -17])
def test_a_file_that_was_cut_is_refused(cut: int) -> None:
    header = {"avro.schema": b'"long"', "avro.codec": b"null"}
    whole = pack(Container(header, b"s" * 16, (1, 2, 3)))  # type: ignore[arg-type]
    with pytest.raises((ValueError, IndexError)):
        unpack(whole[:cut])


def test_blocks_and_counts_of_other_writers_are_understood() -> None:
    """An array may come in several blocks, each with its length in bytes; a file in several blocks too."""
    schema = b'{"type": "array", "items": "int"}'
    head = b"Obj\x01" + b"\x02" + b"\x16avro.schema" + bytes([2 * len(schema)]) + schema + b"\x00"
    array = b"\x01\x02\x04" + b"\x02\x06" + b"\x00"  # minus one item in one byte: 2; then one item: 3
    block = b"\x02" + bytes([2 * len(array)]) + array + b"s" * 16
    records: tuple[object, ...] = unpack(io.BytesIO(head + b"s" * 16 + block + block).read()).records
    assert records == ([2, 3], [2, 3])


@pytest.mark.parametrize(
    ("schema", "codec", "why"),
    [(b'["int", "string"]', b"null", "union"), (b'"long"', b"zstandard", "compressed with zstandard")],
)
def test_what_iceberg_never_writes_is_refused_by_name(schema: bytes, codec: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        unpack(pack(Container({"avro.schema": schema, "avro.codec": codec}, b"s" * 16, (1,))))  # type: ignore[arg-type]
