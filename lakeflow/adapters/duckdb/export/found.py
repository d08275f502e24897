"""What stands where an export is to go, and which of it an export of ours has written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import duckdb

from lakeflow.core.errors import UsageError
from lakeflow.core.export.exported import ExportForm
from lakeflow.core.export.replacing import LIST, listed_names, require_ours

SCHEMA: Final = "lakeflow"
TABLE: Final = "export"
"""The table of an exported database that says what it holds."""
_ASKED: Final = f"SELECT asset FROM {SCHEMA}.{TABLE}"
_IN_USE: Final = ("Could not set lock", "different configuration")
_HELD: Final = """
SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT internal
UNION ALL SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal
"""


def require_room(target: Path, form: ExportForm) -> None:
    """UsageError unless nothing stands there, or an export of ours in that form and nothing besides."""
    if not os.path.lexists(target) or (form is ExportForm.PARQUET and _is_empty(target)):
        return
    found, ours = _in_folder(target) if form is ExportForm.PARQUET else _in_database(target)
    require_ours(str(target), found, ours)


def _is_empty(target: Path) -> bool:
    return target.is_dir() and not any(target.iterdir())


def _in_folder(folder: Path) -> tuple[list[str], frozenset[str] | None]:
    if not folder.is_dir() or folder.is_symlink():
        return [], None
    try:
        ours = listed_names(json.loads((folder / LIST).read_text("utf-8")))
    except (OSError, ValueError, RecursionError):
        ours = None
    return list(_below(folder)), ours


def _below(folder: Path) -> list[str]:
    """All files, and folders that hold none, or that are links."""
    found = []
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        alone = [""] if not folders and not names else []
        found += [Path(place, name).relative_to(folder).as_posix() for name in (*names, *links, *alone)]
    return found


def _in_database(file: Path) -> tuple[list[str], frozenset[str] | None]:
    """Its tables. What somebody has written to it and DuckDB not brought home stands in a log beside it."""
    log = file.with_name(file.name + ".wal")
    if not file.is_file() or file.is_symlink() or log.exists():
        return [], None
    try:
        with duckdb.connect(str(file), read_only=True) as opened:
            assets = opened.execute(_ASKED).fetchall()
            held = opened.execute(_HELD).fetchall()
    except duckdb.Error as error:
        if any(words in str(error) for words in _IN_USE):
            raise UsageError(f"{file} is open for writing elsewhere", hint="close it there, then repeat it") from error
        return [], None
    return [name for (name,) in held], frozenset({f"{SCHEMA}.{TABLE}", *(name for (name,) in assets)})
