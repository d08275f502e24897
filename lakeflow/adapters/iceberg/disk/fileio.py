"""Reads a file of a table, and compares it with what its name says that it holds."""

from __future__ import annotations

import hashlib

from lakeflow.core.errors import LakeError
from lakeflow.core.ports.digests import digest_in
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects, StoreError

RESTORE = "restore the table's metadata folder from a copy"


def read_bytes(location: str, objects: Objects) -> bytes:
    """LakeError, with path and reason, for a file that cannot be read or does not hold what its name says."""
    path = path_of(location)
    try:
        content = objects.get(location)
    except OSError as error:
        raise LakeError(f"cannot read {path}: {reason(error)}", hint=hint_of(error, RESTORE)) from error
    if (wanted := digest_in(path)) and hashlib.sha256(content).hexdigest() != wanted:
        raise LakeError(f"{path} is damaged: its content is not what was written", hint=RESTORE)
    return content


def reason(error: OSError) -> str:
    """Why a file cannot be read or written, in words."""
    return error.strerror or type(error).__name__


def hint_of(error: BaseException, otherwise: str) -> str:
    """What to type next: a store that refuses says so itself."""
    return error.hint if isinstance(error, StoreError) else otherwise
