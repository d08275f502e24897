"""The asset that copies rows of a table: what an engine reads that cannot read the table's own files as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Asset, Column, SqlCode
from lakeflow.core.model.table import Scan
from lakeflow.core.model.write_mode import WriteMode

_COPIED: Final = AssetKey(Layer.SILVER, "copied_rows")


def copying(scan: Scan, rows: int = 0) -> Asset:
    """An asset of the first so many rows of a table, 0 for all of them. No message about it quotes a value."""
    name = ".".join(f'"{part}"' for part in str(scan.key).split("."))
    personal = dict.fromkeys(scan.schema.names, Column(pii=True))  # nobody says here which of them are
    text = f"SELECT * FROM {name}{f' LIMIT {rows:d}' if rows else ''}"
    return standing_for(_COPIED, text, str(scan.key), personal)


def standing_for(key: AssetKey, text: str, place: str, columns: Mapping[str, Column]) -> Asset:
    """An asset for work that no file of the project declares."""
    return Asset(key, SqlCode(text, place, 1), WriteMode.REPLACE, columns=columns)
