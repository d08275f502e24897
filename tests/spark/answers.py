"""What readers answered, made comparable."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.external.lab import opened


def ours(root: Path, table: str) -> list[dict[str, Any]]:
    """What readers of main see through lakeflow."""
    with opened(root) as lake:
        return list(lake.read(table).to_arrow_table().to_pylist())


def alike(rows: list[dict[str, Any]]) -> list[str]:
    """Rows in an order of their own. NaN equals itself there, and a UUID its text, which is what Spark makes of it."""
    return sorted(repr({name: _plain(value) for name, value in row.items()}) for row in rows)


def _plain(value: Any) -> Any:
    match value:
        case UUID():
            return str(value)
        case float() if math.isnan(value):
            return "NaN"
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo else value
