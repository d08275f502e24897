"""Which lake a database holds, as it says itself."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import uuid4

from lakeflow.core.care.lake_name import LakeRecord, refuse_other_lake
from lakeflow.core.ports.database import Connection, sql

_HELD: Final = sql("select id, name, warehouse from lakeflow_lake")
_BEGIN: Final = sql("insert into lakeflow_lake (id, made_at, name, warehouse) values (:id, :now, :name, :warehouse)")
_NOTE: Final = sql("update lakeflow_lake set name = :name, warehouse = :warehouse")


class HoldsLake(Protocol):
    @property
    def place(self) -> str: ...

    def read(self) -> AbstractContextManager[Connection]: ...

    def transaction(self) -> AbstractContextManager[Connection]: ...


def held_lake(database: HoldsLake) -> LakeRecord | None:
    """The lake of a database in this release's layout; None where no run has begun in it."""
    with database.read() as connection:
        return _held(connection)


def begin_lake(database: HoldsLake, ours: LakeRecord) -> None:
    """Give a database that holds no lake this one, which has no id yet; of several projects that begin at once, one is
    first. LakeError for the others.
    """
    with database.transaction() as connection:
        refuse_other_lake(database.place, held := _held(connection), ours)
        if held is None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            row = {"id": str(uuid4()), "now": now, "name": ours.name, "warehouse": ours.warehouse}
            connection.execute(_BEGIN, row)


def note_lake(database: HoldsLake, name: str, warehouse: str) -> None:
    """Record how the lake is called, and where its new tables go, if that is not what is recorded."""
    held = held_lake(database)
    if held is not None and (held.name, held.warehouse) != (name, warehouse):
        with database.transaction() as connection:
            connection.execute(_NOTE, {"name": name, "warehouse": warehouse})


def _held(connection: Connection) -> LakeRecord | None:
    row = connection.execute(_HELD).first()
    return LakeRecord(str(row.id), str(row.name), str(row.warehouse)) if row else None
