"""The disk under SQLite's file: which file it is, who may open it first, and whether locks work there."""

from __future__ import annotations

import fcntl
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lakeflow.adapters.database.failures import busy
from lakeflow.core.errors import LakeError
from lakeflow.core.settings.mounts import NETWORK_FILESYSTEMS, filesystem_type, type_in_mounts


@contextmanager
def sole_opener(path: Path, timeout: float) -> Iterator[None]:
    """Make the file if it does not exist, and hold the lock file beside it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Only the owner may read them, whatever the umask: SQLite gives its side files the database's mode.
        os.close(_open_private(str(path), os.O_RDWR | os.O_CREAT))
        lock = open(f"{path}.lock", "a+", opener=_open_private)  # noqa: SIM115 - closed below; `opener`
    except OSError as error:
        raise LakeError(
            f"cannot write beside {path}: {error.strerror}",
            hint="check the folder's permissions, and that its disk has room (`df -h`, and `df -i` for inodes)",
        ) from error
    with lock:
        _wait_for(lock, path, timeout)
        yield


def _wait_for(lock: IO[str], path: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise busy(str(path), timeout) from None
            time.sleep(0.01)
        else:
            return


def identity(path: Path | None) -> tuple[int, int] | None:
    try:
        status = path.stat() if path else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None


def refuse_replaced(path: Path | None, opened: tuple[int, int]) -> None:
    """LakeError where the file is not the one that was opened."""
    if identity(path) != opened:
        raise LakeError(
            f"{path} was removed or replaced while it was open; what was written since does not count",
            hint="put the database back from a copy, or `lakeflow doctor --rebuild-catalog` makes it again; "
            "then repeat the command",
        )


def refuse_network(path: Path) -> None:
    """LakeError where the file stands on a network file system, where SQLite's locks do not hold."""
    if is_network_filesystem(path):
        raise LakeError(
            f"{path} is on a network file system, where SQLite's locks cannot be trusted",
            hint="move the lake to a local disk or its catalog to PostgreSQL; "
            "if only one host ever writes, set `allow_network_filesystem = true` in [tool.lakeflow]",
        )


def is_network_filesystem(path: Path) -> bool:
    """Does the file, or the folder in which it would be made, stand on a file system shared between hosts?

    Linux says so in /proc/self/mountinfo; macOS in the output of `mount`, best effort. Unknown is local.
    """
    return _filesystem_of(path.resolve()) in NETWORK_FILESYSTEMS


def _filesystem_of(path: Path) -> str:
    try:
        if platform.system() == "Linux":
            return filesystem_type(path, Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
        return type_in_mounts(path, subprocess.check_output(["/sbin/mount"], text=True, timeout=5))
    except (OSError, subprocess.SubprocessError):
        return ""


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
