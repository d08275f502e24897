"""What the files of one table tell of its history: proofs, who set main when, and what kept snapshots need.

Nothing here asks the database: it is what a lake knows of itself.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from lakeflow.adapters.iceberg.care.inventory import open_through, take_stock
from lakeflow.adapters.iceberg.disk.proof import proof_location, read_proof
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles, metadata_directory, writer_of
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.provenance import PROVEN_LIST
from lakeflow.core.model.table import Table
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.verify.values import Author, Depth, ProofFile, Testimony, history_of, turns
from lakeflow.core.view.consistency import Stock


def witness(table: Table, depth: Depth, objects: Objects = DISK) -> Testimony:
    """Without `Depth.CONTENT` it reads no data file. LakeError where the table's metadata cannot be read."""
    found = MetadataFiles(path_of(table.location), objects).find(table.key, table.version)
    stock = open_through(table, objects) if depth is Depth.CONTENT else take_stock(table, objects)
    return Testimony(table, _proofs(found, objects), dict(_authors(found, objects)), stock)


def proofs_alone(table: Table, objects: Objects = DISK) -> Testimony:
    """As `witness`, without a look at the other files."""
    found = MetadataFiles(path_of(table.location), objects).find(table.key, table.version)
    return Testimony(table, _proofs(found, objects), EMPTY, Stock(table.key, 0))


def _proofs(found: LoadedTable, objects: Objects) -> dict[int, ProofFile]:
    entries = {int(entry["snapshot-id"]): entry for entry in found.json.get("snapshots") or ()}
    proofs = {each.id: _proof(found.table, each.id, entries[each.id], objects) for each in history_of(found.table)}
    return {id_: one for id_, one in proofs.items() if one}


def _proof(table: Table, snapshot_id: int, entry: Mapping[str, Any], objects: Objects) -> ProofFile | None:
    directory = metadata_directory(table)
    place = path_of(table.proofs.get(snapshot_id) or proof_location(directory, snapshot_id))
    try:
        proof = read_proof(table, snapshot_id, directory, objects)
    except LakeError as error:
        return ProofFile(place, fault=error.message.removeprefix(f"{table.key}: "))
    if proof is None:
        return None
    listed, known_as = _lists(entry)
    if proof.listed in {"", listed, known_as}:
        return ProofFile(place, proof.text, proof.displaced)
    if not known_as and listed.startswith(f"snap-{snapshot_id}-1-"):
        return ProofFile(place, proof.text, proof.displaced, relocated=True)
    words = f"{place} is the proof of other files: it names {proof.listed}, and the snapshot {known_as or listed}"
    return ProofFile(place, proof.text, proof.displaced, words)


def _lists(entry: Mapping[str, Any]) -> tuple[str, str]:
    """The name of a snapshot's manifest list, which tells every byte of it; and the name that it was audited under,
    where a relocation gave it a new one and said so. Early releases did not say so.
    """
    known_as = str((entry.get("summary") or {}).get(PROVEN_LIST, ""))
    return str(entry.get("manifest-list", "")).rpartition("/")[2], known_as


def _authors(found: LoadedTable, objects: Objects) -> Iterator[tuple[datetime, Author]]:
    """By whom main was turned, by the time of each turn: whoever wrote the metadata file of that time."""
    turned = {turn.at for turn in turns(found.table)}
    for entry in found.json.get("metadata-log") or ():
        at = _time(entry["timestamp-ms"])
        if at in turned:
            yield at, _author(path_of(entry["metadata-file"]), objects)
    yield _time(found.updated_ms), Author(writer_of(found.table.version.rpartition("/")[2], found.json))


def _author(path: str, objects: Objects) -> Author:
    try:
        content = objects.get(path)
        text = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        return Author(writer_of(path.rpartition("/")[2], json.loads(text)))
    except (OSError, EOFError, ValueError):
        return Author.UNKNOWN


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
