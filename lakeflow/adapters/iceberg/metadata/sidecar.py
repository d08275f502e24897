"""Sidecars: small documents in a table's metadata directory, one immutable file each, that a snapshot's summary names.

A summary holds a sidecar's name and not its place, so that a table that moves keeps its own.
"""

from __future__ import annotations

import gzip
from uuid import uuid4

from lakeflow.adapters.iceberg.disk.fileio import Scratch, local_path
from lakeflow.adapters.iceberg.metadata.metadata import metadata_directory
from lakeflow.core.errors import LakeError
from lakeflow.core.model.table import Table


def write_sidecar(table: Table, kind: str, text: str) -> str:
    """The name of the file, which begins with its kind. AssetError with path and reason when the disk refuses."""
    name = f"{kind}-{uuid4()}.json.gz"
    scratch = Scratch()
    try:
        scratch.write(f"{metadata_directory(table)}/{name}", gzip.compress(text.encode(), mtime=0))
        scratch.seal()
    except BaseException:
        scratch.discard()
        raise
    return name


def read_sidecar(table: Table, name: str) -> str:
    path = local_path(f"{metadata_directory(table)}/{name}")
    try:
        return gzip.decompress(path.read_bytes()).decode()
    except (OSError, EOFError, ValueError) as error:
        raise LakeError(
            f"{table.key}: {path} cannot be read ({type(error).__name__}), which says what main's rows came from",
            hint="restore it from a copy; without it rows would be written twice",
            asset=table.key,
        ) from error
