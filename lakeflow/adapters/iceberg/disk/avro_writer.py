"""Writes Avro files of Iceberg with schemas that were spelt out before, in few blocks.

pyiceberg's own writer makes the Avro schema anew for each file, makes a block of each entry, and imports all of
`pyiceberg.table`, with its parsers, for one default. What goes into a file, and its counts, are still pyiceberg's.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from types import TracebackType
from typing import Final, TypeVar

from pyiceberg.avro.codecs import AVRO_CODEC_KEY
from pyiceberg.avro.encoder import BinaryEncoder
from pyiceberg.avro.file import AvroOutputFile
from pyiceberg.avro.resolver import construct_writer
from pyiceberg.avro.writer import Writer
from pyiceberg.io import OutputFile
from pyiceberg.manifest import (
    MANIFEST_LIST_FILE_SCHEMAS,
    ManifestEntry,
    ManifestFile,
    ManifestListWriter,
    ManifestListWriterV2,
    ManifestWriter,
    ManifestWriterV2,
    data_file_with_partition,
    manifest_entry_schema_with_data_file,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.typedef import StructProtocol
from pyiceberg.types import StructType
from pyiceberg.utils.schema_conversion import AvroSchemaConversion

from lakeflow.adapters.iceberg.disk.avro import pack_blocks, write_long
from lakeflow.core.values import dataclass

D = TypeVar("D", bound=StructProtocol)

_VERSION: Final = 2
_CODEC: Final = "deflate"
_SYNC: Final = 16
_BLOCK: Final = 64_000
"""A block ends after so many bytes, as with Avro's own library: who reads one after the other holds little."""


@dataclass(frozen=True)
class _AvroForm:
    """Avro's spelling of a schema, and what writes values of it."""

    schema: bytes
    writer: Writer


class _Encoder(BinaryEncoder):
    """Encodes into memory."""

    def __init__(self) -> None:
        self.out = bytearray()

    def write(self, b: bytes) -> None:
        self.out += b

    def write_int(self, integer: int) -> None:
        write_long(self.out, integer)


class _AvroInBlocks(AvroOutputFile[D]):
    """A file that is written when it is closed."""

    def __init__(self, output_file: OutputFile, form: _AvroForm, metadata: dict[str, str]) -> None:
        self.output_file = output_file
        self.metadata = metadata
        self._form = form
        self._blocks: list[tuple[int, bytes]] = []
        self._count = 0
        self._open = _Encoder()

    def __enter__(self) -> _AvroInBlocks[D]:
        self.output_stream = self.output_file.create(overwrite=True)
        return self

    def write_block(self, objects: list[D]) -> None:
        for each in objects:
            self._form.writer.write(self._open, each)
            self._count += 1
            if len(self._open.out) >= _BLOCK:
                self._end_block()

    def __exit__(
        self, exctype: type[BaseException] | None, excinst: BaseException | None, exctb: TracebackType | None
    ) -> None:
        with self.output_stream:
            if exctype is None:
                self._end_block()
                header = {name: text.encode() for name, text in self.metadata.items()}
                header |= {"avro.schema": self._form.schema, AVRO_CODEC_KEY: _CODEC.encode()}
                self.output_stream.write(pack_blocks(header, os.urandom(_SYNC), self._blocks))

    def _end_block(self) -> None:
        if self._count:
            self._blocks.append((self._count, bytes(self._open.out)))
        self._count, self._open = 0, _Encoder()


class _Manifest(ManifestWriterV2):
    def new_writer(self) -> AvroOutputFile[ManifestEntry]:
        form = _entry_form(self._spec.partition_type(self._schema))
        return _AvroInBlocks[ManifestEntry](self._output_file, form, self._meta)


class _ManifestList(ManifestListWriterV2):
    def __enter__(self) -> ManifestListWriter:
        self._writer = _AvroInBlocks[ManifestFile](self._output_file, _list_form(), self._meta)
        self._writer.__enter__()
        return self


def manifest(spec: PartitionSpec, schema: Schema, output: OutputFile, snapshot_id: int) -> ManifestWriter:
    """Writes the entries of one manifest."""
    return _Manifest(spec, schema, output, snapshot_id, _CODEC)


def manifest_list(output: OutputFile, snapshot_id: int, parent_id: int | None, sequence: int) -> ManifestListWriter:
    """Writes the manifests of one snapshot."""
    return _ManifestList(output, snapshot_id, parent_id, sequence, _CODEC)


@lru_cache(maxsize=256)
def _entry_form(partition: StructType) -> _AvroForm:
    file = data_file_with_partition(partition_type=partition, format_version=_VERSION)
    return _form(manifest_entry_schema_with_data_file(format_version=_VERSION, data_file=file), "manifest_entry")


@lru_cache(maxsize=1)
def _list_form() -> _AvroForm:
    return _form(MANIFEST_LIST_FILE_SCHEMAS[_VERSION], "manifest_file")


def _form(schema: Schema, name: str) -> _AvroForm:
    spelt = json.dumps(AvroSchemaConversion().iceberg_to_avro(schema, schema_name=name))
    return _AvroForm(spelt.encode(), construct_writer(file_schema=schema))
