"""Prepares text files with lines that are no rows: skipped lines, comments, and the header after them.

DuckDB cuts a line at a comment sign wherever it is, and so would lose values. Here such lines become blank in a copy of
the file. All other lines keep their numbers, and blank lines are no rows.
"""

from __future__ import annotations

import csv
from pathlib import Path

from lakeflow.adapters.duckdb.land.text.text_files import QUOTES, too_long
from lakeflow.adapters.duckdb.land.text.text_lines import NOT_UTF8, LongLineError, RecordLines, end_of, lines, reader
from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import FileSource


def prepared(path: Path, name: str, source: FileSource, target: Path) -> Path:
    """The file itself, or a copy with only its rows at `target`. AssetError, with the line, when its records cannot be
    told.
    """
    if not source.is_prepared:
        return path
    with path.open("rb") as content, target.open("w", encoding="utf-8", newline="") as copy:
        kept, waits = RecordLines(lines(content, source.caps.line), source), source.header
        records = reader(kept, source)
        try:
            for record in records:
                is_header = waits and bool(record)
                copy.writelines(map(end_of, kept.taken) if is_header else kept.taken)
                waits = waits and not is_header
                kept.next_record()
        except csv.Error:
            raise AssetError(f"{name}, line {records.line_num}: {QUOTES}") from None
        except LongLineError:
            raise AssetError(f"{name}, line {records.line_num + 1}: {too_long(source)}") from None
        except UnicodeDecodeError:
            raise AssetError(f"{name}, line {records.line_num + 1}: {NOT_UTF8}") from None
    return target
