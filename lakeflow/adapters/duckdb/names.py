"""The spelling of names and texts inside SQL: all quoting happens here."""

from __future__ import annotations

import re
from typing import Final

from lakeflow.core.ports.locations import store_of

_SPELLINGS: Final = (
    ("^file:/+", "/"),
    ("^s3[an]://", "s3://"),
    ("^gcs://", "gs://"),
    ("^abfs://", "abfss://"),
)
"""Schemes as other engines write them, and as they are opened here."""


def quoted(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a string literal."""
    return "'" + text.replace("'", "''") + "'"


def local(path: str) -> str:
    """A location as DuckDB opens it: the local path of a `file:` URI with one slash (Java) or three, and an object's
    location in one spelling for each store. Any other text as it is.

    Iceberg locations are plain strings: nothing in them is percent-encoded.
    """
    if path.startswith("/"):
        return path
    return next((found for pattern, plain in _SPELLINGS if (found := re.sub(pattern, plain, path)) != path), path)


def local_sql(path: str) -> str:
    """SQL that does the same with a path."""
    for pattern, plain in _SPELLINGS:
        path = f"regexp_replace({path}, {literal(pattern)}, {literal(plain)})"
    return path


def is_in_store(path: str) -> bool:
    """Does it lie in an object store, and not on the local disk?"""
    return bool(store_of(path))


def listed(paths: tuple[str, ...]) -> str:
    """A list of paths as SQL."""
    return f"[{', '.join(literal(local(path)) for path in paths)}]"
