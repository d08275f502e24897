"""The SQL database behind catalog and ledger; all that is special to SQLite or PostgreSQL stays in this room.

SQLite is used in write-ahead mode, so that readers and the one writer never wait for each other. A writer takes its
lock when it begins: a transaction that reads first and upgrades later fails with "locked" at once, whatever the
time-out (docs/decisions: own writes on SQLite).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from lakeflow.adapters.database import server
from lakeflow.adapters.database.connected import Connected
from lakeflow.adapters.database.failures import translate
from lakeflow.adapters.database.sqlite_disk import identity, refuse_network, refuse_replaced, sole_opener
from lakeflow.adapters.database.urls import INSTALL, no_such_kind, parse, place_of, refuse_other_kinds
from lakeflow.core.errors import LakeError, LakeflowError
from lakeflow.core.ports import database as ports
from lakeflow.core.ports.database import sql

_LAYOUT: Final = sql(
    "create table if not exists lakeflow_migrations (version integer primary key, applied_at text not null)"
)
_APPLIED: Final = sql("select coalesce(max(version), 0) from lakeflow_migrations")
_APPLY: Final = sql("insert into lakeflow_migrations (version, applied_at) values (:version, :at)")


class Database:
    """Transactions over one SQLAlchemy URL. Safe to share between threads and to carry through a fork.

    `timeout` is how long, in seconds, a transaction waits for the one that holds the database.
    Everything may raise BusyError (waited that long) or LakeError (unreadable, full, unreachable);
    no message holds the URL's password or a bound value. `opened` says which file SQLite's is, where somebody else has
    opened it already.
    """

    def __init__(self, url: str, timeout: float = 15.0, opened: tuple[int, int] | None = None) -> None:
        self._url = parse(url)
        self._refuse_other_kinds()
        self._timeout = timeout
        self._opened = opened
        self._was_connected = False
        self._engine = self._connect()
        self._process = os.getpid()

    @property
    def path(self) -> Path | None:
        """The path of SQLite's file; None for a server or a database in memory."""
        name = self._url.database
        in_file = self._url.get_backend_name() == "sqlite" and name not in {None, "", ":memory:"}
        return Path(str(name)) if in_file else None

    @property
    def place(self) -> str:
        """The database as a message may name it: without user, password and options."""
        return str(self.path or place_of(self._url))

    @contextmanager
    def transaction(self) -> Iterator[Connected]:
        """The database's only write transaction at a time. It commits at the end, and rolls back on any exception.

        LakeError when SQLite's file was replaced since it was opened: writes to the unlinked file would be lost. If the
        COMMIT itself fails, its outcome is unknown; the connection is closed, so that the next read sees what was
        really committed and never pending rows of its own.
        """
        with self._connection() as connection:
            self._begin_writing(connection)
            try:
                self._refuse_another_file()
                yield Connected(connection)
            except BaseException:
                _roll_back(connection)
                raise
            try:
                connection.commit()
            except BaseException:
                connection.invalidate()
                raise
            self._refuse_another_file()

    @contextmanager
    def read(self) -> Iterator[Connected]:
        """A read transaction: all its statements see one state of the database."""
        with self._connection() as connection:
            if self._sqlite:
                connection.exec_driver_sql("begin")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            try:
                yield Connected(connection)
            finally:
                _roll_back(connection)

    def checkpoint(self) -> None:
        """Move what was committed into SQLite's main file, unless a reader is in the way."""
        if self.path is not None:
            with suppress(LakeflowError), self._connection() as connection:
                connection.exec_driver_sql("pragma wal_checkpoint(passive)")

    def copy_to(self, path: Path) -> None:
        """Copy SQLite's file as it is at one moment, whoever writes meanwhile, to a new file that needs no log beside
        it.
        """
        with self._connection() as connection, closing(sqlite3.connect(path)) as copy:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection), "only a file is copied"
            source.backup(copy)
            copy.execute("pragma journal_mode = delete")

    def forget_connections(self) -> None:
        """Close the pooled connections, so that the next read uses a new one."""
        self._engine.dispose()

    def close(self) -> None:
        self._engine.dispose()

    def require_local_disk(self) -> None:
        """LakeError when the SQLite file stands on a network file system, where its locks do not hold."""
        if self.path is not None:
            refuse_network(self.path)

    def initialise(self, migrations: Sequence[Sequence[str]]) -> None:
        """Migrate the tables to the layout of this release; several processes may do so at once.

        Each migration is a list of statements, applied in a transaction that also records it.
        LakeError when the lake was made by a newer release.
        """
        with nullcontext() if self.path is None else sole_opener(self.path, self._timeout):
            if self.path is not None:
                self._write_ahead()
            applied = self._applied()
            if applied > len(migrations):
                raise LakeError(
                    f"{self.place} was made by a newer release: its layout is {applied}, "
                    f"this release knows up to {len(migrations)}",
                    hint="install the release of lakeflow that wrote it, or a newer one",
                )
            for version in range(applied + 1, len(migrations) + 1):
                self._migrate(version, migrations[version - 1])

    def note_layout(self, connection: ports.Connection, version: int) -> None:
        """Record that the tables have the layout of that number, where the record of it was lost."""
        connection.execute(_LAYOUT)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if int(connection.execute(_APPLIED).scalar_one()) < version:
            connection.execute(_APPLY, {"version": version, "at": now})

    def layout(self) -> int:
        """The number of the last migration; 0 in an empty database."""
        return self._applied()

    def damage(self) -> tuple[str, ...]:
        """What SQLite's own integrity check finds, at most ten lines; nothing on a server, which checks itself."""
        if not self._sqlite:
            return ()
        with self.read() as connection:
            found = connection.exec_driver_sql("pragma integrity_check(10)").scalars().all()
        return tuple(str(line) for line in found if line != "ok")

    @property
    def _sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def _refuse_other_kinds(self) -> None:
        refuse_other_kinds(self._url)

    def _connect(self) -> Engine:
        try:
            engine = self._sqlite_engine() if self._sqlite else server.make_engine(self._url, self._timeout)
        except NoSuchModuleError as error:
            raise no_such_kind(self._url.drivername) from error
        except ImportError as error:
            raise LakeError(f"the driver of {self._url.drivername} databases is not installed", hint=INSTALL) from error
        if self._sqlite:
            event.listen(engine, "connect", _set_up_sqlite)
        if self.path is not None:
            event.listen(engine, "do_connect", self._before_opening)
            event.listen(engine, "connect", self._after_opening)
        return engine

    def _sqlite_engine(self) -> Engine:
        options = {"timeout": self._timeout, "isolation_level": None}
        return create_engine(self._url, connect_args=options, hide_parameters=True)

    def _before_opening(self, *_: object) -> None:
        """LakeError for a SQLite file that is missing: SQLite would make it again, and empty."""
        if self._opened is not None:
            self._refuse_another_file()

    def _after_opening(self, *_: object) -> None:
        self._opened = self._opened or identity(self.path)
        self._refuse_another_file()

    def _refuse_another_file(self) -> None:
        if self._opened is not None:
            refuse_replaced(self.path, self._opened)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        self._leave_parents_connections()
        try:
            with self._connect_to() as connection:
                self._was_connected = True
                yield connection
        except DBAPIError as error:
            raise translate(error, self.place, self._timeout) from error

    def _connect_to(self) -> Connection:
        if self._sqlite or not self._was_connected:
            return self._engine.connect()
        return server.patiently(self._engine.connect, self._timeout)

    def _leave_parents_connections(self) -> None:
        # Only one side of a fork may use or close a SQLite or socket connection.
        if self._process != os.getpid():
            self._engine.dispose(close=False)
            self._process = os.getpid()

    def _begin_writing(self, connection: Connection) -> None:
        if self._sqlite:
            connection.exec_driver_sql("begin immediate")
            return
        server.begin_writing(connection)

    def _write_ahead(self) -> None:
        with self._connection() as connection:
            mode = connection.exec_driver_sql("pragma journal_mode = wal").scalar_one()
        if mode != "wal":
            raise LakeError(
                f"{self.place} cannot be opened in write-ahead mode (it stays {mode})",
                hint="keep the lake on a local disk",
            )

    def _applied(self) -> int:
        with self.read() as connection:
            known = "lakeflow_migrations" in connection.tables()
            return int(connection.execute(_APPLIED).scalar_one()) if known else 0

    def _migrate(self, version: int, statements: Sequence[str]) -> None:
        with self.transaction() as connection:
            connection.execute(_LAYOUT)
            if int(connection.execute(_APPLIED).scalar_one()) >= version:
                return  # another host was first: only a server's database is shared between hosts
            for statement in statements:
                connection.execute(text(statement))
            self.note_layout(connection, version)


def _roll_back(connection: Connection) -> None:
    """Roll back, so that no connection returns to the pool inside a transaction."""
    try:
        connection.rollback()
    except BaseException:
        connection.invalidate()
        raise


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("pragma synchronous = full")
