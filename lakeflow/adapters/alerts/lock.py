"""One process of a machine sends at a time; the kernel frees the lock of a process that is killed."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakeflow.core.errors import LakeError


@contextmanager
def sole_sender(folder: Path, patience: float) -> Iterator[bool]:
    """Hold the lock in this folder. False, and no lock, when another process still sends after `patience` seconds.

    LakeError when nobody may write there.
    """
    try:
        descriptor = os.open(folder / "alerts.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LakeError(
            f"alerts cannot be sent: {folder} cannot be written ({error.strerror})",
            hint="whoever sends must be able to write there; it keeps two processes from sending the same",
        ) from None
    try:
        yield _locked(descriptor, patience)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        else:
            return True
