"""What may be removed as garbage: dropped tables, and how much of a warehouse at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Garbage
from lakeflow.core.values import dataclass

HALF: Final = 0.5
"""More than this share of a warehouse is removed only on request."""


@dataclass(frozen=True)
class Dropped:
    """A table that this lake dropped. `version` is its metadata at that time; `uuid` is empty where an old release
    recorded the drop.
    """

    key: AssetKey
    uuid: str
    version: str
    run: str
    at: datetime


def refuse_most(found: Iterable[Garbage], most: float) -> None:
    """UsageError when more than that share of all bytes would be removed: so much is rarely garbage."""
    looked = tuple(found)
    going, all_ = sum(one.bytes for one in looked), sum(one.total for one in looked)
    if going > most * all_:
        raise UsageError(
            f"{going / 1e6:,.1f} MB of {all_ / 1e6:,.1f} MB would be removed, more than {most:.0%} of the warehouse; "
            "nothing was removed",
            hint="`lakeflow gc` names the files; `lakeflow gc --delete --yes` removes them all the same",
        )
