"""Text files as their own words have it: the header against the declaration, and where a bad line stands.

DuckDB compares no header with the columns that are declared, counts records where a message says line, and is off by
one in JSON (see tests/traps). Everything here reads lines one by one, the header of each file or, once a load has
failed, up to the line that is wrong. No message holds what a row says.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import FileSource

_LONGEST: Final = 1 << 21
"""Bytes of a line that are looked at: DuckDB takes no longer ones either."""
_SHOWN: Final = 40
NOT_UTF8: Final = 'not UTF-8; declare the encoding, such as encoding = "latin-1"'


def compare_header(path: Path, name: str, source: FileSource, *, personal: bool) -> None:
    """AssetError with what was expected and found unless the file begins with exactly the declared names."""
    expected = tuple(source.columns)
    try:
        with path.open("rb") as content:
            found = tuple(next(_records(content, source), ()))
    except UnicodeDecodeError:
        raise AssetError(f"{name}, line 1: {NOT_UTF8}") from None
    except csv.Error:
        raise AssetError(f"{name}, line 1: the header does not parse", hint=_DIALECT) from None
    if found != expected:
        shown = [each if each in expected or not personal else "…" for each in found]
        raise AssetError(
            f"{name}: expected the header {_names(expected, source)}; found {_names(shown, source)}",
            hint=_DIALECT if len(found) == 1 else "mend the file, or declare its columns in the order that they have",
        )


_DIALECT: Final = "check delimiter, quote and encoding of the source against the file"


def _names(names: Iterable[str], source: FileSource) -> str:
    """As in the file, each cut: a file without a header shows its first row here."""
    return source.delimiter.join(name if len(name) <= _SHOWN else name[:_SHOWN] + "…" for name in names) or "nothing"


def bad_row(path: Path, source: FileSource) -> tuple[int, str] | None:
    """The physical line and the fault of the first row that is not as declared; None when Python finds none."""
    start, width = 1, len(source.columns)
    with path.open("rb") as content, _long_fields():
        reader = _reader(_lines(content), source)
        try:
            for row in reader:
                if row and len(row) != width:
                    return start, f"{width} columns expected, {len(row)} found"
                start = reader.line_num + 1
        except csv.Error:
            return start, "a quote is not closed, or text follows it"
        except UnicodeDecodeError:
            return reader.line_num + 1, NOT_UTF8
    return None


def bad_json(path: Path) -> tuple[int, str] | None:
    """The line of the first text that is no JSON."""
    with path.open("rb") as content:
        for number, line in enumerate(content, 1):
            try:
                if line.strip():
                    json.loads(line)
            except UnicodeDecodeError:
                return number, NOT_UTF8
            except ValueError:
                return number, "no JSON"
    return None


def line_of_object(path: Path, ordinal: int) -> int:
    """The line of the n-th text that is not blank."""
    with path.open("rb") as content:
        filled = (number for number, line in enumerate(content, 1) if line.strip())
        return next(number for at, number in enumerate(filled, 1) if at == ordinal)


def line_of_row(path: Path, source: FileSource, ordinal: int) -> int:
    """The first line of the n-th row that is not blank, header not counted."""
    start, left = 1, ordinal + source.header
    with path.open("rb") as content, _long_fields():
        reader = _reader(_lines(content), source)
        for row in reader:
            left -= bool(row) or len(source.columns) == 1
            if not left:
                break
            start = reader.line_num + 1
    return start


def _records(content: IO[bytes], source: FileSource) -> Iterator[list[str]]:
    return iter(_reader(_lines(content), source))


def _reader(lines: Iterator[str], source: FileSource) -> Any:
    return csv.reader(
        lines,
        delimiter=source.delimiter,
        quotechar=source.quote or None,
        quoting=csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
        escapechar=source.escape if source.escape not in {"", source.quote} else None,
        doublequote=source.escape == source.quote,
        strict=True,
    )


def _lines(content: IO[bytes]) -> Iterator[str]:
    """Decoded one by one, so that a bad byte is met in its own line; a bare carriage return ends a line as well."""
    encoding = "utf-8-sig"
    while line := content.readline(_LONGEST):
        yield from io.StringIO(line.decode(encoding), newline="")
        encoding = "utf-8"


@contextmanager
def _long_fields() -> Iterator[None]:
    limit = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
