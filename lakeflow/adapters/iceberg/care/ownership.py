"""Decides whether a warehouse is this lake's: the lake's id stands in its database and in the warehouse, and both must
be the same.

The id is written to the database first and the marker after it: a process that is killed between the two has claimed
nothing, and the next writer goes on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from os import PathLike, fspath
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote
from uuid import uuid4

from lakeflow.adapters.iceberg.care.ground import DiskGround, ground_of
from lakeflow.adapters.iceberg.care.marker import make_mark, mark_above, read_mark, replace_mark
from lakeflow.adapters.iceberg.commit import pointers
from lakeflow.adapters.objects import DISK
from lakeflow.core.care.ownership import Holds, WarehouseFacts, WarehouseMarker, refuse_other, refuse_to_claim
from lakeflow.core.errors import LakeError
from lakeflow.core.ports.database import Connection, sql
from lakeflow.core.ports.locations import path_of, store_of
from lakeflow.core.ports.objects import Objects

_ID: Final = "select id from lakeflow_lake"
_MAKE: Final = sql(
    "insert into lakeflow_lake (id, made_at) select cast(:id as text), cast(:at as text) "
    "where not exists (select 1 from lakeflow_lake)"
)
_PLACES: Final = sql(f"select metadata_location {pointers.TABLES} and metadata_location is not null")
_RUNS: Final = sql("select 1 from lakeflow_runs limit 1")
_SUFFIXES: Final = ("", "-wal", "-shm", "-journal", ".lock")
_DEEP: Final = 4  # <warehouse>/<layer>/<name>/metadata/<file>


class LocatedDatabase(pointers.CatalogDatabase, Protocol):
    @property
    def path(self) -> Path | None: ...

    @property
    def place(self) -> str: ...


class Ownership:
    """`name` is how the lake is called in messages; `state` lists what else of ours may stand in the warehouse."""

    def __init__(
        self,
        database: LocatedDatabase,
        warehouse: str | PathLike[str],
        name: str,
        state: Sequence[Path] = (),
        objects: Objects = DISK,
    ) -> None:
        self._database = database
        self._warehouse = fspath(warehouse)
        self._objects = objects
        self._ground = ground_of(self._warehouse, objects)
        self._name = name
        self._state = tuple(state)

    def refuse_other(self) -> None:
        """LakeError where the warehouse is another lake's, or nobody's and filled. Writes nothing."""
        refuse_other(self.facts())

    def claim(self) -> None:
        """As `refuse_other`, and give a warehouse without a marker one."""
        facts = self.facts()
        refuse_to_claim(facts)
        mark = self._mark(self._read(facts.mark)[0] or self._made_id(facts.id))
        if facts.mark is None and not make_mark(self._warehouse, mark, self._objects):
            refuse_to_claim(self.facts())  # another process was first: of the same lake, or of another
        elif facts.mark is not None and facts.mark.database != mark.database:
            replace_mark(self._warehouse, mark, self._objects)

    def adopt(self) -> None:
        """Make the warehouse this lake's, whoever's it was. A lake that another database claims to be gets a new id."""
        with suppress(LakeError):  # a marker that cannot be read is replaced
            mark = read_mark(self._warehouse, self._objects)
            if self._rival(mark, self._read(mark)[0]):
                with self._database.transaction() as connection:
                    give_id(connection, str(uuid4()))
        replace_mark(self._warehouse, self._mark(self._made_id()), self._objects)

    def facts(self) -> WarehouseFacts:
        """What stands there, as of one moment. A first writer may make the marker, and files after it, between two of
        our looks; a marker is never taken away, so looking once more settles whose those files are.
        """
        facts = self._facts_beside(read_mark(self._warehouse, self._objects))
        if facts.mark is None and (mark := read_mark(self._warehouse, self._objects)) is not None:
            return self._facts_beside(mark)
        return facts

    def _facts_beside(self, mark: WarehouseMarker | None) -> WarehouseFacts:
        id_, blank, places = self._read(mark)
        id_ = id_ or self._lost_id(mark, places)
        return WarehouseFacts(
            warehouse=self._warehouse,
            database=self._database.place,
            id=id_,
            is_blank=blank,
            mark=mark,
            holds=Holds.NOTHING if mark else self._holds(places),
            rival=self._rival(mark, id_),
            above=None if mark else mark_above(self._warehouse, id_, self._objects),
        )

    def _lost_id(self, mark: WarehouseMarker | None, places: Sequence[str]) -> str | None:
        """The id of a database whose record of it was lost: the marker names this very database, and its catalog names
        tables that stand here.
        """
        path = self._database.path
        ours = str(path.resolve()) if path else self._database.place
        is_ours = mark is not None and mark.database == ours and any(self._is_here(place) for place in places)
        return mark.id if mark and is_ours else None

    def _mark(self, id_: str) -> WarehouseMarker:
        path = self._database.path
        return WarehouseMarker(id_, self._name, str(path.resolve()) if path else self._database.place)

    def _read(self, mark: WarehouseMarker | None) -> tuple[str | None, bool, tuple[str, ...]]:
        """(the lake's id, is the database blank, where the metadata of its tables stands); where the marker has the
        same id, nothing more is read.
        """
        if self._database.path is not None and not self._database.path.exists():
            return None, True, ()
        with self._database.read() as connection:
            tables = connection.tables()
            id_ = connection.execute(sql(_ID)).scalar() if "lakeflow_lake" in tables else None
            if mark is not None and mark.id == id_:
                return mark.id, False, ()
            places = tuple(str(row[0]) for row in connection.execute(_PLACES)) if "iceberg_tables" in tables else ()
            ran = "lakeflow_runs" in tables and connection.execute(_RUNS).first() is not None
        return (None if id_ is None else str(id_)), not (places or ran), places

    def _made_id(self, known: str | None = None) -> str:
        """The id in the database, which is made where it has none: the one that is known, or a new one."""
        with self._database.transaction() as connection:
            connection.execute(_MAKE, {"id": known or str(uuid4()), "at": _now()})
            return str(connection.execute(sql(_ID)).scalar_one())

    def _holds(self, places: Sequence[str]) -> Holds:
        """To whom the content of the warehouse belongs. The name of a metadata file is never used twice, so it proves
        whose the table is.
        """
        if any(self._is_here(place) for place in places):
            return Holds.TABLES
        path = self._database.path
        database = [path.with_name(path.name + suffix) for suffix in _SUFFIXES] if path else []
        if self._ground.is_filled(self._warehouse, frozenset(map(str, (*self._state, *database)))):
            return Holds.OTHERS
        named = any(self._path(place).startswith(f"{self._warehouse}/") for place in places)
        return Holds.LOST if named else Holds.NOTHING

    def _is_here(self, place: str) -> bool:
        """Does it stand in the warehouse, by its present path or by the path before it moved?"""
        path = self._path(place)
        here = "/".join((self._warehouse, *path.split("/")[-_DEEP:]))
        looked = dict.fromkeys((path, here))
        return any(self._objects.find(one) and self._ground.is_below(one, self._warehouse) for one in looked)

    def _path(self, place: str) -> str:
        """The place as a path; the root of all where it is in another store than the warehouse, or on no disk here."""
        try:
            return path_of(place) if store_of(place) == store_of(self._warehouse) else "/"
        except LakeError:
            return "/"

    def _rival(self, mark: WarehouseMarker | None, id_: str | None) -> str:
        """The database that the marker names, if it is another one than ours and claims to be the same lake."""
        ours = self._database.path
        if mark is None or mark.id != id_ or not Path(mark.database).is_absolute():
            return ""
        there = DiskGround().identity(mark.database)
        if there is None or (ours is not None and there == DiskGround().identity(str(ours))):
            return ""
        return mark.database if _id_in(Path(mark.database)) in {id_, None} else ""


def lake_id(database: pointers.CatalogDatabase, new: str, now: datetime) -> str:
    """The lake's id; a database without one gets the new one."""
    with database.read() as connection:
        if known := connection.execute(sql(_ID)).scalar():
            return str(known)
    with database.transaction() as connection:
        connection.execute(_MAKE, {"id": new, "at": now.isoformat(timespec="seconds")})
        return str(connection.execute(sql(_ID)).scalar_one())


def give_id(connection: Connection, id_: str) -> None:
    """Write the lake's id in place of another."""
    connection.execute(sql("delete from lakeflow_lake where id <> :id"), {"id": id_})
    connection.execute(_MAKE, {"id": id_, "at": _now()})


def _id_in(path: Path) -> str | None:
    """The lake's id in another SQLite file. None where it cannot be read; empty where it is no lake's."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            found = connection.execute(_ID).fetchone()
    except sqlite3.OperationalError as error:
        return "" if "no such table" in str(error) else None
    except sqlite3.DatabaseError:
        return ""
    return str(found[0]) if found else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
