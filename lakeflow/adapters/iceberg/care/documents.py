"""Checks the files that belong to the snapshots of a table: proofs, sidecars and other engines' statistics.

Sidecars are needed by every snapshot whose summary names them, a proof by every snapshot of ours that is, or was, main.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from lakeflow.adapters.iceberg.disk.proof import is_proof, proof_location, read_proof
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, metadata_directory
from lakeflow.adapters.iceberg.metadata.sidecar import read_sidecar
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import LakeError
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.values import dataclass

_STATISTICS: Final = ("statistics", "partition-statistics")


@dataclass(frozen=True)
class Document:
    """A file that a snapshot needs. `size` in bytes, where the table says it; `sidecar` is its name where it is one."""

    location: str
    snapshot_id: int
    size: int | None = None
    sidecar: str = ""


def documents(found: LoadedTable) -> Iterator[Document]:
    """All documents that should exist, whether or not they do."""
    table, directory = found.table, metadata_directory(found.table)
    for name in _STATISTICS:
        for entry in found.json.get(name) or ():
            yield Document(entry["statistics-path"], int(entry["snapshot-id"]), entry.get("file-size-in-bytes"))
    for snapshot in table.ancestry(table.main):
        if snapshot.id not in table.proofs and provenance_of(snapshot.summary):  # another engine's took its place
            yield Document(proof_location(directory, snapshot.id), snapshot.id)
    for snapshot in table.snapshots.values():
        if made := provenance_of(snapshot.summary):
            for sidecar in made.sidecars:
                yield Document(f"{directory}/{sidecar}", snapshot.id, sidecar=sidecar)


def document_faults(found: LoadedTable, objects: Objects = DISK) -> dict[str, str]:
    """What is wrong with the documents that exist, by path."""
    looked = ((path_of(each.location), each) for each in documents(found))
    return {path: fault for path, each in looked if (fault := _fault(found, each, objects))}


def _fault(found: LoadedTable, document: Document, objects: Objects) -> str:
    path = path_of(document.location)
    size = objects.size(path)
    if size is None:
        return ""
    if document.size not in {None, size}:
        return f"{path} has {size:,} bytes, and {document.size:,} were written"
    try:
        if document.sidecar:
            json.loads(read_sidecar(found.table, document.sidecar, objects))
        elif is_proof(document.location, document.snapshot_id):
            read_proof(found.table, document.snapshot_id, metadata_directory(found.table), objects)
    except LakeError as error:
        return error.message
    except ValueError as error:
        return f"{path} is damaged ({error})"
    return ""
