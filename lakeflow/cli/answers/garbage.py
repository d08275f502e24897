"""Files that nothing needs any more, as an answer: what would be removed from each table, or was removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from lakeflow.cli.output import Answer
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.model.table import Garbage
from lakeflow.core.wording import counted

_NAMED: Final = 5


def garbage_answer(found: Sequence[Garbage], *, deleted: bool) -> Answer:
    """Screen and JSON; the screen names the first files, the JSON all of them."""
    data = {"deleted": deleted, "garbage": [_json(one) for one in found if one.files or one.kept]}
    rows = [(line(_name(one)), line(_about(one))) for one in found if one.files or one.kept]
    files, size = sum(len(one.files) for one in found), sum(one.bytes for one in found)
    words = f" {counted(files, 'file')}, {size / 1e6:,.1f} MB {'removed' if deleted else 'that nothing needs'}"
    hint = [line("Next      `lakeflow gc --delete` removes them")] if files and not deleted else []
    return Answer(data, screen(align(rows), _first(found), [line(Mark.OK, words)], hint))


def _first(found: Sequence[Garbage]) -> Iterator[Text]:
    paths = sorted(path for one in found for path in one.files)
    yield from (line("  ", path) for path in islice(paths, _NAMED))
    if len(paths) > _NAMED:
        yield line(f"  and {counted(len(paths) - _NAMED, 'more file')}")


def _json(one: Garbage) -> dict[str, Any]:
    return {
        "table": str(one.key) if one.key else None,
        "files": sorted(one.files),
        "bytes": one.bytes,
        "kept": one.kept or None,
    }


def _name(one: Garbage) -> str:
    return str(one.key) if one.key else "dropped tables"


def _about(one: Garbage) -> str:
    return f"left alone: {one.kept}" if one.kept else f"{counted(len(one.files), 'file')}, {one.bytes / 1e6:,.1f} MB"
