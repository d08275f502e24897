"""Files that nothing reads any more, as one look found them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lakeflow.core.model.asset import EMPTY, AssetKey


@dataclass(frozen=True)
class Garbage:
    """Paths and bytes of files that no snapshot needs. `key` None: folders of the warehouse that hold no table.

    `version` is the table as it was looked at; `kept` says why nothing of it can be told to be garbage.
    """

    key: AssetKey | None
    files: Mapping[str, int] = EMPTY
    version: str = ""
    kept: str = ""

    @property
    def bytes(self) -> int:
        return sum(self.files.values())
