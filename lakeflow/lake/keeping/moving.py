"""Moves an embedded lake to a server: copy, compare, open what was copied, and only then one step that switches.

The step is that SQLite's file goes. Before it the lake is where it was, whatever the server holds; after it a file in
its place names the server, so that a lake whose move is killed is the old one or the new one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lakeflow.adapters.database.lake_record import HoldsLake, held_lake
from lakeflow.adapters.database.sqlite_disk import sole_opener
from lakeflow.adapters.iceberg import Home, IcebergCatalog, copy_tables, pointers, read_through, relocate
from lakeflow.adapters.ledger import run_ids
from lakeflow.adapters.machine.moved import forward_of
from lakeflow.adapters.objects import sync_directory
from lakeflow.adapters.objects.destinations import destination_of
from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Table
from lakeflow.core.ports.locations import local_path, path_of, store_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.run.leases import busy
from lakeflow.core.settings.settings import replace_variables
from lakeflow.core.values import dataclass
from lakeflow.lake.assembly import MIGRATIONS, utc_now
from lakeflow.lake.diagnosis import Patient, refuse_unready
from lakeflow.lake.keeping.begun import BegunMove, clear, record_of
from lakeflow.lake.keeping.outdated import refuse_outdated

if TYPE_CHECKING:
    from lakeflow.adapters.database.database import Database

_KEPT: Final = ".before-move"
_SERVER: Final = "postgresql"


@dataclass(frozen=True)
class MovedLake:
    """`settings` are what `[tool.lakeflow]` is to say from now on; `kept` is the database as it was."""

    tables: tuple[AssetKey, ...]
    runs: int
    place: str
    settings: Mapping[str, str]
    kept: Path


def migrate(one: Patient, to: str, warehouse: str, environ: Mapping[str, str]) -> MovedLake:
    """Move catalog and ledger to the database at the URL `to`, and copy the tables to `warehouse`, a folder or a place
    in an object store, if one is named. All or nothing.

    BusyError while a run is at work, LakeError where the database holds something else, UsageError for a lake that is
    not in a SQLite file.
    """
    from lakeflow.adapters.database.database import Database  # noqa: PLC0415 - imports SQLAlchemy: 0.2 s

    source = _source(one)
    target = Database(_url(to, environ))
    if target.path is not None:
        raise UsageError(
            "a lake is moved to PostgreSQL, and not to a file", hint=f"write --to {_SERVER}://host/database"
        )
    with closing(one.database), closing(target):
        one.database.initialise(MIGRATIONS)
        refuse_unready(one)
        refuse_outdated(one.database, one.home.warehouse, one.objects)
        _refuse_at_work(one)
        target.initialise(MIGRATIONS)
        with sole_opener(source, 15.0):
            return _moved(one, source, target, _settings(one, to, warehouse))


def _moved(one: Patient, source: Path, target: Database, settings: Mapping[str, str]) -> MovedLake:
    from lakeflow.adapters.database.copying import copy_rows, held_still  # noqa: PLC0415 - as above

    home = settings.get("warehouse")
    kept = source.with_name(source.name + _KEPT)
    with held_still(source) as still:
        _refuse_at_work(one)
        _refuse_filled(one, target)
        copy_rows(still, target, pointers.CATALOG)
        if home is not None:
            _copy_tables(one, target, BegunMove(source, home, settings["catalog"], target.place))
        keys, runs = _checked(one, target, home or one.home.warehouse)
        one.database.copy_to(_without(kept))
        _switch(source, {"settings": dict(settings), "place": target.place})
        record_of(source).unlink(missing_ok=True)
    for suffix in ("-wal", "-shm"):
        source.with_name(source.name + suffix).unlink(missing_ok=True)
    return MovedLake(tuple(sorted(keys)), runs, target.place, settings, kept)


def _switch(source: Path, forward: Mapping[str, object]) -> None:
    """Say where the lake is, durably, and take the file away: whoever has it open is refused from now on."""
    place = forward_of(source)
    part = place.with_name(f".{place.name}.tmp")
    with part.open("w", encoding="utf-8") as file:
        json.dump(forward, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    part.replace(place)
    sync_directory(source.parent)
    source.unlink()
    sync_directory(source.parent)


def _checked(one: Patient, target: Database, warehouse: str) -> tuple[frozenset[AssetKey], int]:
    """The tables and the number of runs, as a lake on the target has them. LakeError where one cannot be read there."""
    catalog = IcebergCatalog(target, warehouse, utc_now, objects=one.objects)
    keys = catalog.keys()
    tables = catalog.load(keys)
    if warehouse != one.home.warehouse:
        _refuse_damaged(tables.values(), one.objects)
    with one.database.read() as was, target.read() as now:
        at = pointers.locations(now, keys)
        same = {key: location for key, location in at.items() if warehouse == one.home.warehouse}
        known = run_ids(now)
        if known != run_ids(was) or (same and same != pointers.locations(was, keys)):
            raise LakeError("the copy is not the lake; nothing was moved", hint="run it again")
    return keys, len(known)


def _refuse_damaged(tables: Iterable[Table], objects: Objects) -> None:
    """LakeError unless every file that a copied table needs is there, as it was written."""
    for table in tables:
        stock = read_through(table, objects)
        if lacking := [*stock.missing, *stock.damaged]:
            raise LakeError(
                f"{table.key}: {lacking[0]} did not arrive as it was; nothing was moved",
                hint="`lakeflow doctor --deep` says whether it was whole before; then repeat it",
                asset=table.key,
            )


def _copy_tables(one: Patient, target: Database, move: BegunMove) -> None:
    """Copy the tables' files, and write their metadata anew for the place where they are then."""
    home, warehouse = move.place, Path(one.home.warehouse)
    place = destination_of(home, one.objects, lambda: one.settings.storage)
    with one.database.read() as connection:
        at = pointers.locations(connection, pointers.all_keys(connection))
    with _explained(home):
        if place.is_filled():
            clear(move, warehouse, [local_path(location).parent.parent for location in at.values()], one.objects)
        move.write()
        one.objects.make_folder(home)
    done = copy_tables(at, warehouse, place)
    if done.outside:
        names = ", ".join(map(str, done.outside))
        raise LakeError(
            f"{names}: they stand outside of the warehouse; nothing was moved",
            hint="move the lake without --warehouse: its tables stay where they lie",
        )
    relocate(target, Home(one.root, home, one.objects), utc_now)


@contextmanager
def _explained(home: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        otherwise = "check the folder's permissions, and that its disk has room"
        hint = getattr(error, "hint", "") or otherwise
        raise LakeError(f"cannot write to {home}: {error.strerror}; nothing was moved", hint=hint) from error


def _source(one: Patient) -> Path:
    path = one.database.path
    if path is None or one.settings.served_by:
        raise UsageError(f"the lake is on a server already: {one.database.place}", hint="`lakeflow config` says so")
    if not path.exists():
        raise UsageError(
            f"there is no lake yet at {path}", hint="write `catalog` in [tool.lakeflow]; the first run makes it there"
        )
    return path


def _url(to: str, environ: Mapping[str, str]) -> str:
    """The URL with its variables replaced. UsageError for a password that all users of the machine would see."""
    login = to.partition("://")[2].rpartition("@")[0]
    if ":" in login and "${" not in login.partition(":")[2]:
        raise UsageError(
            "a password on the command line can be seen by every user of the machine",
            hint="write it as a variable and in single quotes, --to "
            f"'{_SERVER}://user:${{PASSWORD}}@host/database'; or use PGPASSWORD or ~/.pgpass",
        )
    return replace_variables("--to", to, environ, {"--to": "the command line"})


def _settings(one: Patient, to: str, warehouse: str) -> Mapping[str, str]:
    if warehouse and store_of(one.home.warehouse):
        raise UsageError(
            f"the tables are in an object store already, {one.home.warehouse}; tables are copied from a folder",
            hint="move the lake without --warehouse: its tables stay",
        )
    place = path_of(warehouse).rstrip("/") if store_of(warehouse) else str(Path(warehouse).absolute())
    named = {"warehouse": place} if warehouse else {}
    return {"catalog": to, "name": one.settings.name or one.root.resolve().name, **named}


def _refuse_at_work(one: Patient) -> None:
    standing = one.ledger.standing()
    if others := [held for held in standing.held if not standing.dead(held)]:
        raise busy(others)


def _refuse_filled(one: Patient, target: Database) -> None:
    """LakeError unless the target holds nothing, or what a move of this very lake left there."""
    with target.read() as connection:
        there = pointers.all_keys(connection)
        runs = run_ids(connection)
    if not there and not runs and _id(target) in {None, _id(one.database)}:
        return
    with one.database.read() as connection:
        known = run_ids(connection)
    if _id(target) != _id(one.database) or not runs <= known:
        raise LakeError(
            f"the database {target.place} holds a lake already; nothing was moved",
            hint="name an empty database: create database NAME encoding 'UTF8' template template0",
        )


def _id(database: HoldsLake) -> str | None:
    held = held_lake(database)
    return held.id if held else None


def _without(path: Path) -> Path:
    path.unlink(missing_ok=True)
    return path
