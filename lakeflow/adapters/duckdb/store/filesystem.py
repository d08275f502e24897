"""A store's files as a file system that DuckDB may read with many threads.

DuckDB reads from a place in two calls, `seek` and then `read`. Threads that share a handle come between the two, and
one reads the bytes that another asked for. So a place belongs to the thread that sought it, until it has read there.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fsspec import AbstractFileSystem

from lakeflow.adapters.duckdb.store.faults import marked
from lakeflow.adapters.duckdb.store.kept import KeptFile, KeptFiles

SCHEMES: Final = ("s3", "gs", "abfss")
_NEVER: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""When every file changed last: DuckDB is to keep nothing of one itself, and asks only to know whether it may."""
_WILD: Final = frozenset("*?[")


class Handle:
    """A file that is open for reading. What was read from its end before is read from memory."""

    def __init__(self, location: str, kept: KeptFile) -> None:
        self._location = location
        self._kept = kept
        self._size = kept.file.size
        self._sought: dict[int, int] = {}
        self._next = 0
        self._lock = threading.Lock()
        self.closed = False

    @property
    def size(self) -> int:
        return self._size

    def seek(self, to: int, whence: int = 0) -> int:
        with self._lock:
            to += (0, self._next, self._size)[whence]
            self._sought[threading.get_ident()] = self._next = to
        return to

    def tell(self) -> int:
        with self._lock:
            return self._sought.get(threading.get_ident(), self._next)

    def read(self, length: int = -1) -> bytes:
        at, length = self._taken(length)
        with marked(self._location):
            return self._kept.read_at(length, at) if length else b""

    def _taken(self, length: int) -> tuple[int, int]:
        """Where this thread reads now. A thread that sought no place reads on where the last one stopped; then the
        threads take turns, and nobody's earlier place counts any more.
        """
        with self._lock:
            at = self._sought.pop(threading.get_ident(), None)
            if at is None:
                self._sought.clear()
                at = self._next
            left = max(0, self._size - at)
            length = left if length is None or length < 0 else min(length, left)
            self._next = at + length
            return at, length

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False


class StoreFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec is not typed
    """What DuckDB asks of a file system, for reading alone. A write goes by the local disk, see `staged`."""

    cachable = False

    def __init__(self, kept: KeptFiles, schemes: Sequence[str] = SCHEMES) -> None:
        super().__init__()
        self.protocol = tuple(schemes)
        self._kept = kept

    def open(self, path: str, mode: str = "rb", **_: Any) -> Handle:
        with marked(path):
            if mode != "rb":
                raise PermissionError(errno.EPERM, "DuckDB only reads there, and never writes")
            return Handle(path, self._kept.get(path))

    def glob(self, path: str, **_: Any) -> list[str]:
        """The objects that a pattern matches. A name without wildcards is itself, and its file is opened ahead: DuckDB
        asks for all files of a query before it opens the first.
        """
        if not _WILD.intersection(path):
            self._kept.ahead(path)
            return [path]
        if self.exists(path):
            return [path]
        with marked(path):
            return list(self._kept.files.matching(path))

    def unstrip_protocol(self, name: str) -> str:
        return name

    def exists(self, path: str, **_: Any) -> bool:
        with marked(path):
            try:
                self._kept.get(path)
            except FileNotFoundError:
                return False
            return True

    def info(self, path: str, **_: Any) -> dict[str, object]:
        with marked(path):
            return {"name": path, "size": self._kept.get(path).file.size, "type": "file"}

    def isfile(self, path: str) -> bool:
        return self.exists(path)

    def isdir(self, path: str) -> bool:
        return False

    def modified(self, path: str) -> datetime:
        return _NEVER
