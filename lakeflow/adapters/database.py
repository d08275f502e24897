"""The SQL database behind catalog and ledger. Everything peculiar to SQLite stays in this file.

SQLite is used in write-ahead mode, so that readers and the one writer never wait for each other, and a writer takes its
lock when it begins: a transaction that reads first and upgrades later fails "locked" at once, whatever the time-out
(docs/decisions: own writes on SQLite).
"""

from __future__ import annotations

import fcntl
import os
import platform
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from lakeflow.core.errors import BusyError, LakeError, LakeflowError
from lakeflow.core.settings.mounts import NETWORK_FILESYSTEMS, filesystem_type, type_in_mounts

_LAYOUT: Final = (
    "create table if not exists lakeflow_migrations (version integer primary key, applied_at text not null)"
)
_APPLIED: Final = "select coalesce(max(version), 0) from lakeflow_migrations"
_NO_ACCESS: Final = (
    "cannot be opened for writing",
    "check that it exists, its permissions, and that its disk has room (`df -h`, and `df -i` for inodes)",
)
_SQLITE_FAILURES: Final = {
    sqlite3.SQLITE_NOTADB: ("is not a SQLite database", "restore the file from a copy"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "restore the file from a copy"),
    sqlite3.SQLITE_FULL: ("has no disk space left", "free some, then repeat the command"),
    sqlite3.SQLITE_CANTOPEN: _NO_ACCESS,
    sqlite3.SQLITE_READONLY: _NO_ACCESS,
    sqlite3.SQLITE_PERM: _NO_ACCESS,
}
_KINDS: Final = ("sqlite", "postgresql")
_OTHER_PLACES: Final = frozenset({"http", "https", "s3", "s3a", "gs", "abfs", "abfss", "file", "thrift", "hdfs"})
_WRITER: Final = 4_741_502_017  # the key of PostgreSQL's advisory lock that stands for SQLite's one writer


class Database:
    """Transactions over one SQLAlchemy URL. Safe to share between threads and to carry through a fork.

    `timeout` is how long, in seconds, a transaction waits for the one that holds the database.
    Everything may raise BusyError (waited that long) or LakeError (unreadable, full, unreachable);
    no message holds the URL's password or a bound value.
    """

    def __init__(self, url: str, timeout: float = 15.0) -> None:
        self._url = _parse(url)
        self._refuse_other_kinds()
        self._timeout = timeout
        self._opened: tuple[int, int] | None = None
        self._engine = self._connect()
        self._process = os.getpid()

    @property
    def path(self) -> Path | None:
        """SQLite's file; None for a server or a database in memory."""
        name = self._url.database
        in_file = self._url.get_backend_name() == "sqlite" and name not in {None, "", ":memory:"}
        return Path(str(name)) if in_file else None

    @property
    def place(self) -> str:
        """The database as a message may name it: without user, password and options."""
        return str(self.path or place_of(self._url))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """The database's only write transaction at a time. It commits at the end, and rolls back on any exception.

        LakeError when SQLite's file is another one than was opened, for what is written into a file without a name is
        lost. When the COMMIT itself fails its outcome is unknown; the connection is closed, so that the next read sees
        what was really committed and never our own pending rows.
        """
        with self._connection() as connection:
            self._begin_writing(connection)
            try:
                self._refuse_another_file()
                yield connection
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
    def read(self) -> Iterator[Connection]:
        """A read transaction: it sees one state of the database, however many statements it reads."""
        with self._connection() as connection:
            if self._sqlite:
                connection.exec_driver_sql("begin")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            try:
                yield connection
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
        if self.path is not None and is_network_filesystem(self.path):
            raise LakeError(
                f"{self.place} is on a network file system, where SQLite's locks cannot be trusted",
                hint="move the lake to a local disk or its catalog to PostgreSQL; "
                "if only one host ever writes, set `allow_network_filesystem = true` in [tool.lakeflow]",
            )

    def initialise(self, migrations: Sequence[Sequence[str]]) -> None:
        """Bring the tables to the layout of this release; several processes may do so at once.

        Each migration is a list of statements, applied in a transaction that also records it.
        LakeError when the lake was made by a newer release.
        """
        with self._sole_opener():
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

    def layout(self) -> int:
        """The migration that was applied last; 0 in an empty database."""
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
        """LakeError for a database whose locks and transactions nobody has proved here."""
        kind = self._url.drivername.partition("+")[0]
        if kind not in _KINDS:
            raise _no_such_kind(kind)

    def _connect(self) -> Engine:
        options = {"timeout": self._timeout, "isolation_level": None} if self._sqlite else {}
        try:
            engine = create_engine(self._url, connect_args=options, hide_parameters=True)
        except NoSuchModuleError as error:
            raise _no_such_kind(self._url.drivername) from error
        except ImportError as error:
            raise LakeError(
                f"there is no driver for {self._url.drivername} databases",
                hint="install one, for PostgreSQL: pip install 'psycopg[binary]', with a URL postgresql+psycopg://…",
            ) from error
        if self._sqlite:
            event.listen(engine, "connect", _set_up_sqlite)
        if self.path is not None:
            event.listen(engine, "do_connect", self._before_opening)
            event.listen(engine, "connect", self._after_opening)
        return engine

    def _before_opening(self, *_: object) -> None:
        """LakeError for a SQLite file that is gone: SQLite would make it again, and empty."""
        if self._opened is not None:
            self._refuse_another_file()

    def _after_opening(self, *_: object) -> None:
        self._opened = self._opened or _identity(self.path)
        self._refuse_another_file()

    def _refuse_another_file(self) -> None:
        if self._opened is not None and _identity(self.path) != self._opened:
            raise LakeError(
                f"{self.place} was removed or replaced while it was open; what was written since does not count",
                hint="put the database back from a copy, or `lakeflow doctor --rebuild-catalog` makes it again; "
                "then repeat the command",
            )

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        self._leave_parents_connections()
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise self._translate(error) from error

    def _leave_parents_connections(self) -> None:
        # A SQLite or socket connection must not be used, nor closed, on both sides of a fork.
        if self._process != os.getpid():
            self._engine.dispose(close=False)
            self._process = os.getpid()

    def _begin_writing(self, connection: Connection) -> None:
        if self._sqlite:
            connection.exec_driver_sql("begin immediate")
            return
        connection.execute(text(f"set local lock_timeout = {int(self._timeout * 1000)}"))
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _WRITER})

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
            known = inspect(connection).has_table("lakeflow_migrations")
            return int(connection.execute(text(_APPLIED)).scalar_one()) if known else 0

    def _migrate(self, version: int, statements: Sequence[str]) -> None:
        with self.transaction() as connection:
            connection.execute(text(_LAYOUT))
            if int(connection.execute(text(_APPLIED)).scalar_one()) >= version:
                return  # another host was first: only a server's database is shared between hosts
            for statement in statements:
                connection.execute(text(statement))
            connection.execute(
                text("insert into lakeflow_migrations (version, applied_at) values (:version, :at)"),
                {"version": version, "at": datetime.now(UTC).isoformat(timespec="seconds")},
            )

    @contextmanager
    def _sole_opener(self) -> Iterator[None]:
        """Hold the lock file beside SQLite's file; a server needs none."""
        if self.path is None:
            yield
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # For their owner alone, whatever the umask: SQLite gives its side files the mode of the database.
            os.close(_open_private(str(self.path), os.O_RDWR | os.O_CREAT))
            lock = open(f"{self.path}.lock", "a+", opener=_open_private)  # noqa: SIM115 - closed below; `opener`
        except OSError as error:
            raise LakeError(
                f"cannot write beside {self.place}: {error.strerror}",
                hint="check the folder's permissions, and that its disk has room (`df -h`, and `df -i` for inodes)",
            ) from error
        with lock:
            self._wait_for(lock)
            yield

    def _wait_for(self, lock: IO[str]) -> None:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise self._busy() from None
                time.sleep(0.01)
            else:
                return

    def _busy(self) -> BusyError:
        return BusyError(
            f"{self.place} is locked by another process; waited {self._timeout:g} s",
            hint="wait for the other writer to finish, then repeat the command",
        )

    def _translate(self, error: DBAPIError) -> LakeflowError:
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code is None:
            return self._translate_server(error)
        primary = code & 0xFF  # the low byte is the primary code (sqlite.org/rescode.html)
        if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return self._busy()
        what, hint = _SQLITE_FAILURES.get(primary, (f"failed: {error.orig}", "repeat the command"))
        return LakeError(f"{self.place} {what}", hint=hint)

    def _translate_server(self, error: DBAPIError) -> LakeflowError:
        # SQLSTATE 55P03 lock_not_available, 40001 serialization_failure, 40P01 deadlock_detected.
        if getattr(error.orig, "sqlstate", None) in {"55P03", "40001", "40P01"}:
            return self._busy()
        return LakeError(
            f"the database {self.place} failed ({type(error.orig).__name__})",
            hint="check that the server runs and that the URL's user may create tables",
        )


class ReadOnlyDatabase(Database):
    """Somebody else's database, or our own where we may not write: nothing is made or written, not even SQLite's file
    where there is none. `open_file` opens one that is there.
    """

    def __init__(self, url: str, open_file: Callable[[Path, float], sqlite3.Connection], timeout: float = 15.0) -> None:
        self._open_file = open_file
        super().__init__(url, timeout)

    def _refuse_other_kinds(self) -> None:
        """Accept every database: this one is only read."""

    def initialise(self, migrations: Sequence[Sequence[str]]) -> None:
        """LakeError unless its layout is that of this release: a database that is only read cannot be migrated."""
        if (layout := self.layout()) != len(migrations):
            raise LakeError(
                f"{self.place} has layout {layout}, this release reads {len(migrations)}, and it may not be written",
                hint="run `lakeflow status` once with the right to write it, with the newest release that anybody uses",
            )

    def _connect(self) -> Engine:
        if not self._sqlite:
            return super()._connect().execution_options(postgresql_readonly=True)
        path = self.path
        if path is None or not path.is_file():
            raise LakeError(f"{self.place} does not exist", hint="check the uri in the catalog's settings")

        def connect() -> sqlite3.Connection:
            return self._open_file(path, self._timeout)

        return create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def place_of(url: URL) -> str:
    """The server and the database's name, without anything that may be secret."""
    return URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()


def is_network_filesystem(path: Path) -> bool:
    """Does the file, or the folder in which it would be made, stand on a file system shared between hosts?

    Linux says so in /proc/self/mountinfo; macOS in the output of `mount`, best effort. Unknown is local.
    """
    return _filesystem_of(path.resolve()) in NETWORK_FILESYSTEMS


def _filesystem_of(path: Path) -> str:
    try:
        if platform.system() == "Linux":
            return filesystem_type(path, Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
        return type_in_mounts(path, subprocess.check_output(["/sbin/mount"], text=True, timeout=5))
    except (OSError, subprocess.SubprocessError):
        return ""


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # The text may hold a password: neither the message nor its cause may repeat it.
        raise LakeError(
            "the catalog's database URL cannot be read", hint="write it like sqlite:///path/to/catalog.db"
        ) from None


def _no_such_kind(scheme: str) -> LakeError:
    place = f"a URL {scheme}://… is no database that" if scheme in _OTHER_PLACES else f"{scheme} is no database that"
    return LakeError(
        f"{place} a lake can be kept in",
        hint="write sqlite:///path/to/catalog.db or postgresql+psycopg://host/database; without the setting it "
        "is a SQLite file in state_dir. Tables of a REST catalog are read as external ones: "
        "[tool.lakeflow.catalogs.NAME]",
    )


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("pragma synchronous = full")


def _identity(path: Path | None) -> tuple[int, int] | None:
    try:
        status = path.stat() if path else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None


def _roll_back(connection: Connection) -> None:
    """Never hand a connection back to the pool inside a transaction."""
    try:
        connection.rollback()
    except BaseException:
        connection.invalidate()
        raise
