"""The composition root: the only file that knows which adapters are real.

Each heavy library is imported by the port that needs it, so that planning and looking stay quick.
"""

from __future__ import annotations

import getpass
import os
import secrets
import sys
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from lakeflow.adapters.iceberg import MIGRATIONS as CATALOG_LAYOUT
from lakeflow.adapters.iceberg import IcebergCatalog
from lakeflow.adapters.iceberg.external import IcebergExternals
from lakeflow.adapters.ledger import MIGRATIONS as LEDGER_LAYOUT
from lakeflow.adapters.ledger import SqlEnvironments, SqlLedger, SqlOutbox
from lakeflow.adapters.machine import ending, git, machine
from lakeflow.adapters.machine import process as processes
from lakeflow.adapters.machine import run_log as runlog
from lakeflow.adapters.machine.files import source_files as outside
from lakeflow.adapters.machine.files.outside import OutsideFiles
from lakeflow.adapters.machine.libraries import is_library
from lakeflow.core.errors import ConfigError, Fault
from lakeflow.core.model.asset import Asset, Project, SqlCode
from lakeflow.core.model.check import CheckKind, SqlDialect
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.ports.locations import store_of
from lakeflow.core.settings.storage import UNSAID
from lakeflow.core.view.lineage import personal
from lakeflow.core.wording import parse_seconds
from lakeflow.lake.keeping.databases import LakeDatabase, database_of, open_read_only
from lakeflow.lake.keeping.environments import entering
from lakeflow.lake.keeping.places import files_of, handed_on, kept_out, objects_of, warehouse_of
from lakeflow.lake.keeping.shared import claim_first, lake_name, refuse_shared, shared_lake
from lakeflow.project import KEPT, cache_folder
from lakeflow.wap import Invocation, Policy, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lakeflow.adapters.iceberg import Ownership
    from lakeflow.adapters.otel import Recorder
    from lakeflow.adapters.otel.trace import TracedRun
    from lakeflow.adapters.processes import Child
    from lakeflow.adapters.processes.auditor import ProcessAuditor
    from lakeflow.core.alerts.troubles import AlertRule
    from lakeflow.core.contract.drift import Drift
    from lakeflow.core.model.file_source import Caps
    from lakeflow.core.model.table import Table
    from lakeflow.core.plan.landing import Delivery
    from lakeflow.core.ports.catalog import Clock
    from lakeflow.core.ports.objects import Objects
    from lakeflow.core.ports.store_files import StoreFiles
    from lakeflow.core.run.events import Logged
    from lakeflow.core.settings.settings import Settings
    from lakeflow.core.verify.values import Depth, Testimony
    from lakeflow.lake.computing.engines import Computing

MIGRATIONS: Final = (CATALOG_LAYOUT, *LEDGER_LAYOUT)
"""The layout of a lake's database; a release appends to this list and never changes what stands in it."""

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)


def assemble(project: Project, settings: Settings, clock: Clock | None = None) -> World:
    """The world of one lake. Its database is opened, or made where it does not exist. A test gives a `clock`."""
    now = clock or utc_now
    root = Path(project.root)
    state = root / settings.state_dir
    rules = _rules(project, settings)
    database = _open_database(settings, root)
    objects = objects_of(settings)
    own = _SpillFolder(state)
    telemetry = _telemetry(settings, root)
    policy = _policy(settings)
    outbox, silent = (SqlOutbox(database, told, personal(project), now, _this_host()) for told in (rules, ()))
    ledger = SqlLedger(database, processes.is_alive, now, settings.lease_seconds, outbox.saving)
    catalog = _catalog(project, settings, database, ledger, now)
    return World(
        **_of_project(settings, own, project),
        catalog=catalog,
        ledger=ledger,
        clock=now,
        new_id=new_run_id,
        invocation=Invocation(getpass.getuser(), processes.me(), _release_of_ours, partial(git.describe, root)),
        policy=policy,
        log=_all_of(
            runlog.recorder(state / "logs", now, _complain, processes.effort, policy.machine.threads),
            *(one.watch for one in telemetry),
        ),
        release=partial(_release, database, own, telemetry),
        externals=IcebergExternals(settings.catalog_of, root, partial(open_read_only, root), objects),
        claim=_claim(database, settings, root),
        outbox=outbox,
        is_ending=ending.is_asked,
        witness=partial(_witness, objects=objects),
        is_library=is_library,
        environments=SqlEnvironments(database, now),
        enter=entering(settings, database, now, silent),
        warm_up=catalog.warm_up,
        of_project=partial(_of_project, settings, own),
    )


def _of_project(settings: Settings, own: _SpillFolder, project: Project) -> dict[str, Any]:
    """The part of a world that follows from the project's files."""
    root = Path(project.root)
    hashes = outside.Hashes(root / settings.state_dir / "hashes.json")
    files = OutsideFiles(root, hashes, stores_of(project, settings))
    computing = cache(partial(_computing, project, settings, own))
    return {
        "project": project,
        "make_engine": lambda: computing().engine(),
        "make_auditor": lambda: _auditor(project, settings, own, computing),
        "read_digest": lambda asset: files.digest(asset.reads),
        "find_files": lambda source: files.find(source.globs),
        "find_drift": partial(_find_drift, root, settings.caps, files.stores),
        "changed_files": files.changed,
        "outside_bytes": files.bytes_of,
    }


def _catalog(
    project: Project, settings: Settings, database: LakeDatabase, ledger: SqlLedger, now: Clock
) -> IcebergCatalog:
    """Where the tables are found: in the lake's own database, or on a server."""
    root = Path(project.root)
    ours = partial(kept_out, root, project, settings)
    if settings.served_by:
        from lakeflow.lake.keeping.rest import rest_catalog  # noqa: PLC0415 - others ask no server

        return rest_catalog(settings, database, ledger, now, ours)
    warehouse = warehouse_of(settings, root, root / settings.state_dir)
    return IcebergCatalog(database, warehouse, now, ours, objects_of(settings))


def _rules(project: Project, settings: Settings) -> tuple[AlertRule, ...]:
    if not settings.alerts:
        return ()
    from lakeflow.lake.telling.alerts import rules_of  # noqa: PLC0415 - most lakes tell nobody

    return rules_of(project, settings)


def _witness(table: Table, depth: Depth, objects: Objects) -> Testimony:
    from lakeflow.adapters.iceberg import witness  # noqa: PLC0415 - only who verifies asks

    return witness(table, depth, objects=objects)


def _release_of_ours() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - takes 25 ms, which a look need not pay

    return version("lakeflow-wap")


def _this_host() -> str:
    """Name this machine since its last boot, or this container."""
    me = processes.me()
    return f"{me.host}/{me.boot_id}"


def _claim(database: LakeDatabase, settings: Settings, root: Path) -> Callable[[], None]:
    """What is checked before every write: that the warehouse is this lake's. Before the first write also: that the
    catalog is as new as its tables.
    """
    if settings.served_by:
        from lakeflow.lake.keeping.rest import namespaces  # noqa: PLC0415 - as above

        return namespaces(settings, database, lake_name(settings, root)).claim
    looked = [False]
    warehouse, objects = warehouse_of(settings, root, root / settings.state_dir), objects_of(settings)

    def claim() -> None:
        from lakeflow.lake.keeping.outdated import refuse_outdated  # noqa: PLC0415 - who only looks claims nothing

        ownership = ownership_of(database, settings, root)
        if looked[0]:
            ownership.claim()
            return
        claim_first(database, ownership, settings, root)
        refuse_outdated(database, warehouse, objects)
        looked[0] = True

    return claim


def _complain(text: str) -> None:
    with suppress(OSError):  # nobody is left to tell
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - what is wrong beside a run that goes well


class _SpillFolder:
    """Where processes spill and write their logs: the lake's own folder, or a temporary one where that folder is
    read-only.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._made: TemporaryDirectory[str] | None = None

    @property
    def folder(self) -> Path:
        if self._made is None and machine.is_writable(self._state):
            return self._state
        self._made = self._made or TemporaryDirectory(prefix="lakeflow-", ignore_cleanup_errors=True)
        return Path(self._made.name)

    def close(self) -> None:
        if self._made is not None:
            self._made.cleanup()


def _release(database: LakeDatabase, own: _SpillFolder, telemetry: Sequence[Recorder]) -> None:
    for one in telemetry:
        one.close()
    database.close()
    own.close()


def _telemetry(settings: Settings, root: Path) -> tuple[Recorder, ...]:
    """Who tells OpenTelemetry of runs, if the settings ask for it. Without its packages runs go on, and one says so."""
    if not settings.otel:
        return ()
    from lakeflow.adapters.otel import Recorder, require_installed  # noqa: PLC0415 - a lake that asks for none needs none

    try:
        require_installed()
    except ConfigError as error:
        _complain(f"warning: {error.message}; {error.hint}")
        return ()
    return (Recorder(root.resolve().name, utc_now, _export),)


def _export(traced: TracedRun, seconds: float) -> None:
    from lakeflow.adapters.otel.export import export  # noqa: PLC0415 - in a thread of its own, and only after a run

    export(traced, seconds)


def _all_of(*watchers: Callable[[Logged], None]) -> Callable[[Logged], None]:
    def watch(event: Logged) -> None:
        for each in watchers:
            each(event)

    return watch


def _policy(settings: Settings) -> Policy:
    return Policy(
        keep_snapshots=settings.keep_snapshots,
        keep_age=settings.keep_age,
        keep_held=parse_seconds(settings.keep_held),
        check_timeout=settings.check_timeout,
        lease_seconds=settings.lease_seconds,
        limits=settings.limits,
        machine=settings.machine(machine.cores(), machine.memory()),
        parallel=settings.parallel,
        file_bytes=settings.file_size,
    )


def syntax_faults(project: Project) -> tuple[Fault, ...]:
    """The faults of SQL assets and row checks that DuckDB cannot parse."""
    from lakeflow.adapters.duckdb.code.syntax import syntax_fault  # noqa: PLC0415 - only `check` asks for it

    # A quarantine has no SQL of its own: the write of its owner fills it.
    codes = (asset.code for key, asset in project.assets.items() if owner_of(key) is None)
    texts = {code.path: code.text for code in codes if isinstance(code, SqlCode)}
    rows = (file for suite in project.suites.values() for file in suite.files if file.kind is CheckKind.ROWS)
    texts |= {file.path: file.text for file in rows if file.dialect is SqlDialect.DUCKDB}
    return tuple(fault for path, text in texts.items() if (fault := syntax_fault(text, path)))


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_run_id() -> str:
    """Ten letters and digits that sort by second: six of time (good until 2054), four of chance."""
    seconds = int((utc_now() - _EPOCH).total_seconds())
    time = "".join(_ALPHABET[(seconds >> shift) & 31] for shift in range(25, -1, -5))
    return time + "".join(secrets.choice(_ALPHABET) for _ in range(4))


def _open_database(settings: Settings, root: Path) -> LakeDatabase:
    """Open the database. LakeError where it is missing and the warehouse exists: it was lost, and a new one would begin
    a new lake.
    """
    database = database_of(settings, root / settings.state_dir)
    if not settings.allow_network_filesystem:
        database.require_local_disk()
    if database.path is not None and not database.path.exists() and not settings.served_by:
        ownership_of(database, settings, root).refuse_other()
    _make_private(root / settings.state_dir)
    database.initialise(MIGRATIONS)
    refuse_shared(database, shared_lake(settings, root))
    return database


def _make_private(state: Path) -> None:
    """Logs, spilled rows and the catalog are for their owner alone, whatever the umask. A folder that exists keeps its
    mode: somebody may share it on purpose. Where a folder cannot be made, whatever needs it says so.
    """
    for folder in (state, state / "logs", state / "spill"):
        with suppress(OSError):
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)


def ownership_of(database: LakeDatabase, settings: Settings, root: Path) -> Ownership:
    """The ownership of the warehouse. `state_dir` itself may be the warehouse."""
    from lakeflow.adapters.iceberg import Ownership  # noqa: PLC0415 - as above

    state = root / settings.state_dir
    own = [state / name for name in ("logs", "spill", "hashes.json", KEPT)]
    return Ownership(
        database, warehouse_of(settings, root, state), lake_name(settings, root), own, objects_of(settings)
    )


def read_log(project: Project, settings: Settings, run: str) -> tuple[str, ...] | None:
    """The log of a run, a line for each event. None when this machine has no log of it."""
    return runlog.read(Path(project.root) / settings.state_dir / "logs", run)


def _computing(project: Project, settings: Settings, own: _SpillFolder) -> Computing:
    from lakeflow.lake.computing.engines import Computing  # noqa: PLC0415 - who only looks computes nothing

    stores = stores_of(project, settings)
    return Computing(project, settings, own.folder, stores, partial(_child, "lakeflow.workers.code", settings, stores))


def stores_of(project: Project, settings: Settings) -> StoreFiles | None:
    """The files of object stores, for a lake that is kept in one or reads one. A lake on a disk does without."""
    sources = (glob for asset in project.assets.values() for glob in asset.outside)
    said = settings.catalogs or settings.storage_table != UNSAID
    if not said and not any(map(store_of, (settings.warehouse or "", *sources))):
        return None
    return files_of(settings)


def _child(module: str, settings: Settings, stores: StoreFiles | None, log_path: str) -> Child:
    from lakeflow.adapters.processes import Child  # noqa: PLC0415 - as above

    return Child(module, log_path, handed_on(settings) if stores else {})


def _auditor(
    project: Project, settings: Settings, scratch: _SpillFolder, computing: Callable[[], Computing] | None = None
) -> ProcessAuditor:
    """The auditor. Without `computing` it looks at check files alone, and nothing is asked of Spark."""
    from lakeflow.adapters.duckdb.instance.spill import OwnFolder  # noqa: PLC0415 - as above
    from lakeflow.adapters.expectations.compile.cache import SuiteCache  # noqa: PLC0415 - as above
    from lakeflow.adapters.machine.cache_folder import CacheFolder  # noqa: PLC0415 - as above
    from lakeflow.adapters.processes.auditor import Beyond, ProcessAuditor, WorkerResources  # noqa: PLC0415 - planning does not audit

    folder, state = cache_folder(Path(project.root), settings, os.environ), scratch.folder
    kept = str(folder) if folder else None
    own = OwnFolder(state / "spill", "audit")
    beyond = Beyond(settings.spark_table.audits, (lambda: computing().audits()) if computing else None)
    limits = WorkerResources(settings.threads, settings.memory_limit, str(own.path), own.release, beyond)
    spawn = partial(_child, "lakeflow.workers.audit", settings, stores_of(project, settings))
    covers, log = SuiteCache(CacheFolder(kept)).covers, str(state / "logs" / "audit.log")
    return ProcessAuditor(spawn, log, limits, kept, covers)


@contextmanager
def auditor_apart(project: Project, settings: Settings) -> Iterator[ProcessAuditor]:
    """An auditor for a project whose lake need not exist; it leaves nothing behind."""
    with TemporaryDirectory(prefix="lakeflow-", ignore_cleanup_errors=True) as folder:
        auditor = _auditor(project, settings, _SpillFolder(Path(folder)))
        try:
            yield auditor
        finally:
            auditor.close()


def _find_drift(root: Path, caps: Caps, stores: StoreFiles | None, asset: Asset, delivery: Delivery) -> Drift:
    from lakeflow.adapters.duckdb.land.headers import drift  # noqa: PLC0415 - only where new files wait

    assert asset.files is not None, "only what has a source lands files"
    return drift(root, asset.files.within(caps), delivery, stores, personal=bool(asset.pii))
