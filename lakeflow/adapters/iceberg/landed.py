"""Sets of landed files, one immutable file each, in the table's metadata directory.

A snapshot's summary holds a set's name and not its place, so that a table that moves keeps its own.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from uuid import uuid4

from lakeflow.adapters.iceberg.fileio import Scratch, local_path
from lakeflow.adapters.iceberg.metadata import metadata_directory
from lakeflow.core.errors import LakeError
from lakeflow.core.landing import Landed, from_json, to_json
from lakeflow.core.table import Table


def write_landed(table: Table, landed: Sequence[Landed]) -> str:
    """AssetError with path and reason when the disk refuses."""
    name = f"landed-{uuid4()}.json.gz"
    scratch = Scratch()
    try:
        scratch.write(f"{metadata_directory(table)}/{name}", gzip.compress(to_json(landed).encode(), mtime=0))
        scratch.seal()
    except BaseException:
        scratch.discard()
        raise
    return name


def read_landed(table: Table, name: str) -> tuple[Landed, ...]:
    path = local_path(f"{metadata_directory(table)}/{name}")
    try:
        return from_json(gzip.decompress(path.read_bytes()).decode())
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise LakeError(
            f"{table.key}: {path}, which says what files landed, cannot be read ({type(error).__name__})",
            hint="restore it from a copy; without it files would land twice",
            asset=table.key,
        ) from error
