"""Reads Avro files of Iceberg with schemas that were parsed before: to parse a schema takes longer than to read a file,
and all manifests of a table have the same one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import Final, TypeVar

from pyiceberg.avro.codecs import AVRO_CODEC_KEY, KNOWN_CODECS
from pyiceberg.avro.codecs.codec import Codec
from pyiceberg.avro.decoder import new_decoder
from pyiceberg.avro.file import META_SCHEMA, AvroFile, AvroFileHeader
from pyiceberg.avro.reader import Reader
from pyiceberg.avro.resolver import construct_reader, resolve_reader
from pyiceberg.io import InputFile
from pyiceberg.manifest import (
    DEFAULT_READ_VERSION,
    MANIFEST_ENTRY_SCHEMAS,
    MANIFEST_LIST_FILE_SCHEMAS,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    PartitionFieldSummary,
)
from pyiceberg.typedef import StructProtocol
from pyiceberg.utils.schema_conversion import AvroSchemaConversion

D = TypeVar("D", bound=StructProtocol)

_ENTRIES: Final = MANIFEST_ENTRY_SCHEMAS[3]
_WRITTEN: Final = MANIFEST_ENTRY_SCHEMAS[DEFAULT_READ_VERSION]
"""As which they are read to be written again: the version in which we write."""
_LISTS: Final = MANIFEST_LIST_FILE_SCHEMAS[DEFAULT_READ_VERSION]
"""The format version as which they are read, whichever version wrote them."""
_ENTRY: Final[dict[int, Callable[..., StructProtocol]]] = {-1: ManifestEntry, 2: DataFile}
_ENTRY_ENUMS: Final[dict[int, Callable[..., Enum]]] = {0: ManifestEntryStatus, 101: FileFormat, 134: DataFileContent}
_LISTED: Final[dict[int, Callable[..., StructProtocol]]] = {-1: ManifestFile, 508: PartitionFieldSummary}
_LISTED_ENUMS: Final[dict[int, Callable[..., Enum]]] = {517: ManifestContent}


class _CodecHeader(AvroFileHeader):
    def compression_codec(self) -> type[Codec] | None:
        """As pyiceberg's own, which imports all of `pyiceberg.table` for the codec of a file that names none."""
        named = self.meta.get(AVRO_CODEC_KEY)
        return KNOWN_CODECS[named] if named in KNOWN_CODECS else super().compression_codec()


class _Decoded(AvroFile[D]):
    def __init__(self, input_file: InputFile, reader_of: Callable[[str], Reader]) -> None:
        super().__init__(input_file)
        self._reader_of = reader_of

    def __enter__(self) -> _Decoded[D]:
        with self.input_file.open() as file:
            self.decoder = new_decoder(file.read())
        self.header = self._read_header()
        self.reader = self._reader_of(self.header.meta["avro.schema"])
        return self

    def _read_header(self) -> AvroFileHeader:
        header: AvroFileHeader = construct_reader(META_SCHEMA, {-1: _CodecHeader}).read(self.decoder)
        return header


def manifest(input_file: InputFile) -> AvroFile[ManifestEntry]:
    """The entries of one manifest."""
    return _Decoded(input_file, _entry_reader)


def manifest_to_rewrite(input_file: InputFile) -> AvroFile[ManifestEntry]:
    """The entries of one manifest, as they go into another."""
    return _Decoded(input_file, _written_reader)


def manifest_list(input_file: InputFile) -> AvroFile[ManifestFile]:
    """The manifests of one snapshot."""
    return _Decoded(input_file, _list_reader)


@lru_cache(maxsize=256)
def _entry_reader(schema: str) -> Reader:
    of = AvroSchemaConversion().avro_to_iceberg(json.loads(schema))
    return resolve_reader(of, _ENTRIES, _ENTRY, _ENTRY_ENUMS)


@lru_cache(maxsize=256)
def _written_reader(schema: str) -> Reader:
    of = AvroSchemaConversion().avro_to_iceberg(json.loads(schema))
    return resolve_reader(of, _WRITTEN, _ENTRY, _ENTRY_ENUMS)


@lru_cache(maxsize=256)
def _list_reader(schema: str) -> Reader:
    of = AvroSchemaConversion().avro_to_iceberg(json.loads(schema))
    return resolve_reader(of, _LISTS, _LISTED, _LISTED_ENUMS)
