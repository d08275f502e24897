"""Finds why DuckDB could not read a JSON file. No message quotes a row."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.duckdb.land.text_lines import NOT_UTF8

ARRAYS: Final = 'format = "json" reads an array of objects'
HALF: Final = "holds one half of a letter of two (a lone surrogate such as \\ud83d), which is no text"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def bad_json(path: Path) -> tuple[str, str] | None:
    """The line of the first text that is not JSON, or holds half a letter."""
    with path.open("rb") as content:
        for number, line in enumerate(content, 1):
            try:
                found = json.loads(line) if line.strip() else None
            except UnicodeDecodeError:
                return f"line {number}", NOT_UTF8
            except ValueError:
                return f"line {number}", "no JSON" + (f"; {ARRAYS}" if line.lstrip().startswith(b"[") else "")
            if where := half_letter(found):
                return f"line {number}", f"{where} {HALF}"
    return None


def bad_array(path: Path) -> tuple[str, str] | None:
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
        if where := half_letter(each):
            return f"row {number}", f"{where} {HALF}"
    return None


def half_letter(value: Any, path: str = "") -> str:
    """Where a text has half of a letter: JSON can spell one, and no encoding can write it. Empty where none has."""
    match value:
        case str():
            return (f"column {path!r}" if path else "a text") if _SURROGATE.search(value) else ""
        case list():
            below = f"{path}.element" if path else ""
            return next(filter(None, (half_letter(each, below) for each in value)), "")
        case dict():
            if any(_SURROGATE.search(key) for key in value):
                return f"a key in column {path!r}" if path else "a key"
            inside = f"{path}." if path else ""
            return next(filter(None, (half_letter(each, f"{inside}{key}") for key, each in value.items())), "")
    return ""
