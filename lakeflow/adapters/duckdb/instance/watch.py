"""Watches an asset's code while it runs, and ends it when it takes too long or gives more than its limits allow."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from lakeflow.core.errors import AssetError
from lakeflow.core.run.code_terms import too_late
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from lakeflow.core.model.asset import Asset, Limits
    from lakeflow.core.run.write import WriteResult


class Watch:
    """Watches one try of an asset's code, from now on. Each method raises an AssetError when a limit is exceeded."""

    def __init__(self, asset: Asset, limits: Limits) -> None:
        self._asset = asset
        self._limits = limits
        self._until = monotonic() + limits.timeout if limits.timeout else None

    def time(self) -> None:
        if self._until is not None and monotonic() > self._until:
            raise too_late(self._asset, self._limits.timeout or 0.0)

    def growing(self, target: Path) -> None:
        """Check the limits while the folders with this prefix fill: a runaway write stops before the disk is full."""
        self.time()
        if self._limits.max_bytes:
            self._refuse_bytes(_bytes_in(target))

    def count(self, written: WriteResult) -> None:
        """Check the exact numbers of what was written."""
        most = self._limits.max_rows
        if most and written.rows > most:
            raise self._error(f"it gives {counted(written.rows, 'row')}, more than its max_rows of {most:,}")
        self._refuse_bytes(sum(file.bytes for file in written.files))

    def _refuse_bytes(self, found: int) -> None:
        most = self._limits.max_bytes
        if most and found > most:
            raise self._error(f"its files take more than its max_bytes of {most:,}")

    def _error(self, cause: str) -> AssetError:
        hint = "look for a join that multiplies rows, or raise the bound on the asset or in [tool.lakeflow]"
        return AssetError(f"{self._asset.key}: {cause} ({self._asset.place})", hint=hint, asset=self._asset.key)


def _bytes_in(target: Path) -> int:
    """The bytes in a folder, as far as they can be counted: a file without rows is removed, and the folder may not
    exist yet.
    """
    found = 0
    for path in target.parent.glob(f"{target.name}*/*"):
        with suppress(FileNotFoundError):
            found += path.stat().st_size
    return found
