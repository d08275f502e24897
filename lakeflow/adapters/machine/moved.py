"""Where a catalog went that was moved to a server: the file that stands in its place says so.

It counts once the database beside it is gone, which is the one step by which a lake moves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from lakeflow.core.errors import LakeError

_SQLITE: Final = "sqlite:///"


def forward_of(database: Path) -> Path:
    return database.with_name(f"{database.name}.moved.json")


def moved_settings(root: Path, values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The settings of a catalog that was moved, and where they stand; nothing where it was not."""
    said = str(values.get("catalog") or _SQLITE)
    if not said.startswith(_SQLITE) or "${" in f"{said}{values.get('state_dir', '')}":
        return
    named = said.removeprefix(_SQLITE)
    database = Path(named) if named else root / str(values.get("state_dir", ".lakeflow")) / "catalog.db"
    forward = forward_of(database)
    if database.exists() or not forward.exists():
        return
    try:
        to = json.loads(forward.read_text(encoding="utf-8"))
        settings = {key: str(value) for key, value in to["settings"].items()}
    except (OSError, ValueError, LookupError, AttributeError) as error:
        raise LakeError(
            f"{forward}, which says where the lake was moved, cannot be read",
            hint='write catalog = "postgresql://host/database" in [tool.lakeflow]',
        ) from error
    yield from ((key, value, str(forward)) for key, value in settings.items())
