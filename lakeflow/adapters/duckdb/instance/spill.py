"""Folders for what does not fit into memory: each has one owner, and what a dead one left is swept away.

A number tells no process from one of another container, or from a later one with the same number. So the owner holds a
lock on a file beside its folder for as long as it lives: the kernel gives it up with the process, whatever ended it,
and knows it in every container that shares the disk. Where locks are not known, nothing is swept.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

_LOCK: Final = ".lock"


class OwnFolder:
    """A folder in `spill` that no other process and no other call has. `spill` is made, the folder is not.

    DuckDB makes that one when something has to go there, but none above it. Who may not write there hears so then.
    """

    def __init__(self, spill: Path, kind: str) -> None:
        self.path = spill / f"{kind}-{uuid4().hex}"
        self._lock: int | None = None
        with suppress(OSError):
            spill.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(_lock_of(self.path), os.O_CREAT | os.O_EXCL)

    def release(self) -> None:
        """Remove the folder and all in it; a second time nothing happens."""
        shutil.rmtree(self.path, ignore_errors=True)
        lock, self._lock = self._lock, None
        if lock is not None:
            _lock_of(self.path).unlink(missing_ok=True)
            os.close(lock)


def sweep(spill: Path) -> None:
    """Remove what owners left there that were killed; one that lives, wherever it runs, keeps its own."""
    for path in spill.glob(f"*{_LOCK}"):
        with suppress(OSError):
            lock = _locked(path, 0)
            try:
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)
            finally:
                os.close(lock)


def _locked(path: Path, how: int) -> int:
    """A descriptor that holds the file's lock. OSError where another holds it, or locks are not known there.

    A file that was swept away between its opening and its locking is nobody's.
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
