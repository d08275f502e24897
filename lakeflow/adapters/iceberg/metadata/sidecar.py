"""Sidecars: small documents in a table's metadata directory, one immutable file each, that a snapshot's summary names.

A summary holds a sidecar's name and not its place, so that a table that moves keeps its own.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from uuid import uuid4

from lakeflow.adapters.iceberg.disk.fileio import read_bytes
from lakeflow.adapters.iceberg.metadata.metadata import metadata_directory
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import LakeError
from lakeflow.core.model.table import Table
from lakeflow.core.ports.digests import with_digest
from lakeflow.core.ports.locations import path_of, store_of
from lakeflow.core.ports.objects import Objects


def write_sidecar(table: Table, kind: str, text: str, objects: Objects = DISK) -> str:
    """The name of the file, which begins with its kind. AssetError with path and reason when the disk refuses."""
    content = gzip.compress(text.encode(), mtime=0)
    directory = metadata_directory(table)
    ending = "stats" if store_of(directory) else "json.gz"  # some stores take no other names
    name = with_digest(f"{kind}-{uuid4()}.{ending}", hashlib.sha256(content).hexdigest())
    scratch = objects.scratch()
    with scratch.all_or_none():
        scratch.write(f"{directory}/{name}", content)
    return name


def read_sidecar(table: Table, name: str, objects: Objects = DISK) -> str:
    location = f"{metadata_directory(table)}/{name}"
    try:
        return gzip.decompress(read_bytes(location, objects)).decode()
    except LakeError as error:
        raise _unreadable(table, error.message) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _unreadable(table, f"{path_of(location)} cannot be read ({type(error).__name__})") from error


def _unreadable(table: Table, why: str) -> LakeError:
    return LakeError(
        f"{table.key}: {why}, which says what main's rows came from",
        hint="restore it from a copy; without it rows would be written twice",
        asset=table.key,
    )
