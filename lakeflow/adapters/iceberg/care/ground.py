"""What really stands in a folder of the warehouse, however its name is spelled: on a disk, or in a store.

On a disk places are compared by device and inode: the same folder has many names, through links, mounts and capital
letters. No link below the warehouse is followed. In a store a place has one name, and folders are parts of names.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from lakeflow.adapters.objects import seen_as
from lakeflow.core.errors import LakeError
from lakeflow.core.ports.locations import is_below, path_of, store_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.values import dataclass

MARKER: Final = "lakeflow-lake.json"
"""The file in a warehouse that names the lake to which it belongs."""
NOT_FILES: Final = frozenset({"lost+found", ".DS_Store", ".gitkeep", ".gitignore", ".keep"})
"""Files that an empty folder of a new disk or a repository has."""

Identity: TypeAlias = tuple[int, int] | str
"""Device and inode, or the name in a store."""


class NotOursError(Exception):
    """Something in the folder is no part of the table; the text says what."""


@dataclass(frozen=True)
class File:
    """A regular file. `changed` is when its content, its name or its rights changed last, `written` when its content
    did, in seconds.
    """

    path: str
    size: int
    changed: float
    written: float
    seen: tuple[str | int, ...]
    identity: Identity


class Ground(Protocol):
    """All places are paths as engines open them (`path_of`)."""

    def identity(self, place: str) -> Identity | None:
        """The identity of what stands there, links followed. None where nothing does."""
        ...

    def is_below(self, folder: str, warehouse: str) -> bool:
        """Does the folder truly stand below the warehouse, with no link and no `..` on the way?"""
        ...

    def files_below(self, folder: str, keep_out: Iterable[Identity]) -> tuple[File, ...]:
        """All regular files in the folder and below. NotOursError when it holds another lake's warehouse, or one of
        those places and files from which everybody is kept out. OSError where it cannot be read: then nothing is known.
        """
        ...

    def is_filled(self, folder: str, ignored: frozenset[str]) -> bool:
        """Does the folder hold any file or link, here or below? Ignored files do not count."""
        ...

    def is_taken(self, folder: str) -> bool:
        """Is there such a folder?"""
        ...

    def above(self, folder: str) -> Iterator[str]:
        """The folders above it, the nearest first."""
        ...


def ground_of(warehouse: str, objects: Objects) -> Ground:
    return StoreGround(objects) if store_of(warehouse) else DiskGround()


class DiskGround:
    """Implements `Ground`."""

    def identity(self, place: str) -> Identity | None:
        try:
            status = os.stat(place)  # noqa: PTH116 - a tenth of the time of Path.stat, over all files of a lake
        except (OSError, ValueError):
            return None
        return status.st_dev, status.st_ino

    def is_below(self, folder: str, warehouse: str) -> bool:
        here, path = self.identity(warehouse), Path(folder)
        if here is None or not path.is_absolute():
            return False
        way = [path]
        for above in path.parents:
            if self.identity(str(above)) == here:
                return not any(one.name == ".." or one.is_symlink() for one in way)
            way.append(above)
        return False

    def files_below(self, folder: str, keep_out: Iterable[Identity]) -> tuple[File, ...]:
        forbidden = frozenset(keep_out)
        found = []
        for entry in _entries(folder):
            status = entry.stat(follow_symlinks=False)
            if (status.st_dev, status.st_ino) in forbidden:
                raise NotOursError(_in_use(entry.path))
            if entry.name == MARKER:
                raise NotOursError(_anothers(entry.path))
            if stat.S_ISREG(status.st_mode):
                found.append(_file(entry.path, status))
        if self.identity(folder) in forbidden:
            raise NotOursError(_in_use(folder))
        return tuple(found)

    def is_filled(self, folder: str, ignored: frozenset[str]) -> bool:
        try:
            entries = sorted(Path(folder).iterdir())
        except OSError as error:
            if not Path(folder).exists():
                return False
            raise LakeError(
                f"cannot read {folder}: {error.strerror}", hint="check that it is a folder, and its rights"
            ) from error
        return any(self._counts(one, ignored) for one in entries if one.name not in NOT_FILES)

    def is_taken(self, folder: str) -> bool:
        return Path(folder).exists()

    def above(self, folder: str) -> Iterator[str]:
        return map(str, Path(folder).resolve().parents)

    def _counts(self, entry: Path, ignored: frozenset[str]) -> bool:
        if str(entry) in ignored:
            return False
        if entry.is_dir() and not entry.is_symlink():
            return self.is_filled(str(entry), ignored)
        return not (entry.name.startswith(f".{MARKER}.") and entry.name.endswith(".tmp"))


class StoreGround:
    """Implements `Ground`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def identity(self, place: str) -> Identity | None:
        return path_of(place).rstrip("/")

    def is_below(self, folder: str, warehouse: str) -> bool:
        return is_below(folder, warehouse) and ".." not in folder.split("/")

    def files_below(self, folder: str, keep_out: Iterable[Identity]) -> tuple[File, ...]:
        for kept in keep_out:
            if isinstance(kept, str) and store_of(kept) and (kept == self.identity(folder) or is_below(kept, folder)):
                raise NotOursError(_in_use(kept))
        found = []
        for one in self._objects.listed(folder):
            if one.location.endswith(f"/{MARKER}"):
                raise NotOursError(_anothers(one.location))
            found.append(File(one.location, one.size, one.changed, one.changed, one.seen, one.location))
        return tuple(sorted(found, key=lambda file: file.path))

    def is_filled(self, folder: str, ignored: frozenset[str]) -> bool:
        names = (one.location.rpartition("/")[2] for one in self._objects.listed(folder))
        return any(name not in NOT_FILES and not name.startswith(f"{MARKER}.") for name in names)

    def is_taken(self, folder: str) -> bool:
        return any(True for _ in self._objects.listed(folder))

    def above(self, folder: str) -> Iterator[str]:
        scheme, _, place = path_of(folder).partition("://")
        parts = place.split("/")
        return (f"{scheme}://{'/'.join(parts[:end])}" for end in range(len(parts) - 1, 0, -1))


def _file(path: str, status: os.stat_result) -> File:
    changed = max(status.st_mtime, status.st_ctime)
    here = (status.st_dev, status.st_ino)
    return File(path, status.st_size, changed, status.st_mtime, seen_as(status), here)


def _in_use(path: str) -> str:
    return f"{path} is in use: the project or a table reads what stands there"


def _anothers(marker: str) -> str:
    return f"another lake's warehouse stands in it, at {marker.rpartition('/')[0]}"


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
