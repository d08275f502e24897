"""Text files line by line: compares the header with the declaration, and finds the line of a bad row.

DuckDB does not compare a header with the declared columns, counts records where its message says line, and is off by
one in JSON (see tests/traps). Here only the header of each file is read or, once a load has failed, the lines up to the
bad one. No message quotes a row.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lakeflow.adapters.duckdb.land.text_lines import LONGEST, LongLineError, RecordLines, lines, reader
from lakeflow.core.column_names import alike
from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import FileSource
from lakeflow.core.wording import cut, differences

_FEW: Final = 20
"""How many names a message shows in full."""
NOT_UTF8: Final = 'not UTF-8; declare the encoding, such as encoding = "latin-1"'
QUOTES: Final = "a quote is not closed, or text follows it"
TOO_LONG: Final = f"longer than {LONGEST:,} bytes, which no line may be"
_DIALECT: Final = "check delimiter, quote, skip and encoding of the source against the file"


def compare_header(path: Path, name: str, source: FileSource, *, personal: bool) -> None:
    """AssetError, with expected and found, unless the file begins with exactly the declared names.

    Where the source gives the names by position, the header must have as many, and none of them at another place.
    """
    found = _header(path, name, source)
    if source.by_position:
        _compare_positions(found, name, source)
    elif found != tuple(source.columns):
        shown = [each if each in source.columns or not personal else "…" for each in found]
        raise AssetError(
            f"{name}: {_mismatch(tuple(source.columns), shown, source.delimiter)}",
            hint=_DIALECT if len(found) == 1 else _MEND,
        )


_MEND: Final = (
    "mend the file, declare its columns in the order that they have, or give them names by position: "
    'header = ["id", "total"]'
)


def _mismatch(expected: Sequence[str], found: Sequence[str], delimiter: str) -> str:
    small = _BARELY if [*map(alike, expected)] == [*map(alike, found)] else ""
    if len(expected) + len(found) > _FEW:
        counts = f"{len(expected)} columns expected, {len(found)} found"
        return f"the header differs ({counts}): {differences(expected, found)}{small}"
    sides = (delimiter.join(map(cut, names)) or "nothing" for names in (expected, found))
    return "expected the header {}; found {}".format(*sides) + small


_BARELY: Final = "; they differ in letter case, white space or the form of an accent alone"


def _header(path: Path, name: str, source: FileSource) -> tuple[str, ...]:
    """The first record after the skipped lines."""
    try:
        with path.open("rb") as content:
            kept = RecordLines(lines(content), source)
            for record in reader(kept, source):
                if record or not source.is_prepared:
                    return tuple(record)
                kept.next_record()
            return ()
    except UnicodeDecodeError:
        raise AssetError(f"{name}, line 1: {NOT_UTF8}") from None
    except LongLineError:
        raise AssetError(f"{name}, line 1: {TOO_LONG}") from None
    except csv.Error:
        raise AssetError(f"{name}, line 1: the header does not parse", hint=_DIALECT) from None


def _compare_positions(found: Sequence[str], name: str, source: FileSource) -> None:
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


def bad_row(path: Path, source: FileSource) -> tuple[int, str] | None:
    """Line and fault of the first row that is not as declared; None when Python finds none."""
    start, width = 1, len(source.columns)
    with path.open("rb") as content:
        records = reader(lines(content), source)
        try:
            for row in records:
                if sum(map(len, row)) > LONGEST // 4 and sum(len(value.encode()) for value in row) > LONGEST:
                    return start, TOO_LONG
                if row and len(row) != width:
                    return start, f"{width} column{'s'[: width != 1]} expected, {len(row)} found"
                start = records.line_num + 1
        except csv.Error:
            return start, QUOTES
        except LongLineError:
            return records.line_num + 1, TOO_LONG
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
        records = reader(lines(content), source)
        for row in records:
            left -= bool(row)
            if not left:
                break
            start = records.line_num + 1
    return start
