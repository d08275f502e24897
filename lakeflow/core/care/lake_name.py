"""Decides whether a shared database is this project's. Facts in, a refusal or nothing out."""

from __future__ import annotations

from lakeflow.core.errors import LakeError
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class LakeRecord:
    """What a database says of the lake in it. `name` and `warehouse` are empty where an older release wrote it."""

    id: str
    name: str = ""
    warehouse: str = ""

    def __str__(self) -> str:
        return f"lake {self.name!r} ({self.id[:8]})"


def refuse_other_lake(place: str, held: LakeRecord | None, ours: LakeRecord) -> None:
    """LakeError where the database holds another project's lake; `ours.id` is that of the warehouse's marker, or empty.

    Two projects have one lake if they give it one name and one warehouse. A marker with the lake's id is a proof of
    both: the warehouse may have been moved, and the lake renamed.
    """
    if held is None or ours.id == held.id:
        return
    if held.name and held.name != ours.name:
        raise LakeError(
            f"the database {place} holds {held}, and this project is the lake {ours.name!r}",
            hint=f'give this lake a database of its own; or, if both are one lake, write name = "{held.name}" in '
            "[tool.lakeflow]",
        )
    if held.warehouse and held.warehouse != ours.warehouse:
        raise LakeError(
            f"the database {place} holds {held} with the warehouse {held.warehouse}, "
            f"and this project has {ours.warehouse}",
            hint="give this lake a database of its own; or, if both are one lake, write "
            f'warehouse = "{held.warehouse}" in [tool.lakeflow]; `lakeflow adopt --warehouse` makes the new place '
            "this lake's",
        )
