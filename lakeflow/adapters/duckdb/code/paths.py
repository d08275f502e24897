"""Relative paths in SQL begin at the project's root, and are refused where DuckDB would begin elsewhere.

DuckDB looks for a plain path first in the process's working folder and then in `file_search_path`, and no setting
changes that. A file with the same relative path in another working folder would be read silently instead.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import duckdb

from lakeflow.adapters.duckdb.failures import ErrorContext


def refuse_shadowed(text: str, root: Path, place: ErrorContext) -> None:
    """AssetError when a string of the SQL names a file in the working folder that is not the project's."""
    if Path.cwd() == root:
        return
    for string in _strings(text):
        if _exists(Path(string)) and not _same(Path(string), root / string):
            raise place.error(
                f"{string!r} also names a file in the folder where you stand, and DuckDB would read that one",
                f"cd {root}",
            )


def _strings(text: str) -> list[str]:
    """The relative paths among the text's string constants; any string that could be a path counts."""
    tokens = [*duckdb.tokenize(text), (len(text.encode()), None)]
    found = (
        text.encode()[start:end]
        for (start, kind), (end, _) in pairwise(tokens)
        if kind == duckdb.token_type.string_const
    )
    strings = (piece.decode().strip() for piece in found)
    return [string[1:-1].replace("''", "'") for string in strings if string[1:2] not in {"/", "'", ""}]


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a string that cannot be a path: too long, or with a zero byte
        return False


def _same(here: Path, there: Path) -> bool:
    return there.exists() and here.samefile(there)
