"""Opened files of a store with their last bytes, kept in bounded memory.

A Parquet file is read from its end. Both ends of that look, the size and the footer, are had ahead for all files of a
query at once, so that a store that answers late is waited for once and not file after file. A file whose name holds
its digest never changes, so it stays open for later queries; every other one is opened anew for each query.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Final

from lakeflow.core.ports.digests import digest_in
from lakeflow.core.ports.store_files import OpenedFile, StoreFiles
from lakeflow.core.values import dataclass

_TAIL: Final = 64 * 1024
"""What DuckDB reads first from the end of a Parquet file."""
_BLOCK: Final = 4096
"""Where DuckDB keeps what it read, it reads from a multiple of this on."""
_LENGTH: Final = 8
"""A Parquet file ends with the length of its footer (4 bytes, little endian) and `PAR1`."""
_LONGEST: Final = 16 << 20
_AT_ONCE: Final = 32
_MOST: Final = 64 << 20
"""Bytes of all tails together. With what is around it, an opened file counts as a few thousand more."""
_FILE: Final = 4096


@dataclass(frozen=True)
class KeptFile:
    """An opened file, and its bytes from `begins` to its end."""

    file: OpenedFile
    begins: int
    tail: bytes

    def read_at(self, length: int, at: int) -> bytes:
        """These bytes; OSError where there are fewer, which would be read as other values."""
        if at >= self.begins:
            return self.tail[at - self.begins : at - self.begins + length]
        found = self.file.read_at(length, at)
        if len(found) != length:
            raise OSError(f"the store gave {len(found)} of {length} bytes")
        return found


class KeptFiles:
    """The files that one process has open, by location; several threads and DuckDB instances share it."""

    def __init__(self, files: StoreFiles, most: int = _MOST) -> None:
        self.files = files
        self._most = most
        self._kept: OrderedDict[str, Future[KeptFile]] = OrderedDict()
        self._weights: dict[str, int] = {}
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None

    def ahead(self, location: str) -> None:
        """Begin to open a file that a query will read."""
        if not digest_in(location):
            with self._lock:
                self._forget(location)
        self._asked(location)

    def get(self, location: str) -> KeptFile:
        return self._asked(location).result()

    def _asked(self, location: str) -> Future[KeptFile]:
        with self._lock:
            known = self._kept.get(location)
            if known is not None and not (known.done() and known.exception()):
                self._kept.move_to_end(location)
                return known
            self._pool = self._pool or ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="store")
            begun = self._kept[location] = self._pool.submit(_opened, self.files, location)
        begun.add_done_callback(partial(self._count, location))
        return begun

    def _count(self, location: str, opened: Future[KeptFile]) -> None:
        """Let those go that were asked for longest ago, until the rest is no more than may be kept."""
        with self._lock:
            if opened.exception() or self._kept.get(location) is not opened:
                return
            self._weights[location] = len(opened.result().tail) + _FILE
            while sum(self._weights.values()) > self._most and len(self._weights) > 1:
                self._forget(next(each for each in self._kept if each in self._weights))

    def _forget(self, location: str) -> None:
        self._kept.pop(location, None)
        self._weights.pop(location, None)


def _opened(files: StoreFiles, location: str) -> KeptFile:
    file = files.opened(location)
    begins = max(0, file.size - _TAIL) // _BLOCK * _BLOCK
    tail = file.read_at(file.size - begins, begins)
    footer = int.from_bytes(tail[-_LENGTH:-4], "little") + _LENGTH if tail[-4:] == b"PAR1" else 0
    if len(tail) < footer <= min(file.size, _LONGEST):
        more = file.size - footer
        tail, begins = file.read_at(begins - more, more) + tail, more
    if begins + len(tail) != file.size:
        raise OSError(f"the store gave {len(tail)} of the last {file.size - begins} bytes")
    return KeptFile(file, begins, tail)
