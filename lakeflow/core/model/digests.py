"""The SHA-256 of a file's content as a part of its name: it is known as long as the name is.

A name stands wherever the file is referred to, so every snapshot that needs the file also says what it must hold,
whatever became of the snapshot that wrote it. Files that others wrote have no such name and nothing is said of them.
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
    """What the content of the file must hash to; empty when its name does not say."""
    found = _NAMED.search(path)
    return found[1] if found else ""


def digest_of(text: str) -> str:
    """The digest of a text. A file's name in it may hold bytes that are not UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
