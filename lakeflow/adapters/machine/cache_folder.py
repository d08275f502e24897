"""A folder of the user for small texts that can be made again.

A text that is damaged, or that somebody else wrote, counts as none; so does a folder that cannot be read or written.
Any number of processes may read and write at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from lakeflow.adapters.machine.sealed import read_sealed, write_sealed

_MOST_FILES: Final = 20_000
"""Above the number of assets of any lake: one that has more reads each of them anew at every command."""
_MOST_BYTES: Final = 64 << 20
_BETWEEN: Final = 500
"""To look at all files costs as much as to read a text; a new project writes a thousand."""


class CacheFolder:
    """Texts by name. Without a folder nothing is kept."""

    def __init__(self, folder: str | Path | None) -> None:
        self._folder = Path(folder) if folder else None
        self._written = 0

    def holds(self, prefix: str) -> bool:
        """Is there a text whose name begins with this?"""
        return self._folder is not None and any(self._folder.glob(f"{prefix}*"))

    def read(self, name: str) -> str | None:
        if self._folder is None:
            return None
        path = self._folder / name
        text = read_sealed(path)
        if text is not None:
            with suppress(OSError):
                os.utime(path)  # the longest unused goes first
        return text

    def write(self, name: str, text: str) -> None:
        if self._folder is None:
            return
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_sealed(self._folder / name, text)
            if self._written % _BETWEEN == 0:
                _forget_the_oldest(self._folder)
            self._written += 1


def _forget_the_oldest(folder: Path) -> None:
    held = 0
    for place, (_, size, path) in enumerate(sorted(_files(folder), reverse=True)):
        held += size
        if place >= _MOST_FILES or held > _MOST_BYTES:
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - a name out of thousands


def _files(folder: Path) -> Iterator[tuple[float, int, str]]:
    """The files, each with its time of last use and its size. Other processes may remove them meanwhile."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                found = entry.stat()
                yield found.st_mtime, found.st_size, entry.path
