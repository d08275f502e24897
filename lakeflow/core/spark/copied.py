"""The asset that copies rows of a table: what an engine reads that cannot read the table's own files as they are."""

from __future__ import annotations

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
    return Asset(_COPIED, SqlCode(text, str(scan.key), 1), WriteMode.REPLACE, columns=personal)
