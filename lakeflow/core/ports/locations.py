"""Where files are, as texts: paths of this machine's disk, and locations in object stores.

Iceberg writes locations (`file:///lake/a`, `s3://bucket/a`). Engines open paths: for a file of the disk that is its
path without a scheme, for an object it is its location.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import urlparse

from lakeflow.core.errors import LakeError

SCHEME: Final = "file"
_SPELLED: Final = {"s3": "s3", "s3a": "s3", "s3n": "s3", "gs": "gs", "gcs": "gs", "abfss": "abfss", "abfs": "abfss"}
"""The schemes of object stores, as Spark and others write them, and as we do."""


_PLAIN: Final = re.compile(r"(?:file://)?((?:/\.?[A-Za-z0-9_-][A-Za-z0-9_.-]*)+)")
"""A path in which nothing is to be resolved or taken away. A look asks for a thousand of them."""


def store_of(location: str) -> str:
    """The scheme of an object store's location, in our spelling; empty for all others."""
    scheme, there, _ = location.partition("://")
    return _SPELLED.get(scheme, "") if there else ""


@lru_cache(maxsize=8192)
def local_path(location: str) -> Path:
    """`file:///x`, `file:/x` (as Spark writes) or `/x` → path; LakeError for any other place."""
    if location.startswith("/") and not location.startswith("//"):
        return Path(location)
    parsed = urlparse(location)
    if parsed.scheme not in {"", SCHEME} or parsed.netloc not in {"", "localhost"}:
        raise LakeError(
            f"{location} is not on this machine's disk",
            hint="tables are kept on a local disk, or in an object store (s3://, gs://, abfss://)",
        )
    return Path(parsed.path)


def local_name(location: str) -> str:
    """`local_path` as text, which is found in a tenth of the time where the location is spelled plainly."""
    plain = _PLAIN.fullmatch(location)
    return plain[1] if plain else str(local_path(location))


def path_of(location: str) -> str:
    """The location as engines open it, in one spelling for each place; LakeError for a place that none can open."""
    if scheme := store_of(location):
        return f"{scheme}://{location.partition('://')[2]}"
    return local_name(location)


def to_location(path: str) -> str:
    """An absolute path or a location, as a location with its scheme: Java engines need one."""
    return path if urlparse(path).scheme else f"{SCHEME}://{path}"


def is_below(location: str, folder: str) -> bool:
    """Does an object stand in a folder of an object store, by its name?"""
    return path_of(location).startswith(f"{path_of(folder).rstrip('/')}/")
