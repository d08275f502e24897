"""Local files, written so that power loss leaves either the whole file or none of it (trap T11).

pyiceberg's own file access neither syncs nor renames; a pointer synced by the database could then lead to a
file that was never written.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlparse

from lakeflow.core.errors import AssetError, LakeError
from lakeflow.core.model.digests import digest_in

SCHEME: Final = "file"
_MOST_OPEN: Final = 16
"""How many files of one commit are open at a time, waiting for their sync: on macOS a process may have 256 open files
in all.
"""


def local_path(location: str) -> Path:
    """`file:///x`, `file:/x` (as Spark writes) or `/x` → path; LakeError for any other place."""
    parsed = urlparse(location)
    if parsed.scheme not in {"", SCHEME} or parsed.netloc not in {"", "localhost"}:
        raise LakeError(
            f"{location} is not on this machine's disk",
            hint="this release reads and writes local Iceberg tables only",
        )
    return Path(parsed.path)


def to_location(path: str) -> str:
    """An absolute path or a location, as a location with its scheme: Java engines need one."""
    return path if urlparse(path).scheme else f"{SCHEME}://{path}"


def read_bytes(location: str) -> bytes:
    """LakeError, with path and reason, for a file that cannot be read or does not hold what its name says."""
    path = local_path(location)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LakeError(
            f"cannot read {path}: {error.strerror}", hint="restore the table's metadata folder from a copy"
        ) from error
    if (wanted := digest_in(path.name)) and hashlib.sha256(content).hexdigest() != wanted:
        raise LakeError(
            f"{path} is damaged: its content is not what was written",
            hint="restore the table's metadata folder from a copy",
        )
    return content


class ScratchFiles:
    """The files of one commit: written and made durable a few at a time, named together, removed by `discard`.

    A file has a temporary name of its own until `place`. A failure of the disk is an AssetError with path and reason.
    """

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
        """Bring the content of every file written so far to the disk."""
        while self._open:
            descriptor, temporary, path = self._open[0]
            with _explained(path):
                os.fsync(descriptor)
            self._synced.append((temporary, path))
            self._open.pop(0)
            os.close(descriptor)

    def place(self) -> None:
        """Give every synced file its name, durably."""
        while self._synced:
            temporary, path = self._synced[0]
            with _explained(path):
                temporary.replace(path)
            self._placed.append(path)
            self._synced.pop(0)
        for directory in {path.parent for path in self._placed}:
            with _explained(directory):
                sync_directory(directory)

    def seal(self) -> None:
        self.sync()
        self.place()

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """Seal at the end what was written in the meantime; on any error remove it."""
        try:
            yield
            self.seal()
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove all files. Only for a commit that is known not to have happened."""
        for descriptor, temporary, _ in self._open:
            os.close(descriptor)
            delete(str(temporary))
        for path in (*(temporary for temporary, _ in self._synced), *self._placed):
            delete(str(path))
        for files in (self._open, self._synced, self._placed):
            files.clear()


def delete(location: str) -> None:
    """Remove a file if that is possible: a file that stays is collected as garbage later, and is no reason to fail."""
    try:
        local_path(location).unlink(missing_ok=True)
    except OSError:
        return


def sync_directory(directory: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AssetError(
            f"cannot write {path}: {error.strerror}",
            hint="nothing was committed; make room on the disk (`df -h`, and `df -i` for inodes), run again",
        ) from error
