"""Every byte that a lake has written, as a reader of each format would see it."""

from __future__ import annotations

import gzip
import html
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

_AVRO, _SQLITE = b"Obj\x01", b"SQLite format 3\0"


def written(root: Path) -> Iterator[tuple[Path, bytes]]:
    """All files below `root` but data files (Parquet), unpacked where they are packed."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".parquet":
            content = path.read_bytes()
            yield path, content + b"\n" + (_cells(path) if content.startswith(_SQLITE) else unpacked(content))


def _cells(path: Path) -> bytes:
    """All values of a database; in the file a long one is scattered over pages."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return "\n".join(database.iterdump()).encode()


def unpacked(content: bytes) -> bytes:
    if content[:2] == b"\x1f\x8b":
        return gzip.decompress(content)
    if content.startswith(_AVRO):
        return b"".join(_blocks(content))
    if content.startswith(b"<!"):
        return html.unescape(content.decode()).encode()
    return b""


def _blocks(content: bytes) -> Iterator[bytes]:
    """Blocks of an Avro file: after each sync marker stand two numbers and, with the codec `deflate`, raw DEFLATE."""
    sync = content[-16:]
    if b"deflate" not in content:
        return
    for block in content.split(sync)[1:-1]:
        yield zlib.decompress(block[_past_number(block, _past_number(block, 0)) :], wbits=-15)


def _past_number(block: bytes, at: int) -> int:
    """Where a variable-length number ends."""
    while block[at] & 0x80:
        at += 1
    return at + 1
