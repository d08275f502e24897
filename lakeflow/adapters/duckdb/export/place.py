"""A folder or a file that appears, or takes the place of another one, as a whole and at once.

It is made in a hidden folder beside its place, which is locked while somebody works in it, so that the next export
removes what one that was killed has left, and nothing of one that runs.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from lakeflow.adapters.duckdb.instance.spill import OwnFolder, sweep
from lakeflow.core.errors import UsageError

_HERE: Final = -100  # AT_FDCWD: the paths are absolute
_SWAP: Final = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS


@contextmanager
def made_apart(target: Path) -> Iterator[Path]:
    """Yield a path of the target's name, on its disk, where it is made; it is gone at the end unless it was put in
    place. UsageError where nothing can be written.
    """
    beside = target.with_name(f".{target.name}.lakeflow-export")
    try:
        sweep(beside)
        own = OwnFolder(beside, "export")
        own.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        yield own.path / target.name
    finally:
        own.release()
        with suppress(OSError):
            beside.rmdir()


def put_in_place(made: Path, target: Path) -> None:
    """Durably, at once: a reader finds the old or the new one, whole, at any time."""
    try:
        _sync(made)
        if target.exists():
            shutil.copymode(target, made)
        if target.is_dir() and any(target.iterdir()):
            _exchange(made, target)
        else:
            made.rename(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error


def _exchange(one: Path, other: Path) -> None:
    """Two paths change places. No moment lies between, so no other way will do where the system cannot."""
    library = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    try:
        if sys.platform == "darwin":
            failed = library.renamex_np(*paths, _SWAP)
        else:
            failed = library.renameat2(_HERE, paths[0], _HERE, paths[1], _SWAP)
    except AttributeError:
        failed = True
        ctypes.set_errno(errno.ENOSYS)
    if failed:
        why = os.strerror(ctypes.get_errno())
        hint = "name a folder that is not there yet, or of an export FILE.duckdb"
        raise UsageError(f"{other} cannot be replaced at once here: {why}", hint=hint)


def _sync(made: Path) -> None:
    for folder, _, names in os.walk(made):
        for name in names:
            _sync_file(Path(folder, name))
        _sync_folder(Path(folder))
    if made.is_file():
        _sync_file(made)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(target: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write {target}: {error.strerror or error}", hint="name a place that can be written")
