"""The SHA-256 of a file's content as a part of the file's name.

Whatever refers to a file names it, so it also says what the file must contain, even after the snapshot that wrote the
file is gone. Files of other writers have no such names, so their content cannot be compared.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

_END: Final = r"((?:-m\d+)?(?:\.[a-z0-9]+)+)\Z"  # manifests are told by it: `…-m0.avro`
_NAME: Final = re.compile(_END)
_NAMED: Final = re.compile(rf"-sha256-([0-9a-f]{{64}}){_END}")


def with_digest(path: str, digest: str) -> str:
    """`f-1.parquet` → `f-1-sha256-<64 digits>.parquet`."""
    return _NAME.sub(rf"-sha256-{digest}\1", path)


def digest_in(path: str) -> str:
    """The digest that the file's content must have; empty when its name does not say."""
    found = _NAMED.search(path)
    return found[1] if found else ""


def digest_of(text: str) -> str:
    """The digest of a text, whose file names may hold bytes that are not UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
