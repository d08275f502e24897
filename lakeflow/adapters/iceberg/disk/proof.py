"""The evidence of an audit, attached to the snapshot as a Puffin file (Iceberg Puffin spec, "File structure").

The file is portable evidence, not the record: an engine may keep one statistics file a snapshot and replace ours by its
own. Then the proof is displaced: it stays beside the metadata under its own name. `blob-metadata` in the table stays
empty: a blob type of our own there makes the table unreadable for pyiceberg and polars.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from lakeflow.adapters.iceberg.disk.fileio import hint_of, reason
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import LakeError
from lakeflow.core.model.table import Table
from lakeflow.core.ports.locations import store_of
from lakeflow.core.ports.objects import Objects, StoreError
from lakeflow.core.values import dataclass

BLOB_TYPE: Final = "lakeflow.proof"
_MAGIC: Final = b"PFA1"
_SEAL: Final = "sha256"
_LISTED: Final = "manifest-list"
_KEYS: Final = frozenset({"type", "fields", "snapshot-id", "sequence-number", "offset", "length", "properties"})
_PROPERTIES: Final = frozenset({_LISTED, _SEAL})
_ZEROS: Final = "0" * 64
_TAIL: Final = 12  # length of the footer's text, flags, magic: four bytes each


@dataclass(frozen=True)
class Proof:
    """The evidence of one snapshot. `displaced` says that another engine's statistics took its place in the table;
    `listed` is the name of the manifest list that was audited, empty where an early release did not say.
    """

    text: str
    displaced: bool
    listed: str = ""


def proof_location(directory: str, snapshot_id: int) -> str:
    """Some stores take only names that Iceberg's own writers give, and theirs for a Puffin file ends in `.stats`."""
    return f"{directory}/proof-{snapshot_id}.{'stats' if store_of(directory) else 'puffin'}"


def is_proof(path: str, snapshot_id: int) -> bool:
    return path.endswith((f"/proof-{snapshot_id}.puffin", f"/proof-{snapshot_id}.stats"))


def pack(text: str, snapshot_id: int, sequence_number: int, listed: str) -> bytes:
    """A Puffin file with the text as its one blob; the same input gives the same bytes.

    `listed` is the name of the snapshot's manifest list, which holds its SHA-256. The list names the manifests, and
    they name the data files, in the same way, so the proof fixes every byte that was audited.
    """
    payload = text.encode()
    blob = {
        "type": BLOB_TYPE,
        "fields": [],
        "snapshot-id": snapshot_id,
        "sequence-number": sequence_number,
        "offset": len(_MAGIC),
        "length": len(payload),
        "properties": {_LISTED: listed, _SEAL: _ZEROS},
    }
    footer = json.dumps({"blobs": [blob], "properties": {"created-by": "lakeflow"}}).encode()
    tail = len(footer).to_bytes(4, "little") + bytes(4) + _MAGIC
    blank = _MAGIC + payload + _MAGIC + footer + tail
    return blank.replace(_sealed_by(_ZEROS), _sealed_by(hashlib.sha256(blank).hexdigest()))


def statistics(location: str, snapshot_id: int, content: bytes) -> dict[str, Any]:
    """The entry in table metadata that points to a packed proof."""
    return {
        "snapshot-id": snapshot_id,
        "statistics-path": location,
        "file-size-in-bytes": len(content),
        "file-footer-size-in-bytes": len(_MAGIC) + _footer_length(content) + _TAIL,
        "blob-metadata": [],
    }


def unpack(content: bytes, snapshot_id: int) -> str:
    """The text of that snapshot's packed proof; ValueError for any other bytes, another snapshot's proof included."""
    return _unpacked(content, snapshot_id)[0]


def _unpacked(content: bytes, snapshot_id: int) -> tuple[str, str]:
    """Its text, and the name of the manifest list that it is about."""
    if content[:4] != _MAGIC or content[-4:] != _MAGIC:
        raise ValueError("not a Puffin file")
    footer = json.loads(content[-_TAIL - _footer_length(content) : -_TAIL])
    blob = next((blob for blob in footer["blobs"] if blob["type"] == BLOB_TYPE), None)
    if blob is None:
        raise ValueError("no proof in this Puffin file")
    if not (_KEYS.issuperset(blob) and _PROPERTIES.issuperset(blob.get("properties") or {})):
        raise ValueError("its footer is not what was written")  # a seal whose name was damaged is no missing seal
    seal = (blob.get("properties") or {}).get(_SEAL)
    if seal is not None and hashlib.sha256(content.replace(_sealed_by(seal), _sealed_by(_ZEROS))).hexdigest() != seal:
        raise ValueError("its content is not what was written")
    if blob["snapshot-id"] != snapshot_id:
        raise ValueError(f"it is the proof of snapshot {blob['snapshot-id']}")
    text = content[blob["offset"] : blob["offset"] + blob["length"]].decode()
    return text, str((blob.get("properties") or {}).get(_LISTED, ""))


def read_proof(table: Table, snapshot_id: int, directory: str, objects: Objects = DISK) -> Proof | None:
    """The proof of that snapshot, attached or displaced; None when there is none."""
    attached = table.proofs.get(snapshot_id)
    location = attached or proof_location(directory, snapshot_id)
    try:
        text, listed = _unpacked(objects.get(location), snapshot_id)
        return Proof(text, displaced=attached is None, listed=listed)
    except FileNotFoundError:
        return None
    except StoreError as error:
        message = f"{table.key}: the proof {location} cannot be read: {reason(error)}"
        raise LakeError(message, hint=hint_of(error, ""), asset=table.key) from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise LakeError(
            f"{table.key}: the proof {location} cannot be read: {error}", hint="restore it from a copy", asset=table.key
        ) from error


def _sealed_by(digest: str) -> bytes:
    """The SHA-256 in the footer: that of the whole file, with zeros in its own place."""
    return f'"{_SEAL}": "{digest}"'.encode()


def _footer_length(content: bytes) -> int:
    return int.from_bytes(content[-_TAIL : -_TAIL + 4], "little")
