"""How names and texts are spelled inside SQL: the one place that quotes."""

from __future__ import annotations

import re
from typing import Final

_FILE_SCHEME: Final = re.compile(r"^file:/+")


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string."""
    return "'" + text.replace("'", "''") + "'"


def local(path: str) -> str:
    """The path of a `file:` URI, whether it has one slash (Java) or three; anything else as it is.

    Iceberg locations are plain strings: nothing in them is percent-encoded.
    """
    return _FILE_SCHEME.sub("/", path)


def listed(paths: tuple[str, ...]) -> str:
    """A list of local paths."""
    return f"[{', '.join(literal(local(path)) for path in paths)}]"
