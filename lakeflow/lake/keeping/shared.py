"""Whether a database that somebody chose for the lake is this project's."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from lakeflow.adapters.database.lake_record import HoldsLake, begin_lake, held_lake, note_lake
from lakeflow.adapters.iceberg import Ownership, read_mark
from lakeflow.core.care.lake_name import LakeRecord, refuse_other_lake
from lakeflow.core.errors import LakeError
from lakeflow.core.settings.settings import Settings
from lakeflow.lake.keeping.places import objects_of, warehouse_of


class Shared(HoldsLake, Protocol):
    def close(self) -> None: ...


def lake_name(settings: Settings, root: Path) -> str:
    return settings.name or root.resolve().name


def shared_lake(settings: Settings, root: Path) -> LakeRecord | None:
    """The lake as the project and the marker of its warehouse tell it. None where nobody chose a database: the one in
    `state_dir` goes where the project goes, under whatever name. A REST catalog has names of its own for this.
    """
    if settings.catalog is None or settings.served_by:
        return None
    warehouse = warehouse_of(settings, root, root / settings.state_dir)
    mark = read_mark(warehouse, objects_of(settings))
    return LakeRecord(mark.id if mark else "", lake_name(settings, root), warehouse)


def refuse_shared(database: Shared, ours: LakeRecord | None) -> None:
    """LakeError where the database holds another project's lake."""
    if ours is None:
        return
    try:
        refuse_other_lake(database.place, held_lake(database), ours)
    except LakeError:
        database.close()
        raise


def claim_first(database: HoldsLake, ownership: Ownership, settings: Settings, root: Path) -> None:
    """Make database and warehouse this lake's: a database that holds no lake has a record of it before the warehouse
    gets a marker. LakeError where one of them is another lake's.
    """
    ours = shared_lake(settings, root)
    if ours is not None and not ours.id:
        ownership.refuse_other()
        begin_lake(database, ours)
    ownership.claim()
    note_lake(database, lake_name(settings, root), warehouse_of(settings, root, root / settings.state_dir))
