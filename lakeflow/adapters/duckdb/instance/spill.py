"""Folders for what does not fit into memory: each has one owner, and folders of dead owners are removed.

A process number does not identify a process across containers, or a later process with the same number. So the owner
locks a file beside its folder for as long as it lives. The kernel releases the lock with the process, however that
ended, and in every container that shares the disk. Where locks are not supported, nothing is removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

_LOCK: Final = ".lock"


class OwnFolder:
    """A folder in `spill` that no other process and no other call uses. `spill` is made, the folder is not.

    DuckDB makes the folder itself when it spills, but none above it. Who may not write to `spill` learns so here.
    """

    def __init__(self, spill: Path, kind: str) -> None:
        self.path = spill / f"{kind}-{uuid4().hex}"
        self._lock: int | None = None
        with suppress(OSError):
            spill.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(_lock_of(self.path), os.O_CREAT | os.O_EXCL)

    def release(self) -> None:
        """Remove the folder and all in it; a second call does nothing."""
        shutil.rmtree(self.path, ignore_errors=True)
        lock, self._lock = self._lock, None
        if lock is not None:
            _lock_of(self.path).unlink(missing_ok=True)
            os.close(lock)


@contextmanager
def lent(spill: Path) -> Iterator[str]:
    """A folder for what belongs to no table, which goes at the end."""
    own = OwnFolder(spill, "scratch")
    try:
        own.path.mkdir(mode=0o700)
        yield str(own.path)
    finally:
        own.release()


def sweep(spill: Path) -> None:
    """Remove folders whose owners were killed; a living owner, wherever it runs, keeps its own."""
    for path in spill.glob(f"*{_LOCK}"):
        with suppress(OSError):
            lock = _locked(path, 0)
            try:
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)
            finally:
                os.close(lock)


def _locked(path: Path, how: int) -> int:
    """A descriptor that holds the file's lock. OSError where another process holds it, or where locks are not
    supported.

    A file that was removed between its opening and its locking belongs to nobody.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | how, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), path.lstat()):
            raise FileNotFoundError(path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)
