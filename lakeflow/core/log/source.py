"""The recorded text of an asset's code as lines that people read, and what differs between two of them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any


def difference(before: str, after: str, names: tuple[str, str]) -> str:
    """A unified diff of the code as people wrote it."""
    was, now = list(_lines(before)), list(_lines(after))
    return "\n".join(difflib.unified_diff(was, now, *names, lineterm=""))


def _lines(text: str) -> Iterator[str]:
    """SQL as it was written, which declares itself; a function with a line for each declared field before it."""
    try:
        said = json.loads(text)
        parts = [said["text"]] if said["kind"] == "sql" else list(_function(said))
    except (ValueError, LookupError, TypeError, AttributeError):
        parts = [text]
    for part in parts:
        yield from str(part).strip("\n").splitlines()


def _function(said: dict[str, Any]) -> Iterator[str]:
    """Its declaration, its code, the project modules that it imports, and what its closure holds."""
    for name, value in sorted(said["fields"].items()):
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}"
    yield from said["code"]
    for name, code in sorted(said["modules"].items()):
        yield f"# {name}\n{code}"
    for name, value in sorted(said["bound"].items()):
        yield f"# {name} is {value}"
