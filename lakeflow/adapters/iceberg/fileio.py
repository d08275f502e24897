"""Local files, written so that power loss leaves either the whole file or none of it (trap T11).

pyiceberg's own file access neither syncs nor renames; a pointer synced by the database could then lead to a
file that was never written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import urlparse

from lakeflow.core.errors import AssetError, LakeError

SCHEME: Final = "file"


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
    return local_path(location).read_bytes()


class Scratch:
    """The files of one commit: written at once, made durable together by `seal`, removed by `discard`.

    A file has a temporary name until `seal`. Every failure of the disk is an AssetError with path and reason.
    """

    def __init__(self) -> None:
        self._open: list[tuple[int, Path, Path]] = []
        self._sealed: list[Path] = []

    def write(self, location: str, content: bytes) -> None:
        path = local_path(location)
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            self._open.append((descriptor, temporary, path))
            _write_all(descriptor, content)
        except OSError as error:
            raise _cannot_write(path, error) from error

    def seal(self) -> None:
        """Sync and rename every file written so far, then sync their directories."""
        path = Path()
        try:
            while self._open:
                descriptor, temporary, path = self._open.pop(0)
                self._sealed.append(temporary)
                os.fsync(descriptor)
                os.close(descriptor)
                temporary.replace(path)
                self._sealed[-1] = path
            for directory in {path.parent for path in self._sealed}:
                _sync_directory(directory)
        except OSError as error:
            raise _cannot_write(path, error) from error

    def discard(self) -> None:
        """Remove everything: only for a commit that is known not to have happened."""
        for descriptor, temporary, _ in self._open:
            os.close(descriptor)
            delete(str(temporary))
        for path in self._sealed:
            delete(str(path))
        self._open.clear()
        self._sealed.clear()


def delete(location: str) -> None:
    """Remove a file if that is possible: a leftover is the sweeper's, never a reason to fail."""
    try:
        local_path(location).unlink(missing_ok=True)
    except OSError:
        return


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_write(path: Path, error: OSError) -> AssetError:
    return AssetError(f"cannot write {path}: {error.strerror}", hint="nothing was committed; free the disk, run again")
