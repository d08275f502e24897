"""The spelling of names and texts inside SQL: all quoting happens here."""

from __future__ import annotations

import re
from typing import Final

_FILE_SCHEME: Final = re.compile(r"^file:/+")


def quoted(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a string literal."""
    return "'" + text.replace("'", "''") + "'"


def local(path: str) -> str:
    """The local path of a `file:` URI with one slash (Java) or three; any other text as it is.

    Iceberg locations are plain strings: nothing in them is percent-encoded.
    """
    return _FILE_SCHEME.sub("/", path)


def listed(paths: tuple[str, ...]) -> str:
    """A list of local paths as SQL."""
    return f"[{', '.join(literal(local(path)) for path in paths)}]"
