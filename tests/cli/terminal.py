"""What a terminal receives from a process that runs on it."""

from __future__ import annotations

import os


def received(ours: int) -> bytes:
    """All of it, until the process has closed its side; ours is closed then."""
    got = b""
    try:
        while chunk := os.read(ours, 65_536):
            got += chunk
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    return got
