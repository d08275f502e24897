"""Text files line by line: reads the header, and finds the line of a bad row.

DuckDB does not compare a header with the declared columns, counts records where its message says line, and is off by
one in JSON (see tests/traps). Here only the header of each file is read or, once a load has failed, the lines up to the
bad one. No message quotes a row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Final

from lakeflow.adapters.duckdb.land.text.text_lines import (
    NOT_UTF8,
    LongLineError,
    RecordLines,
    has_blank_before_quote,
    lines,
    reader,
)
from lakeflow.core.column_names import alike
from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import FileSource

QUOTES: Final = "a quote is not closed, or text follows it"
BLANK: Final = "a blank before a quote, of which nothing says whether it is a part of the value"
ENCODING: Final = 'declare the encoding in which the file is written, such as encoding = "latin-1"'
_DIALECT: Final = "check delimiter, quote, skip and encoding of the source against the file"


def header_of(content: IO[bytes], name: str, source: FileSource) -> tuple[str, ...]:
    """The first record after the skipped lines; empty where there is none. AssetError when it cannot be read."""
    try:
        kept = RecordLines(lines(content, source.caps.line), source)
        for record in reader(kept, source):
            if record or not source.is_prepared:
                return tuple(record)
            kept.next_record()
    except UnicodeError:
        raise AssetError(f"{name}, line 1: {not_encoded(source)}", hint=ENCODING) from None
    except LongLineError:
        raise AssetError(f"{name}, line 1: {too_long(source)}") from None
    except csv.Error:
        raise AssetError(f"{name}, line 1: the header does not parse", hint=_DIALECT) from None
    return ()


def too_long(source: FileSource) -> str:
    return f"longer than {source.caps.line:,} bytes, which no line may be (see max_line)"


def not_encoded(source: FileSource) -> str:
    return NOT_UTF8 if source.encoding == "utf-8" else f"not {source.encoding}"


def compare_positions(found: Sequence[str], name: str, source: FileSource) -> None:
    """AssetError unless the header has as many names as were given by position, and none of them at another place."""
    given = tuple(source.columns)
    if len(found) != len(given):
        raise AssetError(f"{name}: the header has {len(found)} names, header gives {len(given)}", hint=_DIALECT)
    named, names = {alike(each): each for each in given}, [alike(each) for each in found]
    for at, (theirs, ours) in enumerate(zip(names, given, strict=True), 1):
        elsewhere = named.get(theirs, ours)
        if elsewhere != ours and names.count(theirs) == 1:
            raise AssetError(
                f"{name}: column {at} is {elsewhere!r} in the file and {ours!r} in header",
                hint="give the names in the order of the file's columns",
            )


def fault_of(row: Sequence[str], record: Iterable[str], source: FileSource) -> str:
    """What is wrong with the row that these lines hold; empty where it is as declared."""
    width = len(source.columns)
    if row and len(row) != width:
        return f"{width} column{'s'[: width != 1]} expected, {len(row)} found"
    return BLANK if has_blank_before_quote(row, record, source) else ""


def bad_row(path: Path, source: FileSource) -> tuple[int, str] | None:
    """Line and fault of the first row that is not as declared; None when Python finds none."""
    start, longest = 1, source.caps.line
    with path.open("rb") as content:
        kept = RecordLines(lines(content, source.caps.line), source)
        records = reader(kept, source)
        try:
            for row in records:
                if sum(map(len, row)) > longest // 4 and sum(len(value.encode()) for value in row) > longest:
                    return start, too_long(source)
                if fault := fault_of(row, kept.taken, source):
                    return start, fault
                kept.next_record()
                start = records.line_num + 1
        except csv.Error:
            return start, QUOTES
        except LongLineError:
            return records.line_num + 1, too_long(source)
        except UnicodeDecodeError:
            return records.line_num + 1, NOT_UTF8
    return None


def line_of_object(path: Path, ordinal: int) -> int:
    """The line of the n-th text, blank lines not counted."""
    with path.open("rb") as content:
        filled = (number for number, line in enumerate(content, 1) if line.strip())
        return next(number for at, number in enumerate(filled, 1) if at == ordinal)


def line_of_row(path: Path, source: FileSource, ordinal: int) -> int:
    """The first line of the n-th row, blank lines and header not counted."""
    start, left = 1, ordinal + source.has_header_line
    with path.open("rb") as content:
        records = reader(lines(content, source.caps.line), source)
        for row in records:
            left -= bool(row)
            if not left:
                break
            start = records.line_num + 1
    return start
