"""Deletion vectors: which rows of one data file are gone (Iceberg spec, Puffin blob `deletion-vector-v1`)."""

from __future__ import annotations

import zlib
from array import array
from pathlib import Path
from typing import Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import is_in_store, local
from lakeflow.adapters.duckdb.store.whole import content_of
from lakeflow.core.errors import AssetError
from lakeflow.core.model.table import DeleteFile

_MAGIC: Final = b"\xd1\xd3\x39\x64"


def deleted_positions(cursor: DuckDBPyConnection, delete: DeleteFile) -> array[int]:
    """The positions of the rows that the vector hides. AssetError when the blob is not what its table says.

    A blob is: length of magic and vector (4 bytes, big endian), magic, vector, CRC-32 of both (4 bytes, big endian).
    """
    blob = _blob(cursor, delete)
    body = blob[4:-4]
    sound = len(body) == int.from_bytes(blob[:4], "big") and body[:4] == _MAGIC
    if not sound or zlib.crc32(body) != int.from_bytes(blob[-4:], "big"):
        raise AssetError(f"{delete.path} holds no sound deletion vector at byte {delete.offset}")
    return _decoded(body[4:], delete)


def _blob(cursor: DuckDBPyConnection, delete: DeleteFile) -> bytes:
    if is_in_store(delete.path):
        return content_of(cursor, delete.path)[delete.offset : delete.offset + delete.length]
    try:
        with Path(local(delete.path)).open("rb") as file:
            file.seek(delete.offset)
            return file.read(delete.length)
    except OSError as error:
        raise AssetError(f"cannot read the deletion vector {delete.path}: {error.strerror}") from error


def _decoded(vector: bytes, delete: DeleteFile) -> array[int]:
    try:
        from pyroaring import BitMap64  # noqa: PLC0415 - needed by tables of format v3 alone
    except ImportError as error:
        raise AssetError(
            f"{delete.path} is a deletion vector and the package that reads them is not installed",
            hint="pip install pyroaring",
        ) from error
    try:
        return BitMap64.deserialize(vector).to_array()
    except ValueError as error:
        raise AssetError(f"{delete.path} holds no sound deletion vector at byte {delete.offset}") from error
