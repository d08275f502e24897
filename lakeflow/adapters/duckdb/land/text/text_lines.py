"""Splits a text file into lines, which end with a line feed, a carriage return, or both: up to the first line that is
wrong, or past it.

The file is decoded piece by piece, so that no letter is split between pieces, and a bad byte is reported in its own
line.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, Final

from lakeflow.core.model.file_source import FileSource
from lakeflow.core.values import dataclass

_PIECE: Final = 1 << 20


NOT_UTF8: Final = 'not UTF-8; declare the encoding, such as encoding = "latin-1"'


class LongLineError(ValueError):
    """A line is longer than it may be."""


def lines(content: IO[bytes], longest: int) -> Iterator[str]:
    """The lines with their ends. UnicodeDecodeError and LongLineError are raised in place of the line with the
    fault.
    """
    decoder, rest = codecs.getincrementaldecoder("utf-8-sig")(), ""
    while piece := content.read(_PIECE):
        fault: UnicodeDecodeError | None = None
        try:
            text = decoder.decode(piece)
        except UnicodeDecodeError as error:
            fault, text = error, error.object[: error.start].decode("utf-8-sig")
        *whole, rest = _split(rest + text)
        yield from whole
        if fault:
            raise fault
        if len(rest) > longest:
            raise LongLineError
    rest += decoder.decode(b"", final=True)
    yield from (line for line in _split(rest) if line)


def _split(text: str) -> list[str]:
    """The lines. The last is not complete yet: it may be empty, or end with a carriage return."""
    found = list(io.StringIO(text, newline=""))
    return found if found and not found[-1].endswith("\n") else [*found, ""]


def end_of(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def reader(of: Iterator[str], source: FileSource) -> Any:
    """Read records in the source's dialect; csv.Error for a record that does not follow it."""
    csv.field_size_limit(4 * source.caps.line)
    return csv.reader(of, **_dialect(source))


def has_blank_before_quote(row: Sequence[str], record: Iterable[str], source: FileSource) -> bool:
    """Does a value of the row, which these lines hold, begin with blanks and an opening quote? DuckDB would drop the
    blanks, other readers keep them and the quotes.
    """
    begun = [at for at, value in enumerate(row) if value[:1] == " " and value.lstrip(" ")[:1] == source.quote]
    if not begun or not source.quote or source.delimiter == " ":
        return False
    again = next(csv.reader(record, skipinitialspace=True, **_dialect(source)), [])
    return len(again) != len(row) or any(again[at] != row[at] for at in begun)


def _dialect(source: FileSource) -> dict[str, Any]:
    return {
        "delimiter": source.delimiter,
        "quotechar": source.quote or None,
        "quoting": csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
        "escapechar": source.escape if source.escape not in {"", source.quote} else None,
        "doublequote": source.escape == source.quote,
        "strict": True,
    }


class RecordLines:
    """The lines of a file, with skipped lines and comments blank, so that all others keep their numbers.

    A comment begins where a record would: inside quotes its sign belongs to a value. `taken` are the lines since
    `next_record`.
    """

    def __init__(self, of: Iterator[str], source: FileSource) -> None:
        self._lines = of
        self._source = source
        self._number = 0
        self._begins = True
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._number += 1
        comment = self._begins and self._source.comment and line.startswith(self._source.comment)
        if self._number <= self._source.skip or comment:
            line = end_of(line)
        else:
            self._begins = False
        self.taken.append(line)
        return line

    def next_record(self) -> None:
        self._begins = True
        self.taken.clear()


@dataclass(frozen=True)
class RawLine:
    """A line with its end. With a fault, `text` is what can be shown of it."""

    text: str
    fault: str = ""


def raw_lines(content: IO[bytes], longest: int, ends: bytes = b"\r\n") -> Iterator[RawLine]:
    """The lines of UTF-8 text, which end with a line feed; with a carriage return too, where `ends` holds one."""
    pattern = re.compile(b"[^\r\n]*(?:\r\n|\r|\n)" if b"\r" in ends else b"[^\n]*\n")
    rest, cut = content.read(3).removeprefix(b"\xef\xbb\xbf"), b""
    while piece := content.read(_PIECE):
        rest, at = rest + piece, 0
        # A carriage return at the end of a piece may be the first half of a line's end.
        for match in pattern.finditer(rest, 0, len(rest) - rest.endswith(b"\r")):
            yield _line(cut + match[0], longest)
            at, cut = match.end(), b""
        rest = rest[at:]
        if len(rest) > longest:  # the line is too long to be kept: its beginning is, and its end is looked for
            cut, rest = (cut + rest)[: longest + 1], rest[-1:] if rest.endswith(b"\r") else b""
    for match in re.finditer(pattern.pattern + b"|[^\n]+$", rest):
        yield _line(cut + match[0], longest)
        cut = b""
    if cut:
        yield _line(cut, longest)


def _line(line: bytes, longest: int) -> RawLine:
    if len(line) > longest:
        end = line[len(line.rstrip(b"\r\n")) :]
        return RawLine((line[:_SHOWN] + end).decode("utf-8", "replace"), f"longer than {longest:,} bytes")
    try:
        return RawLine(line.decode())
    except UnicodeDecodeError:
        return RawLine(line.decode("utf-8", "replace"), NOT_UTF8)


_SHOWN: Final = 1000
"""Bytes that are kept of a line that is too long."""
