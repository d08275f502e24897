"""Where an answer goes that is written piece by piece: stdout, or a file that appears whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TextIO, cast
from uuid import uuid4


def standard_output(stream: TextIO) -> IO[bytes]:
    """The bytes below a text stream; a stream without any (a test's) takes them as UTF-8."""
    return stream.buffer if isinstance(stream, io.TextIOWrapper) else cast("IO[bytes]", _Encoded(stream))


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file beside `path`, which takes its place at the end. After an error what stood there still does."""
    beside = path.with_name(f".{path.name}-{uuid4().hex[:8]}")
    try:
        with beside.open("xb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        beside.replace(path)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()


class _Encoded(io.RawIOBase):
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]  # of all buffers only bytes come
        self._stream.write(content.decode())
        return len(content)
