"""Splits a text file into lines and goes on after a line that is no text or too long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from lakeflow.adapters.duckdb.land.text_files import NOT_UTF8, TOO_LONG
from lakeflow.adapters.duckdb.land.text_lines import LONGEST

_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class RawLine:
    """A line with its end. With a fault, `text` is what can be shown of it."""

    text: str
    fault: str = ""


def raw_lines(content: IO[bytes], ends: bytes = b"\r\n") -> Iterator[RawLine]:
    """The lines of UTF-8 text, which end with a line feed; with a carriage return too, where `ends` holds one."""
    pattern = re.compile(b"[^\r\n]*(?:\r\n|\r|\n)" if b"\r" in ends else b"[^\n]*\n")
    rest, cut = content.read(3).removeprefix(b"\xef\xbb\xbf"), b""
    while piece := content.read(_PIECE):
        rest, at = rest + piece, 0
        # A carriage return at the end of a piece may be the first half of a line's end.
        for match in pattern.finditer(rest, 0, len(rest) - rest.endswith(b"\r")):
            yield _line(cut + match[0])
            at, cut = match.end(), b""
        rest = rest[at:]
        if len(rest) > LONGEST:  # the line is too long to be kept: its beginning is, and its end is looked for
            cut, rest = (cut + rest)[: LONGEST + 1], rest[-1:] if rest.endswith(b"\r") else b""
    for match in re.finditer(pattern.pattern + b"|[^\n]+$", rest):
        yield _line(cut + match[0])
        cut = b""
    if cut:
        yield _line(cut)


def _line(line: bytes) -> RawLine:
    if len(line) > LONGEST:
        end = line[len(line.rstrip(b"\r\n")) :]
        return RawLine((line[:_SHOWN] + end).decode("utf-8", "replace"), TOO_LONG)
    try:
        return RawLine(line.decode())
    except UnicodeDecodeError:
        return RawLine(line.decode("utf-8", "replace"), NOT_UTF8)


_SHOWN: Final = 1000
"""Bytes that are kept of a line that is too long."""
