"""Which files a project may be made of, and whether they are still the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_CODE: Final = (".py", ".sql", ".toml")
Signature = frozenset[tuple[str, int, int]]


def signature(root: Path) -> Signature:
    """Name, time and size of all files that may be the project's: not those in hidden folders."""
    return frozenset(_files(root))


def _files(root: Path) -> Iterator[tuple[str, int, int]]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        for name in names:
            if name.endswith(_CODE) and not name.startswith("."):
                with suppress(OSError):  # it was removed just now
                    status = Path(folder, name).stat()
                    yield f"{folder}/{name}", status.st_mtime_ns, status.st_size
