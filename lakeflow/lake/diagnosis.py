"""Says what is wrong with this machine or with a lake, also with a lake that cannot be opened.

Only `relocate` and `mend_times` act.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from lakeflow.adapters.database.sqlite_disk import is_network_filesystem
from lakeflow.adapters.iceberg import Home, IcebergCatalog, Ownership, moved_tables, read_through, take_stock
from lakeflow.adapters.iceberg import mend_times as mend_tables
from lakeflow.adapters.iceberg import relocate as relocate_tables
from lakeflow.adapters.ledger import SqlLedger
from lakeflow.adapters.machine import machine
from lakeflow.adapters.machine import process as processes
from lakeflow.adapters.machine.sealed import fault_of_key
from lakeflow.core.care.ownership import refuse_to_claim
from lakeflow.core.errors import LakeError, LakeflowError, ProjectError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.run import UNPUBLISHED_ENDS, RunState
from lakeflow.core.model.table import Looked, Table
from lakeflow.core.ports.objects import Objects
from lakeflow.core.run.leases import busy
from lakeflow.core.settings.settings import Settings
from lakeflow.core.values import dataclass
from lakeflow.core.view import findings
from lakeflow.core.view.consistency import (
    Evidence,
    Stock,
    ahead_of_time,
    disagreements,
    lacks,
    left_behind,
    not_defined,
    undefined,
    whole,
)
from lakeflow.core.view.findings import Finding, Level, of_error, well
from lakeflow.core.wording import counted
from lakeflow.lake.assembly import (
    MIGRATIONS,
    assemble,
    new_run_id,
    ownership_of,
    utc_now,
)
from lakeflow.lake.keeping.databases import LakeDatabase, database_of
from lakeflow.lake.keeping.outdated import refuse_outdated
from lakeflow.lake.keeping.places import objects_of, warehouse_of
from lakeflow.lake.keeping.shared import refuse_shared, shared_lake
from lakeflow.project import find_root, load_settings, look
from lakeflow.wap.run.lease import leased

_OPEN: Final = UNPUBLISHED_ENDS | {RunState.RUNNING}
Look = Callable[[Table, Objects], Stock]
LOOK: Final[Look] = take_stock
"""Reads no data file: takes a second for thousands of files."""
DEEP_LOOK: Final[Look] = read_through
"""Reads all data."""


@dataclass(frozen=True)
class Patient:
    """A lake as its settings describe it. No part of it need exist or work."""

    root: Path
    settings: Settings

    @property
    def state(self) -> Path:
        return self.root / self.settings.state_dir

    @property
    def home(self) -> Home:
        return Home(self.root, warehouse_of(self.settings, self.root, self.state), self.objects)

    @cached_property
    def objects(self) -> Objects:
        return objects_of(self.settings)

    @cached_property
    def database(self) -> LakeDatabase:
        return database_of(self.settings, self.state)

    @property
    def ownership(self) -> Ownership:
        return ownership_of(self.database, self.settings, self.root)

    @cached_property
    def catalog(self) -> IcebergCatalog:
        if self.settings.served_by:
            from lakeflow.lake.keeping.rest import rest_catalog  # noqa: PLC0415 - others ask no server

            return rest_catalog(self.settings, self.database, self.ledger, utc_now)
        return IcebergCatalog(self.database, self.home.warehouse, utc_now, objects=self.objects)

    @cached_property
    def ledger(self) -> SqlLedger:
        return SqlLedger(self.database, processes.is_alive, utc_now, self.settings.lease_seconds)


def patient(path: Path, overrides: Mapping[str, str], environ: Mapping[str, str]) -> Patient:
    """UsageError where there is no lake, ConfigError for a bad setting."""
    root = find_root(path)
    return Patient(root, load_settings(root, environ, overrides)[0])


def with_own_catalog(path: Path, overrides: Mapping[str, str], environ: Mapping[str, str], what: str) -> Patient:
    """As `patient`. UsageError where a server keeps the tables, for what only a lake's own catalog can do."""
    one = patient(path, overrides, environ)
    if one.settings.served_by:
        raise UsageError(
            f"{what} works on a catalog in the lake's own database; {one.settings.served_by} keeps this lake's tables",
            hint="use what the server offers for that; `lakeflow verify` looks at the tables of any catalog",
        )
    return one


def diagnose(
    path: Path, overrides: Mapping[str, str], environ: Mapping[str, str], look: Look = LOOK
) -> tuple[Finding, ...]:
    """All findings, good and bad. It never raises for what is wrong: that is its answer."""
    try:
        one = patient(path, overrides, environ)
    except LakeflowError as error:
        return (*examine_machine(), *of_error("lake", error))
    return (*examine_machine(), *examine_lake(one, look))


def examine_machine() -> Iterator[Finding]:
    required = machine.requirements()
    yield findings.python(machine.python_version(), machine.wanted_python())
    yield from findings.libraries(required, machine.installed(findings.requirement_names(required)))
    if fault := fault_of_key(os.environ):
        message = f"nothing is kept, and nothing that was kept is believed: {fault}"
        hint = "remove the key, and the next run makes a new one; its folder must be yours alone to write"
        yield Finding(Level.WARNING, "cache", message, hint)


def examine_lake(one: Patient, look: Look = LOOK) -> Iterator[Finding]:
    yield well("root", str(one.root))
    try:
        yield from _examine_project(one)
        yield from _examine_place(one)
        yield from _examine_database(one, look)
    except LakeflowError as error:
        yield from of_error("lake", error)


def refuse_unready(one: Patient) -> None:
    """LakeError where the catalog names another place: a copied lake would write into its original and expire its
    snapshots. LakeError too where the warehouse is another lake's.
    """
    try:
        if moved := moved_tables(one.database, one.home):
            raise _moved(one, moved)
        one.ownership.refuse_other()
    finally:
        one.database.close()


def relocate(one: Patient) -> tuple[AssetKey, ...]:
    """Rewrite the paths of all tables of a moved lake; return the tables rewritten.

    BusyError while a run holds any lease. Nothing changes when no table was moved.
    """
    if not _is_made(one):
        return ()
    world = assemble(Project(str(one.root), {}), one.settings)
    try:
        keys = frozenset(moved_tables(one.database, one.home))
        if not keys:
            return ()
        if one.ownership.facts().rival:  # a copy of the whole lake becomes a lake of its own
            one.ownership.adopt()
        with leased(world, new_run_id(), keys, wait=0.0):
            _refuse_other_leases(one, keys)
            return relocate_tables(one.database, one.home, utc_now)
    finally:
        one.database.close()
        world.close()


def mend_times(one: Patient) -> tuple[AssetKey, ...]:
    """Set times that lie in the future to now, in all tables and runs that hold one; return the tables changed.

    All or nothing. BusyError while a run is at work on one of them.
    """
    if not _is_made(one):
        return ()
    world = assemble(Project(str(one.root), {}), one.settings)
    try:
        now = utc_now()
        found = one.catalog.look(one.catalog.keys()).tables
        keys = frozenset(key for key, table in found.items() if table.runs_ahead(now))
        if keys:
            with leased(world, new_run_id(), keys, wait=0.0):
                mend_tables(one.database, keys, now, lambda opened: one.ledger.mend_times(opened, now), one.objects)
        return tuple(sorted(keys))
    finally:
        one.database.close()
        world.close()


def adopt_warehouse(one: Patient) -> None:
    """Make the warehouse this lake's, whoever's it was. BusyError while a run is at work."""
    try:
        one.database.initialise(MIGRATIONS)
        _refuse_other_leases(one, frozenset())
        one.ownership.adopt()
    finally:
        one.database.close()


def _refuse_other_leases(one: Patient, ours: frozenset[AssetKey]) -> None:
    standing = one.ledger.standing()
    others = [held for held in standing.held if held.asset not in ours and not standing.dead(held)]
    if others:
        raise busy(others)


def _examine_project(one: Patient) -> Iterator[Finding]:
    try:
        project = look(one.root)
    except ProjectError as error:
        yield from of_error("project", error)
    else:
        count = len(project.assets)
        yield well("project", f"{counted(count, 'asset')} can be loaded; `lakeflow check` looks into their SQL")


def _examine_place(one: Patient) -> Iterator[Finding]:
    if machine.is_writable(one.state):
        yield well("state", f"{one.state} can be written")
    else:
        hint = "check that it is a folder, and its permissions; or set `state_dir`"
        yield Finding(Level.PROBLEM, "state", f"{one.state} cannot be written", hint)
    yield findings.disk(str(one.state), machine.free_bytes(one.state))
    if one.database.path is None or not is_network_filesystem(one.database.path):
        yield well("disk", "local" if one.database.path else f"the catalog is on {one.database.place}")
        return
    allowed = one.settings.allow_network_filesystem
    message = f"{one.database.place} is on a network file system, where SQLite's locks cannot be trusted"
    hint = "move the lake to a local disk, or its catalog to PostgreSQL"
    yield Finding(Level.WARNING if allowed else Level.PROBLEM, "disk", message, hint)


def _examine_database(one: Patient, look: Look) -> Iterator[Finding]:
    if not _is_made(one):
        one.ownership.refuse_other()
        yield well("database", "not made yet; the first run makes it")
        return
    try:
        yield from _examine_layout(one)
        yield from _examine_warehouse(one)
        if one.database.layout() == len(MIGRATIONS):
            refuse_shared(one.database, shared_lake(one.settings, one.root))
            refuse_outdated(one.database, one.home.warehouse, one.objects)
            yield from _examine_tables(one, look)
    except LakeflowError as error:
        yield from of_error("database", error)
    finally:
        one.database.close()


def _examine_warehouse(one: Patient) -> Iterator[Finding]:
    if one.settings.served_by:
        yield well("catalog", f"{one.settings.served_by} answers, with {counted(len(one.catalog.keys()), 'table')}")
        return
    facts = one.ownership.facts()
    if facts.rival and moved_tables(one.database, one.home):
        return  # `relocate` mends both in a copy, and the tables' finding says so
    try:
        refuse_to_claim(facts)
    except LakeflowError as error:
        yield from of_error("warehouse", error)
    else:
        whose = "bears this lake's id" if facts.mark else "is nobody's yet; the next run makes it this lake's"
        yield well("warehouse", f"{facts.warehouse} {whose}")


def _is_made(one: Patient) -> bool:
    """Does the database exist? To open SQLite's file would make it, and looking must make nothing."""
    return one.database.path is None or one.database.path.exists()


def _examine_layout(one: Patient) -> Iterator[Finding]:
    layout, known = one.database.layout(), len(MIGRATIONS)
    if damage := one.database.damage():
        hint = f"restore {one.database.place} from a copy, or `lakeflow doctor --rebuild-catalog` makes it again"
        yield from (Finding(Level.PROBLEM, "database", line, hint) for line in damage)
    if layout > known:
        message = f"made by a newer release: its layout is {layout}, this release knows up to {known}"
        yield Finding(
            Level.PROBLEM, "database", message, "install the release of lakeflow that wrote it, or a newer one"
        )
    elif layout < known:
        message = f"its layout is {layout}, this release writes {known}; the next run brings it up to date"
        yield Finding(Level.WARNING, "database", message, "`lakeflow status` does it now")
    else:
        yield well("database", f"{one.database.place} is sound, layout {layout}")


def _examine_tables(one: Patient, look: Look) -> Iterator[Finding]:
    if moved := moved_tables(one.database, one.home):
        yield from of_error("tables", _moved(one, moved))
        return
    tables: dict[AssetKey, Table] = {}
    keys = sorted(one.catalog.keys())
    for key in keys:
        try:
            tables |= one.catalog.load((key,))
        except LakeflowError as error:
            yield from of_error(str(key), error)
    yield from _examine_files(tables, lambda table: look(table, one.objects))
    yield from ahead_of_time(tables, utc_now())
    yield from _examine_names(one, tables)
    yield from _examine_ledger(one, tables, frozenset(keys) - tables.keys())


def _moved(one: Patient, moved: Mapping[AssetKey, object]) -> LakeError:
    names = ", ".join(map(str, sorted(moved)[:3])) + (", …" if len(moved) > 3 else "")
    message = (
        f"the lake was moved or copied here: the catalog names another place for {names}, "
        f"whose files are under {one.home.warehouse}; Iceberg paths are absolute"
    )
    return LakeError(message, hint="`lakeflow doctor --relocate` rewrites the paths")


def _examine_files(tables: Mapping[AssetKey, Table], look: Callable[[Table], Stock]) -> Iterator[Finding]:
    stocks = [look(table) for table in tables.values()]
    found = [finding for stock in stocks for finding in lacks(stock, tables[stock.key])]
    yield from found
    if not found and tables:
        yield well("tables", whole(stocks))


def _examine_names(one: Patient, tables: Mapping[AssetKey, Table]) -> Iterator[Finding]:
    """Findings about tables that no asset defines. A project with faults defines nothing for certain; its faults have
    their own finding.
    """
    try:
        project = look(one.root)
    except ProjectError:
        return
    yield from left_behind(undefined(Looked({key: tables[key] for key in not_defined(tables.keys(), project)})))


def _examine_ledger(one: Patient, tables: Mapping[AssetKey, Table], unread: frozenset[AssetKey]) -> Iterator[Finding]:
    states = one.ledger.states()
    found = list(
        disagreements(
            Evidence(
                tables=tables,
                states=states,
                open_runs=[one.ledger.run(run) for run, state in sorted(states.items()) if state in _OPEN],
                standing=one.ledger.standing(),
                verdicts=one.ledger.verdicts(one.ledger.audited() - unread),
                unread=unread,
            )
        )
    )
    yield from found
    if not found:
        yield well("ledger", f"{counted(len(states), 'run')}, in agreement with the tables")
