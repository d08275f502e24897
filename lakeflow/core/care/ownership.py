"""Decides which lake owns a warehouse. Facts in, an answer or a refusal out; nothing is removed or written on a
guess.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from lakeflow.core.errors import LakeError
from lakeflow.core.values import dataclass

_ELSEWHERE: Final = "set `warehouse` to a folder of this lake's own"
_ADOPT: Final = "`lakeflow adopt --warehouse` makes it this lake's"
_LOST: Final = (
    "put the database back from a copy; or `lakeflow doctor --rebuild-catalog` makes it again from the tables' own "
    f"metadata; or, for a new lake, {_ELSEWHERE}"
)


@dataclass(frozen=True)
class WarehouseMarker:
    """The content of a warehouse's marker: the lake's id and name, and the place of its database."""

    id: str
    name: str
    database: str = ""

    def __str__(self) -> str:
        return f"lake {self.name!r} ({self.id[:8]})"


class Holds(StrEnum):
    """What a warehouse without a marker contains. `tables`: tables that this catalog names. `lost`: nothing, although
    the catalog names tables there.
    """

    NOTHING = "nothing"
    TABLES = "tables"
    OTHERS = "others"
    LOST = "lost"


@dataclass(frozen=True)
class WarehouseFacts:
    """A warehouse and the database beside it. `id` is None until the lake has one. `is_blank` means that the database
    is missing, or holds no table and no run. `rival` is another database with the same lake's id; `above` is the marker
    of another lake in a folder above.
    """

    warehouse: str
    database: str
    id: str | None
    is_blank: bool
    mark: WarehouseMarker | None
    holds: Holds = Holds.NOTHING
    rival: str = ""
    above: WarehouseMarker | None = None


def refuse_other(facts: WarehouseFacts) -> None:
    """LakeError unless the warehouse belongs to this lake, or to nobody and may be claimed."""
    if facts.mark is not None:
        _refuse_marked(facts, facts.mark)
    elif facts.holds is Holds.OTHERS:
        if facts.is_blank:
            raise LakeError(
                f"the catalog {facts.database} is empty, and the warehouse {facts.warehouse} is not: files of nobody's "
                "stand there, or the catalog was lost",
                hint=f"{_LOST}; or {_ADOPT}",
            )
        raise LakeError(
            f"the warehouse {facts.warehouse} holds files, and nothing says that they are this lake's",
            hint=f"{_ELSEWHERE}; or {_ADOPT}",
        )


def refuse_to_claim(facts: WarehouseFacts) -> None:
    """As `refuse_other`; without a marker, also refuse where facts speak against making one."""
    refuse_other(facts)
    if facts.mark is None and facts.holds is Holds.LOST:
        raise LakeError(
            f"the warehouse {facts.warehouse} is empty, and the catalog names tables in it",
            hint="check that its disk is mounted, or put the folder back from a copy",
        )
    if facts.mark is None and facts.above is not None:
        raise LakeError(
            f"the warehouse {facts.warehouse} is inside the warehouse of {facts.above}",
            hint=f"{_ELSEWHERE}; or {_ADOPT}",
        )


def _refuse_marked(facts: WarehouseFacts, mark: WarehouseMarker) -> None:
    if facts.rival:
        raise LakeError(
            f"two databases say that the warehouse {facts.warehouse} is theirs: {facts.database} is a copy of "
            f"{facts.rival}, or the other way round",
            hint=f"remove the one that is not in use; or, for a lake of its own, {_ELSEWHERE}; or {_ADOPT}",
        )
    if mark.id == facts.id:
        return
    if facts.is_blank:
        raise LakeError(
            f"the catalog {facts.database} is lost or empty, and the warehouse {facts.warehouse} holds the tables of "
            f"{mark}",
            hint=_LOST,
        )
    raise LakeError(
        f"the warehouse {facts.warehouse} belongs to another lake, {mark}",
        hint=f"{_ELSEWHERE}: tables that stand here already are found where they are; or {_ADOPT}",
    )
