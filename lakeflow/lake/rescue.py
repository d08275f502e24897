"""Keeps a lake safe from its disk: copies it, and makes a lost database again from the tables' own metadata."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg import Copied, LoadedTable, copy_tables, give_id, proofs_alone, read_mark, tables_in
from lakeflow.adapters.iceberg.commit import numbers, pointers
from lakeflow.adapters.ledger import LEDGER_TABLES, SqlLedger, ToldLedger, counts, free_all, make_again
from lakeflow.adapters.machine import process as processes
from lakeflow.adapters.objects.destinations import FolderDestination
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.care.ownership import refuse_other
from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.ports.database import Connection
from lakeflow.core.ports.locations import store_of
from lakeflow.core.run.leases import busy
from lakeflow.core.values import dataclass
from lakeflow.core.verify.restored import beside, not_restored, texts_of
from lakeflow.core.verify.values import Testimony
from lakeflow.core.view.rebuilt import Proven, runs_of, verdicts_of
from lakeflow.lake.assembly import MIGRATIONS, ownership_of, utc_now
from lakeflow.lake.diagnosis import Patient, refuse_unready
from lakeflow.lake.keeping.databases import LakeDatabase
from lakeflow.lake.keeping.outdated import refuse_outdated

_PRIVATE: Final = 0o700


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild changed: the tables whose catalog entry is new, how many runs the ledger knows, and what was left
    out.
    """

    tables: tuple[AssetKey, ...]
    runs: int
    notes: tuple[str, ...] = ()


def rebuild(one: Patient) -> Rebuilt:
    """Make catalog and ledger again from the warehouse, or bring them up to date with it. All or nothing.

    A damaged database is kept beside the new one. BusyError while a run is at work, LakeError where the warehouse is
    another lake's.
    """
    with _target(one) as database:
        database.initialise(MIGRATIONS)
        # A database that is empty beside a full warehouse is what is mended here.
        facts = ownership_of(database, one.settings, one.root).facts()
        if not facts.is_blank:
            refuse_other(facts)
        ledger = SqlLedger(database, processes.is_alive, utc_now, one.settings.lease_seconds)
        standing = ledger.standing()
        if others := [held for held in standing.held if not standing.dead(held)]:
            raise busy(others)
        found, proofs, notes = tables_in(one.home.warehouse, one.objects)
        wanted = _wanted(database, ledger, found)
        mark = read_mark(one.home.warehouse, one.objects)
        with database.transaction() as connection:
            _apply(connection, wanted)
            if wanted:
                _restore(one, connection, {key: proofs[key] for key in wanted}, ledger)
            if mark is not None:
                give_id(connection, mark.id)
        return Rebuilt(tuple(sorted(wanted)), len(ledger.states()), notes)


@dataclass(frozen=True)
class RestoredLedger:
    """What was restored: the ledger's tables that were made again, the runs and verdicts that were added; and what the
    lake does not know of itself.
    """

    tables: tuple[str, ...]
    runs: int
    verdicts: int
    not_restored: tuple[str, ...] = ()


def rebuild_ledger(one: Patient) -> RestoredLedger:
    """Make lost tables of the ledger again, and add to it what the tables of the lake know: proven snapshots, and held
    branches. What is recorded stays as it is. All or nothing.

    BusyError while a run is at work, LakeError where the warehouse is another lake's.
    """
    with closing(one.database) as database:
        if database.path is not None and not database.path.exists():
            raise UsageError("there is no database", hint="`lakeflow doctor --rebuild-catalog` makes a lost one again")
        one.ownership.refuse_other()
        looked = one.catalog.look(one.catalog.keys())
        found = {key: proofs_alone(table, one.objects) for key, table in looked.tables.items()}
        proofs = _proven(found)
        with database.transaction() as connection:
            tables = _whole_again(one, connection)
            before = counts(connection)
            _restore(one, connection, proofs)
            runs, verdicts = (now - was for now, was in zip(counts(connection), before, strict=True))
        lost = tables if any(before) else LEDGER_TABLES  # a ledger without any row is a lost one
        unread = (f"what {key} knows: {error.message}" for key, error in looked.broken.items())
        names = (*not_restored(lost, found.values()), *unread) if tables or runs or verdicts else ()
        return RestoredLedger(tables, runs, verdicts, names)


def told_by_tables(one: Patient, lost: Sequence[str]) -> ToldLedger:
    """What is left of the ledger, and what the tables know of their runs and verdicts, as a ledger to look at: a copy
    in a temporary folder that goes with it. Nothing of the lake is changed.
    """
    folder = tempfile.TemporaryDirectory(prefix="lakeflow-ledger-")
    path = Path(folder.name, "ledger.db")
    one.database.copy_to(path)
    database = Database(f"sqlite:///{path}")
    looked = one.catalog.look(one.catalog.keys())
    proofs = _proven({key: proofs_alone(table, one.objects) for key, table in looked.tables.items()})
    ledger = ToldLedger(database, processes.is_alive, utc_now, lost)
    with database.transaction() as connection:
        make_again(connection)
        _restore(one, connection, proofs, ledger)
    weakref.finalize(ledger, folder.cleanup)
    return ledger


def _proven(found: Mapping[AssetKey, Testimony]) -> dict[AssetKey, Proven]:
    return {key: Proven(each.table, texts_of(each)) for key, each in found.items()}


def _whole_again(one: Patient, connection: Connection) -> tuple[str, ...]:
    """Make what is lost of the ledger's tables, unless a run is at work: asked in the transaction, so that none begins
    meanwhile.
    """
    tables = make_again(connection)
    one.database.note_layout(connection, len(MIGRATIONS))
    standing = one.ledger.standing_in(connection)
    if others := [held for held in standing.held if not standing.dead(held)]:
        raise busy(others)
    if (mark := read_mark(one.home.warehouse, one.objects)) is not None:
        give_id(connection, mark.id)
    return tables


@contextmanager
def _target(one: Patient) -> Iterator[LakeDatabase]:
    """The database to write to: the lake's own; or, where that cannot be read, a new one that takes its place once it
    is complete.
    """
    path = one.database.path
    if path is None or _is_sound(one.database):
        with closing(one.database) as database:
            yield database
        return
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with closing(Database(f"sqlite:///{part}")) as database:
            yield database
        _set_aside(path)
        part.replace(path)
    finally:
        for left in part.parent.glob(f"{part.name}*"):
            left.unlink()


def _is_sound(database: LakeDatabase) -> bool:
    if database.path is None or not database.path.exists():
        return False
    try:
        return not database.damage()
    except LakeError:
        return False


def _set_aside(path: Path) -> None:
    """Rename the database that is there, and its write-ahead log with it, which holds the last commits."""
    stamp = f"{utc_now():%Y%m%dT%H%M%S}"
    for suffix in ("-wal", "-shm", ""):
        if (old := path.with_name(path.name + suffix)).exists():
            old.replace(path.with_name(f"{path.name}.damaged-{stamp}{suffix}"))


def backup(one: Patient, directory: Path) -> Copied:
    """Copy database and warehouse as they are at one moment, whoever writes meanwhile, to a folder that is new or
    empty.

    The copy appears whole or not at all. UsageError for a folder that is neither, LakeError for a lake that is not
    well.
    """
    source = one.database.path
    if source is None:
        raise LakeError(
            f"the catalog is on a server, {one.database.place}, which copies its databases itself",
            hint="copy the database first (`pg_dump`), then the warehouse",
        )
    if not source.exists():
        raise UsageError(f"there is no lake yet at {source}", hint="`lakeflow materialize` makes one")
    if store_of(one.home.warehouse):
        raise LakeError(
            f"the warehouse is in an object store, {one.home.warehouse}, which copies its objects itself",
            hint="copy the database (`sqlite3 catalog.db .backup`), then the warehouse by the store's own tools",
        )
    _refuse_place(directory, Path(one.home.warehouse))
    refuse_unready(one)
    directory.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        done = _copied(one, part)
        part.chmod(_PRIVATE)
        part.rename(directory)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return done


def _copied(one: Patient, part: Path) -> Copied:
    with closing(one.database) as database:
        refuse_outdated(database, one.home.warehouse, one.objects)
        database.copy_to(part / "catalog.db")
    with closing(Database(f"sqlite:///{part / 'catalog.db'}")) as copy, copy.transaction() as connection:
        free_all(connection)
        at = pointers.locations(connection, pointers.all_keys(connection))
    (part / "warehouse").mkdir()
    return copy_tables(at, Path(one.home.warehouse), FolderDestination(part / "warehouse"))


def _refuse_place(directory: Path, warehouse: Path) -> None:
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise UsageError(f"{directory} is not an empty folder", hint="name one that does not exist yet")
    if directory.resolve().is_relative_to(warehouse.resolve()):
        raise UsageError(f"{directory} is inside the warehouse", hint="name a folder on another disk")


def _wanted(
    database: LakeDatabase, ledger: SqlLedger, found: Mapping[AssetKey, LoadedTable[AssetKey]]
) -> dict[AssetKey, LoadedTable[AssetKey]]:
    """The tables that the catalog does not know, or knows in an old state: they hold runs that the ledger does not
    know.
    """
    with database.read() as connection:
        at = pointers.locations(connection, pointers.all_keys(connection))
    known, dropped = frozenset(ledger.states()), ledger.dropped()
    changed = {key: one for key, one in found.items() if at.get(key) != one.table.version}
    is_blank = not at and not known
    return {key: one for key, one in changed.items() if is_blank or _is_new(known, dropped, one)}


def _is_new(known: frozenset[str], dropped: tuple[Dropped, ...], found: LoadedTable[AssetKey]) -> bool:
    made = (provenance_of(snapshot.summary) for snapshot in found.table.snapshots.values())
    runs = {each.run for each in made if each}
    return bool(runs - known) and found.table.uuid not in {one.uuid for one in dropped}


def _apply(connection: Connection, wanted: Mapping[AssetKey, LoadedTable[AssetKey]]) -> None:
    for key, found in wanted.items():
        pointers.put(connection, key, found.table.version)
    if wanted:
        numbers.forget(connection)


def _restore(
    one: Patient, connection: Connection, proofs: Mapping[AssetKey, Proven], ledger: SqlLedger | None = None
) -> None:
    """Add what these tables know to a ledger, the lake's own where no other is given: proofs, and what lies beside."""
    told = beside((each.table for each in proofs.values()), one.catalog.read_sidecar)
    verdicts = verdicts_of(proofs)
    known = {(said.asset, said.snapshot_id) for said in verdicts}
    earlier = [said for said in told.verdicts if (said.asset, said.snapshot_id) not in known]
    (ledger or one.ledger).restore(connection, runs_of(proofs, utc_now()), (*earlier, *verdicts), told.codes)
