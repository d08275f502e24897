"""Prepares outside files so that the engine reads them exactly: whole, unpacked, UTF-8, and under names without
wildcards.

DuckDB accepts a gzip whose checksum is wrong, reads big-endian UTF-16 as no rows at all, and takes `a[1].csv` for a
pattern (see tests/traps): such files are copied into the spill directory first, which the load empties again.
"""

from __future__ import annotations

import codecs
import gzip
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeAlias, cast

from lakeflow.adapters.duckdb.land.text.text_files import ENCODING
from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import FileSource, Format
from lakeflow.core.values import dataclass

Content: TypeAlias = IO[bytes] | gzip.GzipFile
_CHUNK: Final = 1 << 20
_SPARE: Final = 1 << 28
"""Bytes of disk that unpacking must leave free."""
PACKED: Final = frozenset({".gz", ".zip"})
"""How names end of files that are unpacked."""
_PATTERN: Final = re.compile(r"[*?\[]")


def readable(path: Path, name: str, source: FileSource, target: Path) -> Path:
    """The file itself, or a copy of its content at `target`.

    AssetError naming the file, and for a wrong encoding the line, when its content cannot be had whole.
    """
    packed = path.suffix.lower() in PACKED
    refuse_large(name, path.stat().st_size, source)
    _refuse_packed(path, name, source)
    if not packed and (source.format is Format.PARQUET or _is_utf8(source)):
        if not _PATTERN.search(str(path)):
            return path
        target.symlink_to(path)
        return target
    with explained(name), _opened(path, name) as content:
        if source.format is Format.PARQUET or _is_utf8(source):
            _copy(content, target, _Room.of(target, name, source))
        else:
            _transcode(content, target, _Room.of(target, name, source), source.encoding)
    return target


def refuse_large(name: str, size: int, source: FileSource) -> None:
    if 0 < source.caps.file < size:
        raise AssetError(
            f"{name} is larger than {source.caps.file:,} bytes, which no file may be (see max_file)",
            hint="deliver it in parts, or set max_file",
        )


_PACKED: Final = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh91AY&SY": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
"""How packed files begin, and no text does."""


def _refuse_packed(path: Path, name: str, source: FileSource) -> None:
    """AssetError for text that is packed, or packed twice: read as text in whatever encoding it would be garbage."""
    if source.format is Format.PARQUET:
        return
    with explained(name), _opened(path, name) as content:
        begin = content.read(max(map(len, _PACKED)))
    if by := next((by for magic, by in _PACKED.items() if begin.startswith(magic)), None):
        raise AssetError(
            f"{name} holds what {by} packed", hint="pack it once and call it .gz or .zip, or deliver it as it is"
        )


@contextmanager
def text_of(path: Path, name: str, source: FileSource) -> Iterator[IO[bytes]]:
    """The file's text in UTF-8, read as far as somebody asks; AssetError as from `readable`."""
    _refuse_packed(path, name, source)
    with explained(name), _opened(path, name) as content:
        yield cast("IO[bytes]", content if _is_utf8(source) else _Recoded(content, source.encoding))


class _Recoded:
    """Text as UTF-8. A letter that is not in the encoding is an error only once all before it was read."""

    def __init__(self, content: Content, encoding: str) -> None:
        self._content, self._encoding = content, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._fault: UnicodeDecodeError | None = None

    def read(self, size: int) -> bytes:
        if self._fault:
            raise self._fault
        chunk = self._content.read(size)
        try:
            return self._decoder.decode(chunk, not chunk).encode()
        except UnicodeDecodeError as error:
            self._fault = error
            return error.object[: error.start].decode(self._encoding, "ignore").encode() or self.read(size)


def _is_utf8(source: FileSource) -> bool:
    """Is it UTF-8, of which ASCII is a part? Text declared as ASCII still has to be transcoded, which checks that."""
    return codecs.lookup(source.encoding).name in {"utf-8", "utf-8-sig"}


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Content]:
    match path.suffix.lower():
        case ".gz":
            with gzip.open(path) as content:
                yield content
        case ".zip":
            with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive, name)) as content:
                yield content
        case _:
            with path.open("rb") as content:
                yield content


def _only_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The one file in an archive. Files that the packing system added do not count: `__MACOSX/`, and names that begin
    with a dot.
    """
    members = [member for member in archive.infolist() if not member.is_dir() and not _is_litter(member.filename)]
    if len(members) != 1:
        raise AssetError(f"{name} holds {len(members)} files, not one", hint="deliver one file in each archive")
    return members[0]


def _is_litter(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[0] == "__MACOSX" or parts[-1].startswith(".")


def _copy(content: Content, target: Path, room: _Room) -> None:
    with target.open("wb") as copy:
        while chunk := content.read(_CHUNK):
            room.take(len(chunk))
            copy.write(chunk)


def _transcode(content: Content, target: Path, room: _Room, encoding: str) -> None:
    """Write the text as UTF-8; line ends stay as they are."""
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    with target.open("wb") as copy:
        final = False
        while not final:
            chunk = content.read(_CHUNK)
            final = not chunk
            try:
                text = decoder.decode(chunk, final)
            except UnicodeError as error:  # UTF-16 without its byte order mark raises this without a position
                if isinstance(error, UnicodeDecodeError):
                    line += error.object[: error.start].decode(encoding, "ignore").count("\n")
                raise AssetError(f"{room.name}, line {line}: not {encoding}", hint=ENCODING) from None
            line += text.count("\n")
            encoded = text.encode()
            room.take(len(encoded))
            copy.write(encoded)


@dataclass
class _Room:
    """How many bytes a file may still unpack to: a small archive may unpack to any size. `on_disk` and `allowed` (None:
    no bound) are what is left of either.
    """

    name: str
    on_disk: int
    allowed: int | None

    @classmethod
    def of(cls, target: Path, name: str, source: FileSource) -> _Room:
        return cls(name, shutil.disk_usage(target.parent).free - _SPARE, source.caps.expanded or None)

    def take(self, size: int) -> None:
        if self.allowed is not None:
            self.allowed -= size
            if self.allowed < 0:
                raise AssetError(
                    f"{self.name} unpacks to more than it may (see max_expanded)",
                    hint="deliver it in parts, or set max_expanded",
                )
        self.on_disk -= size
        if self.on_disk < 0:
            hint = "free space, or deliver it in parts"
            raise AssetError(f"{self.name} unpacks to more than the disk can hold", hint=hint)


@contextmanager
def explained(name: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, NotImplementedError, RuntimeError) as error:
        hint = "deliver the whole file again; a writer should rename it into place when it is done"
        raise AssetError(f"{name} is damaged or not whole ({type(error).__name__})", hint=hint) from None
    except OSError as error:
        raise AssetError(f"{name} cannot be read: {error.strerror or error}", hint="check file and disk") from None
