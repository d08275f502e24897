"""Lists the files that really stand in a folder of the warehouse, however their paths are spelled.

Places are compared by device and inode: the same folder has many names, through links, mounts and capital letters. No
link below the warehouse is followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MARKER: Final = "lakeflow-lake.json"
"""The file in a warehouse that names the lake to which it belongs."""

Identity = tuple[int, int]
"""Device and inode."""


class NotOursError(Exception):
    """Something in the folder is no part of the table; the text says what."""


@dataclass(frozen=True)
class File:
    """A regular file. `changed` is when its content, its name or its rights changed last, in seconds."""

    path: str
    size: int
    changed: float
    seen: tuple[int, ...]

    @property
    def identity(self) -> Identity:
        return self.seen[0], self.seen[1]


def identity(path: str | Path) -> Identity | None:
    """The identity of what stands at the path, links followed. None where nothing does."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a tenth of the time of Path.stat, over all files of a lake
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def is_below(folder: Path, warehouse: Path) -> bool:
    """Does the folder truly stand below the warehouse, with no link and no `..` on the way?"""
    here = identity(warehouse)
    if here is None or not folder.is_absolute():
        return False
    way = [folder]
    for above in folder.parents:
        if identity(above) == here:
            return not any(path.name == ".." or path.is_symlink() for path in way)
        way.append(above)
    return False


def files_below(folder: Path, keep_out: Iterable[Identity]) -> tuple[File, ...]:
    """All regular files in the folder and below. NotOursError when it holds another lake's warehouse, or one of those
    places and files from which everybody is kept out.
    """
    forbidden = frozenset(keep_out)
    found = []
    for entry in _entries(str(folder)):
        status = entry.stat(follow_symlinks=False)
        if (status.st_dev, status.st_ino) in forbidden:
            raise NotOursError(f"{entry.path} is in use: the project or a table reads what stands there")
        if entry.name == MARKER:
            raise NotOursError(f"another lake's warehouse stands in it, at {Path(entry.path).parent}")
        if stat.S_ISREG(status.st_mode):
            changed = max(status.st_mtime, status.st_ctime)
            found.append(File(entry.path, status.st_size, changed, seen_as(status)))
    if identity(folder) in forbidden:
        raise NotOursError(f"{folder} is in use: the project or a table reads what stands there")
    return tuple(found)


def seen_as(status: os.stat_result) -> tuple[int, ...]:
    """A value that differs for every other file, and for the same file after a change."""
    return status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """Everything below, each folder before its content. OSError for a folder that cannot be read: then nothing is known
    of it.
    """
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path)
