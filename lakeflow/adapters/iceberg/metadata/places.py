"""Finds the metadata of tables that no catalog of ours knows yet, and tells whether they could be ours."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from typing import Any, Final
from urllib.parse import urlparse

from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Table
from lakeflow.core.ports.locations import path_of, store_of, to_location
from lakeflow.core.ports.objects import Objects
from lakeflow.core.values import dataclass

_METADATA: Final = re.compile(r"v?(\d+)(-[^/]*)?(\.gz)?\.metadata\.json(\.gz)?")
_UUID: Final = re.compile(rb'"table-uuid"\s*:\s*"([^"]+)"')
_UPDATED: Final = re.compile(rb'"last-updated-ms"\s*:\s*(\d+)')
_BEGINNING: Final = 8192


def metadata_location(key: AssetKey, place: str, objects: Objects = DISK) -> str:
    """The location of a metadata file, given its own path or the path of its table's folder."""
    path = path_of(place) if store_of(place) else os.path.abspath(path_of(place))  # noqa: PTH100 - `..` stays no link
    found = path if objects.find(path) else metadata_file(path, objects)
    if found is None:
        hint = "name a table's folder, one of its metadata files, or catalog.namespace.table"
        raise LakeError(f"{key}: there is no Iceberg metadata in {path}", hint=hint, asset=key)
    return to_location(found)


@dataclass(frozen=True)
class _Candidate:
    """A metadata file by the number in its name; `table` is empty where it cannot be read."""

    number: int
    path: str
    table: str
    updated_ms: int


def metadata_file(folder: str, objects: Objects = DISK) -> str | None:
    """The newest metadata file of a table's folder, whatever its version hint says: the hint is written after the
    commit, and may be missing or behind.

    A table may have been dropped and made again there: of several tables the one changed last counts, and of its files
    the one with the highest number. A file with a higher number that cannot be read might be newer, so that one is
    returned, and is then reported as damaged.
    """
    found = [one for path in _entries(f"{folder}/metadata", objects) if (one := _candidate(path, objects))]
    readable = [one for one in found if one.table]
    if not readable:
        return found[0].path if found else None
    last = max(readable, key=lambda one: (one.updated_ms, one.number))
    head = max((one for one in readable if one.table == last.table), key=lambda one: (one.number, one.updated_ms))
    above = (one.path for one in found if not one.table and one.number > head.number)
    return next(above, head.path)


def refuse_relative(table: Table[Any]) -> None:
    """LakeError for paths that start in a folder which only their writer knows."""
    if not urlparse(table.location).scheme and not table.location.startswith("/"):
        raise LakeError(
            f"{table.key}: its files are at {table.location}, a path that does not say where it starts",
            hint="its owner can give the warehouse an absolute path and write the table anew",
            asset=table.key,
        )


def refuse_unwritable(found: LoadedTable) -> None:
    """LakeError for a table that could be read but never be written to."""
    table = found.table
    refuse_relative(table)
    if table.format_version != 2:
        raise LakeError(
            f"{table.key}: its format is v{table.format_version}; this release writes v2",
            hint="read it where it is: external tables may have any format",
            asset=table.key,
        )
    specs = {spec["spec-id"]: spec["fields"] for spec in found.json["partition-specs"]}
    if specs[found.json["default-spec-id"]]:
        raise LakeError(
            f"{table.key}: the table is partitioned, which this release does not write",
            hint="remove its partition fields with the engine that set them",
            asset=table.key,
        )


def _entries(directory: str, objects: Objects) -> list[str]:
    return [f"{directory}/{name}" for name in sorted(objects.names(directory))]


def _candidate(path: str, objects: Objects) -> _Candidate | None:
    """None for what is no metadata file."""
    match = _METADATA.fullmatch(path.rpartition("/")[2])
    if match is None:
        return None
    text = _text(path, objects)
    table, updated = _UUID.search(text), _UPDATED.search(text)
    if table is None or updated is None:
        return _Candidate(int(match[1]), path, "", 0)
    return _Candidate(int(match[1]), path, table[1].decode(), int(updated[1]))


def _text(path: str, objects: Objects) -> bytes:
    """The beginning of the file, in which all writers put the uuid; the whole file where that is not enough."""
    try:
        with objects.opened(path) as opened:
            start = opened.read(_BEGINNING)
            if start.startswith(b"\x1f\x8b"):
                return gzip.decompress(start + opened.read())
            return start if _UUID.search(start) and _UPDATED.search(start) else start + opened.read()
    except (OSError, EOFError, zlib.error):
        return b""
