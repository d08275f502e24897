"""The lines of a text file as any program has them: ended by a line feed, a carriage return, or both.

They are decoded piece by piece, so that no letter is split where a piece ends, and a bad byte is met in its own line.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import IO, Any, Final

from lakeflow.core.model.file_source import FileSource

LONGEST: Final = 2_000_000
"""Bytes of a line: DuckDB takes no longer ones."""
_PIECE: Final = 1 << 20


class LongLineError(ValueError):
    """A line is longer than any that is taken."""


def lines(content: IO[bytes]) -> Iterator[str]:
    """With their ends. UnicodeDecodeError and LongLineError where the line would come that has the fault."""
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
        if len(rest) > LONGEST:
            raise LongLineError
    rest += decoder.decode(b"", final=True)
    yield from (line for line in _split(rest) if line)


def _split(text: str) -> list[str]:
    """The lines; the last is not ended yet: it may be empty, and end with a carriage return."""
    found = list(io.StringIO(text, newline=""))
    return found if found and not found[-1].endswith("\n") else [*found, ""]


def end_of(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def reader(of: Iterator[str], source: FileSource) -> Any:
    """Records as the source's dialect has them; csv.Error for one that has not."""
    csv.field_size_limit(4 * LONGEST)
    return csv.reader(
        of,
        delimiter=source.delimiter,
        quotechar=source.quote or None,
        quoting=csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
        escapechar=source.escape if source.escape not in {"", source.quote} else None,
        doublequote=source.escape == source.quote,
        strict=True,
    )


class RecordLines:
    """The lines of a file, those blank that are skipped or are comments, so that all others keep their numbers.

    A comment begins where a record would: within quotes its sign is a value's. `taken` are the lines since
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
