"""What was sent of each run: a file that is replaced at once, and a lock, so that one process of a machine sends."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class SentRuns:
    """The runs of which events were sent, each with a mark of how it stood then. It is only ever behind the truth:
    what was sent just before a process was killed is sent again.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "openlineage.json"
        self._lock = folder / "openlineage.lock"

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """False where another process is at it, which takes these runs with it, or the next command does."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)

    def read(self) -> Mapping[str, str]:
        """The mark of each run; nothing where the file is not there or cannot be read: all is sent again then."""
        try:
            said = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(run): str(mark) for run, mark in said.items()} if isinstance(said, dict) else {}

    def write(self, marks: Mapping[str, str]) -> None:
        new = self._file.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(dict(marks)), encoding="utf-8")
        new.replace(self._file)
