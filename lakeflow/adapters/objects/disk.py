"""Local files, written so that power loss leaves either the whole file or none of it (trap T11).

pyiceberg's own file access neither syncs nor renames; a pointer synced by the database could then lead to a
file that was never written.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final

from lakeflow.adapters.objects.scratch import Sealing
from lakeflow.core.errors import AssetError
from lakeflow.core.ports.locations import local_name, local_path
from lakeflow.core.ports.objects import StoredObject

_MOST_OPEN: Final = 16
"""How many files of one commit are open at a time, waiting for their sync: on macOS a process may have 256 open files
in all.
"""
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})


class Disk:
    """Implements `Objects`."""

    def get(self, location: str) -> bytes:
        with FileIO(local_name(location)) as file:
            return file.readall()

    def put(self, location: str, content: bytes) -> None:
        with _written(local_path(location), content) as (temporary, final):
            temporary.replace(final)

    def put_new(self, location: str, content: bytes) -> bool:
        with _written(local_path(location), content) as (temporary, final):
            try:
                os.link(temporary, final)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                if final.exists():
                    return False
                temporary.rename(final)
        return True

    def excludes(self, location: str) -> bool:
        return True

    def remove(self, location: str) -> None:
        local_path(location).unlink(missing_ok=True)

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        for place, _, names in os.walk(local_path(prefix)):
            for name in names:
                with suppress(FileNotFoundError):  # it went while we looked
                    status = os.lstat(f"{place}/{name}")
                    if stat.S_ISREG(status.st_mode):
                        yield _stored_file(f"{place}/{name}", status)

    def names(self, folder: str) -> list[str]:
        try:
            return os.listdir(local_path(folder))  # noqa: PTH208 - names are all
        except OSError:
            return []

    def find(self, location: str) -> StoredObject | None:
        path = local_path(location)
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _stored_file(str(path), status) if stat.S_ISREG(status.st_mode) else None

    def size(self, location: str) -> int | None:
        try:
            return local_path(location).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def exists(self, location: str) -> bool:
        return local_path(location).exists()

    def opened(self, location: str) -> BinaryIO:
        return local_path(location).open("rb")

    def make_folder(self, location: str) -> None:
        local_path(location).mkdir(parents=True, exist_ok=True)

    def remove_folder(self, location: str) -> None:
        with suppress(OSError):  # something is in it
            local_path(location).rmdir()

    def touch(self, location: str) -> None:
        with suppress(OSError):
            os.utime(local_path(location))  # which makes none where it is lost

    def scratch(self) -> DiskScratch:
        return DiskScratch()


DISK: Final = Disk()


class DiskScratch(Sealing):
    """Implements `Scratch`: a file has a temporary name of its own until `place`."""

    def __init__(self) -> None:
        self._open: list[tuple[int, Path, Path]] = []
        self._synced: list[tuple[Path, Path]] = []
        self._placed: list[Path] = []

    def write(self, location: str, content: bytes) -> None:
        path = local_path(location)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            self._open.append((descriptor, temporary, path))
            # The system may write less than it is given.
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
        if len(self._open) >= _MOST_OPEN:
            self.sync()

    def sync(self) -> None:
        while self._open:
            descriptor, temporary, path = self._open[0]
            with _explained(path):
                os.fsync(descriptor)
            self._synced.append((temporary, path))
            self._open.pop(0)
            os.close(descriptor)

    def place(self) -> None:
        while self._synced:
            temporary, path = self._synced[0]
            with _explained(path):
                temporary.replace(path)
            self._placed.append(path)
            self._synced.pop(0)
        for directory in {path.parent for path in self._placed}:
            with _explained(directory):
                sync_directory(directory)

    def discard(self) -> None:
        for descriptor, temporary, _ in self._open:
            os.close(descriptor)
            _delete(temporary)
        for path in (*(temporary for temporary, _ in self._synced), *self._placed):
            _delete(path)
        for files in (self._open, self._synced, self._placed):
            files.clear()


def seen_as(status: os.stat_result) -> tuple[int, ...]:
    """A value that differs for every other file, and for the same file after a change."""
    return status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns


def sync_directory(directory: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stored_file(path: str, status: os.stat_result) -> StoredObject:
    return StoredObject(path, status.st_size, max(status.st_mtime, status.st_ctime), seen_as(status))


def _delete(path: Path) -> None:
    """Remove a file if that is possible: one that stays is collected as garbage later, and is no reason to fail."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


@contextmanager
def _written(final: Path, content: bytes) -> Iterator[tuple[Path, Path]]:
    """The content under a temporary name, synced, and the name that it is to have. At the end the name is synced, and
    the temporary file removed.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary, final
        sync_directory(final.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AssetError(
            f"cannot write {path}: {error.strerror}",
            hint="nothing was committed; make room on the disk (`df -h`, and `df -i` for inodes), run again",
        ) from error
