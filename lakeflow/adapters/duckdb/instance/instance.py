"""A DuckDB instance, with a database of its own for each step: the views `layer.name` that the step's SQL reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4
from weakref import WeakSet

import duckdb
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from lakeflow.adapters.duckdb.instance.interrupt import Result, interruptible
from lakeflow.adapters.duckdb.instance.spill import OwnFolder, sweep
from lakeflow.adapters.duckdb.names import listed, literal, quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.read.externals import ExternalViews
from lakeflow.adapters.duckdb.store.attach import attach
from lakeflow.adapters.duckdb.store.kept import KeptFiles
from lakeflow.core.errors import ConfigError
from lakeflow.core.keys import EMPTY, Layer
from lakeflow.core.model.table import Scan
from lakeflow.core.ports.store_files import StoreFiles
from lakeflow.core.redaction import HIDDEN
from lakeflow.core.run.resources import Resources
from lakeflow.core.values import dataclass

_EXTERNAL_DOTS: Final = 2  # catalog.namespace.table
_IDLE: Final = "64MB"
_PATIENCE: Final = 10.0
"""Seconds that an interrupted query has to end before closing gives up."""


class Instance:
    """DuckDB with settings that make a run repeatable: UTC, paths from the project's root, no downloads.

    `stores` has the files of object stores, where the lake or what it reads lies in one. ConfigError when DuckDB
    refuses a setting.
    """

    def __init__(
        self,
        root: str,
        memory_limit: str | None,
        threads: int | None,
        temp_directory: str,
        stores: KeptFiles | None = None,
    ) -> None:
        self.root = Path(root)
        self.spill = Path(temp_directory)
        sweep(self.spill)
        self._own = OwnFolder(self.spill, "duckdb")
        self.externals = ExternalViews()
        self.stores = stores.files if stores else None
        self._resources: Resources | None = None
        self._tasks = 0
        self._lock = threading.Lock()
        self._open: WeakSet[DuckDBPyConnection] = WeakSet()
        self._connection = duckdb.connect(":memory:")
        settings: Mapping[str, str | int | None] = {
            "TimeZone": "UTC",
            "file_search_path": _searchable(root),
            "memory_limit": memory_limit,
            "threads": threads,
            "temp_directory": str(self._own.path),
            "autoinstall_known_extensions": "false",
            # Cached files would take memory of an idle instance, which other steps may use by then.
            "enable_external_file_cache": "false",
        }
        try:
            for name, value in settings.items():
                _configure(self._connection, name, value)
            if stores:
                attach(self._connection, stores)
        except ConfigError:
            self._own.release()
            raise

    def resize(self, resources: Resources) -> None:
        """Limit the instance to these resources, from now on: a query under way gets more threads at once.

        DuckDB cuts a query into as many tasks as it has threads, when the query begins. So it is told of all cores, of
        which as many belong to threads that are never there ("external" ones) as the instance may not use. A thread
        that comes later takes the tasks that wait.
        """
        with self._lock, closing(self._connection.cursor()) as cursor:
            if resources == self._resources:
                return
            if not self._tasks:
                found = cursor.execute("SELECT current_setting('threads')").fetchall()
                self._tasks = max(int(found[0][0]), resources.threads)
                _configure(cursor, "threads", self._tasks)
            threads = min(resources.threads, self._tasks)
            _configure(cursor, "external_threads", self._tasks - threads + 1)
            _configure(cursor, "memory_limit", f"{resources.memory}B")
            self._resources = resources

    def release(self) -> None:
        """Give memory that ended queries still hold back to the machine: while this instance is idle, others use its
        share.

        DuckDB keeps the memory until its limit is lowered.
        """
        with self._lock:
            if self._resources is not None:
                with suppress(duckdb.Error):  # something is still open, and holds more
                    self._connection.execute(f"SET GLOBAL memory_limit = '{_IDLE}'")
                _configure(self._connection, "memory_limit", f"{self._resources.memory}B")

    def close_off(self, files: Sequence[str], folders: Sequence[str]) -> None:
        """From now on let the instance read and write only these files and what is in these folders."""
        for name, paths in (("allowed_paths", files), ("allowed_directories", folders)):
            if paths:
                self._connection.execute(f"SET GLOBAL {name} = {listed(tuple(dict.fromkeys(paths)))}")
        self._connection.execute("SET GLOBAL enable_external_access = false")

    def interrupt(self) -> None:
        """End the queries that run on the instance."""
        with self._lock:
            for cursor in self._open:
                interrupt(cursor)

    def cursor(self) -> DuckDBPyConnection:
        """A connection of its own to the one instance; a connection runs one query at a time."""
        with self._lock:
            cursor = self._connection.cursor()
            self._open.add(cursor)
            return cursor

    def close(self) -> None:
        """Interrupt what still runs, then close. Closing also closes every cursor, once none is busy."""
        deadline = time.monotonic() + _PATIENCE
        with self._lock:
            while True:
                for cursor in self._open:
                    interrupt(cursor)
                try:
                    self._connection.close()
                    return self._own.release()
                except duckdb.ResourceInUseException:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)


def interrupt(cursor: DuckDBPyConnection) -> None:
    """End the query that runs on the cursor, if any."""
    with suppress(duckdb.ConnectionException):  # it is closed already
        cursor.interrupt()


def _searchable(root: str) -> str:
    if "," in root:
        raise ConfigError(
            f"DuckDB cannot resolve relative paths under {root}: it reads the comma as a separator",
            hint="move the project to a folder without a comma in its path",
        )
    return root


def _configure(connection: DuckDBPyConnection, name: str, value: str | int | None) -> None:
    if value is None:
        return
    try:
        connection.execute(f"SET GLOBAL {name} = {literal(str(value))}")
    except duckdb.Error as error:
        raise ConfigError(
            f"{name} = {value!r} is not a value that DuckDB takes",
            hint="memory_limit is a size such as '2GB', threads a number from 1",
        ) from error


@dataclass(frozen=True)
class StepSession:
    """A step's cursor, and a way to open more: a stream needs one of its own while it is read."""

    root: Path
    cursor: DuckDBPyConnection
    another: Callable[[], DuckDBPyConnection]
    interrupt: Callable[[], None]
    watch: Callable[[], None]
    stores: StoreFiles | None = None

    def run(self, work: Callable[[], Result], watch: Callable[[], None] | None = None) -> Result:
        """The result of a long query. Ctrl-C ends it, and so does whatever `watch` (by default the step's) raises."""
        return interruptible(self.interrupt, work, watch or self.watch)


@contextmanager
def step(instance: Instance, inputs: Mapping[str, Scan], watch: Callable[[], None]) -> Iterator[StepSession]:
    """A database of its own, with a view of each input under its name. All cursors close with it."""
    name = quoted(f"step_{uuid4().hex}")
    opened: list[DuckDBPyConnection] = []
    with ExitStack() as stack:

        def another() -> DuckDBPyConnection:
            opened.append(stack.enter_context(closing(instance.cursor())))
            return opened[-1]

        def interrupt_all() -> None:
            for each in opened:
                interrupt(each)

        janitor = another()
        janitor.execute(f"ATTACH ':memory:' AS {name}")
        stack.callback(janitor.execute, f"DETACH {name}")
        cursor = another()
        cursor.execute(f"USE {name}")
        theirs = {full: scan for full, scan in inputs.items() if full.count(".") == _EXTERNAL_DOTS}
        if theirs:
            stack.enter_context(instance.externals.bound(another(), theirs))
        _bind(cursor, {each: scan for each, scan in inputs.items() if each not in theirs})
        yield StepSession(instance.root, cursor, another, interrupt_all, watch, instance.stores)


def bind_apart(cursor: DuckDBPyConnection, inputs: Mapping[str, Scan], hidden: Mapping[str, Set[str]] = EMPTY) -> None:
    """Create views of these inputs, in a database of their own that stays as long as the instance. Of the columns in
    `hidden`, in lower case, they show only whether there is a value.
    """
    name = quoted(f"query_{uuid4().hex}")
    cursor.execute(f"ATTACH ':memory:' AS {name}")
    cursor.execute(f"USE {name}")
    _bind(cursor, inputs, hidden)


def _bind(cursor: DuckDBPyConnection, inputs: Mapping[str, Scan], hidden: Mapping[str, Set[str]] = EMPTY) -> None:
    for layer in Layer:
        cursor.execute(f"CREATE SCHEMA {quoted(layer)}")
    for name, scan in inputs.items():
        view = ".".join(quoted(part) for part in name.split("."))
        text = scans.select(cursor, scan)
        if masks := [_masked(column) for column in scan.schema.names if column.lower() in hidden.get(name, ())]:
            text = f"SELECT * REPLACE ({', '.join(masks)}) FROM ({text})"
        cursor.execute(f"CREATE VIEW {view} AS {text}")


def _masked(column: str) -> str:
    return f"CASE WHEN {quoted(column)} IS NOT NULL THEN {literal(HIDDEN)} END AS {quoted(column)}"


def query(cursor: DuckDBPyConnection, text: str) -> DuckDBPyRelation:
    """The text as a lazy relation. A name in it means a table, and never a Python variable in scope."""
    cursor.execute("SET SESSION python_enable_replacements = false")
    return cursor.sql(text)
