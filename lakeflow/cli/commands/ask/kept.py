"""The questions of other days, in a file that only its owner can read. Where it cannot be kept so, nothing is kept."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_MOST: Final = 1_000
_MOST_BYTES: Final = 1 << 20


class KeptQuestions:
    """A line of JSON each, oldest first. `path` None: there is no place for it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def load(self) -> list[str]:
        """The newest of them, oldest first; what is no line of ours is passed over."""
        with suppress(OSError):
            return self._read()[-_MOST:]
        return []

    def add(self, question: str) -> None:
        """Keep one more. Whoever cannot write there asks all the same."""
        with suppress(OSError):
            self._write([question], os.O_APPEND)
            if self._path is not None and self._path.stat().st_size > _MOST_BYTES:
                self._write(self._read()[-_MOST // 2 :], os.O_TRUNC)

    def _read(self) -> list[str]:
        found: list[str] = []
        if self._path is None:
            return found
        with os.fdopen(self._open(os.O_RDONLY), encoding="utf-8", errors="replace") as file:
            for line in file.read(4 * _MOST_BYTES).splitlines():
                with suppress(ValueError, RecursionError):
                    question = json.loads(line)
                    found += [question] if isinstance(question, str) else []
        return found

    def _write(self, questions: list[str], how: int) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(self._open(os.O_WRONLY | os.O_CREAT | how), "w", encoding="utf-8") as file:
            file.write("".join(json.dumps(each) + "\n" for each in questions))

    def _open(self, how: int) -> int:
        """OSError for a link, another user's file, or anything but a file. A mode that lets others read is mended."""
        assert self._path is not None
        descriptor = os.open(self._path, how | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            found = os.fstat(descriptor)
            if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
                raise PermissionError(str(self._path))
            if stat.S_IMODE(found.st_mode) != 0o600:
                os.fchmod(descriptor, 0o600)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor
