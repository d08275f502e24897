"""Finds why DuckDB could not read a JSON file. No message quotes a row."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.duckdb.land.text.text_lines import NOT_UTF8
from lakeflow.core.model.file_source import FileSource

ARRAYS: Final = 'format = "json" reads an array of objects'
_HALF: Final = "holds one half of a letter of two (a lone surrogate such as \\ud83d), which is no text"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def bad_json(path: Path, source: FileSource) -> tuple[str, str] | None:
    """The line of the first text that is not JSON, or holds half a letter."""
    with path.open("rb") as content:
        for number, line in enumerate(content, 1):
            try:
                found = json.loads(line) if line.strip() else None
            except UnicodeDecodeError:
                return f"line {number}", NOT_UTF8
            except ValueError:
                return f"line {number}", "no JSON" + (f"; {ARRAYS}" if line.lstrip().startswith(b"[") else "")
            if half := half_letter(found, source.columns):
                return f"line {number}", half
    return None


def bad_array(path: Path, source: FileSource) -> tuple[str, str] | None:
    """The line at which the text stops being one JSON array; of half a letter the row, since nothing tells its line."""
    try:
        found = json.loads(path.read_bytes())
    except UnicodeDecodeError as error:
        before = error.object.count(b"\n", 0, error.start)
        return f"line {before + 1}", NOT_UTF8
    except json.JSONDecodeError as error:
        return f"line {error.lineno}", "no JSON array"
    if not isinstance(found, list):
        return "line 1", 'no JSON array: format = "ndjson" reads one object a line'
    for number, each in enumerate(found, 1):
        if half := half_letter(each, source.columns):
            return f"row {number}", half
    return None


def half_letter(value: Any, names: Collection[str]) -> str:
    """Which column has a text with half of a letter: JSON can spell one, and no encoding can write it. Empty where none
    has. Only a key among these names is told, since any other is data.
    """
    if not isinstance(value, dict):
        return f"a text {_HALF}" if _has_half(value) else ""
    for key, each in value.items():
        if _has_half([key, each]):
            return f"column {key!r} {_HALF}" if key in names else f"a key or a text {_HALF}"
    return ""


def _has_half(value: Any) -> bool:
    match value:
        case str():
            return bool(_SURROGATE.search(value))
        case list():
            return any(map(_has_half, value))
        case dict():
            return any(_has_half([key, each]) for key, each in value.items())
    return False
