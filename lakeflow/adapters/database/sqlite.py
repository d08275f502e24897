"""SQLite's file for a lake that is mostly looked at: it is read with Python's own driver.

SQLAlchemy takes longer to import than all that `lakeflow plan` does, so it is asked when something is written first.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property, lru_cache
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from lakeflow.adapters.database.failures import translate_sqlite
from lakeflow.adapters.database.sqlite_disk import identity, refuse_network, refuse_replaced
from lakeflow.core.ports.database import Connection, Statement, Values

if TYPE_CHECKING:
    from lakeflow.adapters.database.connected import Connected
    from lakeflow.adapters.database.database import Database

_NAME: Final = re.compile(r":(\w+)")
_NONE: Final = "(select 1 where 1 = 0)"
"""An empty list, which both `in` and `not in` understand."""
_TABLES: Final = Statement("select name from sqlite_master where type = 'table'")
_APPLIED: Final = Statement("select coalesce(max(version), 0) from lakeflow_migrations")
_LEFT: Final[list[list[sqlite3.Connection]]] = []
"""Connections of a parent process, which its child may neither use nor close."""


class SqliteDatabase:
    """The transactions of `Database`, with the same promises and errors. Safe to share between threads and to carry
    through a fork.
    """

    def __init__(self, path: Path, timeout: float = 15.0) -> None:
        self.path = path
        self._timeout = timeout
        self._opened: tuple[int, int] | None = None
        self._idle: list[sqlite3.Connection] = []
        self._lock = Lock()
        self._process = os.getpid()

    @property
    def place(self) -> str:
        return str(self.path)

    @cached_property
    def _whole(self) -> Database:
        from lakeflow.adapters.database.database import Database  # noqa: PLC0415 - imports SQLAlchemy: 0.2 s

        return Database(f"sqlite:///{self.path}", self._timeout, self._opened)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        if self._opened is None and not self.path.exists():
            with self._whole.read() as nothing:
                yield nothing
            return
        try:
            connection = self._taken()
            try:
                connection.execute("begin")
                yield _ReadTransaction(connection)
            finally:
                self._give_back(connection)
        except sqlite3.Error as error:
            raise translate_sqlite(error, self.place, self._timeout) or error from error

    def transaction(self) -> AbstractContextManager[Connected]:
        return self._whole.transaction()

    def initialise(self, migrations: Sequence[Sequence[str]]) -> None:
        if not self._is_ready(len(migrations)):
            self._whole.initialise(migrations)

    def layout(self) -> int:
        with self.read() as connection:
            return int(connection.execute(_APPLIED).scalar_one()) if "lakeflow_migrations" in connection.tables() else 0

    def note_layout(self, connection: Connection, version: int) -> None:
        self._whole.note_layout(connection, version)

    def require_local_disk(self) -> None:
        refuse_network(self.path)

    def damage(self) -> tuple[str, ...]:
        return self._whole.damage()

    def checkpoint(self) -> None:
        self._whole.checkpoint()

    def copy_to(self, path: Path) -> None:
        self._whole.copy_to(path)

    def forget_connections(self) -> None:
        self._close_idle()
        if "_whole" in vars(self):
            self._whole.forget_connections()

    def close(self) -> None:
        self._close_idle()
        if "_whole" in vars(self):
            self._whole.close()

    def _is_ready(self, version: int) -> bool:
        """Is the file there, in write-ahead mode, in the layout of this release? Then opening it writes nothing."""
        if not self.path.exists():
            return False
        with self.read() as connection:
            mode = connection.execute(Statement("pragma journal_mode")).scalar()
        return mode == "wal" and self.layout() == version

    def _taken(self) -> sqlite3.Connection:
        with self._lock:
            if self._process != os.getpid():
                _LEFT.append(self._idle)
                self._idle, self._process = [], os.getpid()
            if self._idle:
                return self._idle.pop()
        if self._opened is not None:
            refuse_replaced(self.path, self._opened)
        place = f"file:{quote(str(self.path.absolute()))}?mode=rw"
        opened = sqlite3.connect(place, self._timeout, isolation_level=None, check_same_thread=False, uri=True)
        self._opened = self._opened or identity(self.path)
        return opened

    def _give_back(self, connection: sqlite3.Connection) -> None:
        """Roll back, so that the next one sees what was committed meanwhile."""
        try:
            connection.rollback()
        except sqlite3.Error:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
            if self._process != os.getpid():
                _LEFT.append(idle)
                return
        for connection in idle:
            connection.close()


class _ReadTransaction:
    """One read transaction."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def execute(self, statement: Statement, values: Values = None) -> _Selected:
        assert not isinstance(values, Sequence), "what is read is asked once"
        given = dict(values or {})
        text = _spelled(statement, given) if isinstance(statement, Statement) else str(statement)
        return _Selected(self._driver.execute(text, given))

    def tables(self) -> frozenset[str]:
        return frozenset(row.name for row in self.execute(_TABLES))


def _spelled(statement: Statement, given: dict[str, Any]) -> str:
    """The text with a name for each value of a list; the values stand in `given` under these names."""
    if not statement.lists:
        return statement.text
    listed = {name: list(given.pop(name)) for name in statement.lists}

    def names(found: re.Match[str]) -> str:
        several = listed.get(found[1])
        if several is None:
            return found[0]
        return f"({', '.join(f':{found[1]}_{at}' for at in range(len(several)))})" if several else _NONE

    for name, several in listed.items():
        given |= {f"{name}_{at}": value for at, value in enumerate(several)}
    return _NAME.sub(names, statement.text)


class _Selected:
    """The rows of one statement."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._kind = _kind_of(tuple(column[0] for column in cursor.description or ()))
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def __iter__(self) -> Iterator[Any]:
        return map(self._kind, self._cursor)

    def all(self) -> list[Any]:
        return list(self)

    def first(self) -> Any:
        return next(iter(self), None)

    def scalar(self) -> Any:
        found = self.first()
        return None if found is None else found[0]

    def scalar_one(self) -> Any:
        ((value, *_),) = self
        return value

    def scalar_one_or_none(self) -> Any:
        rows = self.all()
        assert len(rows) < 2, "at most one row was asked for"
        return rows[0][0] if rows else None


@lru_cache(maxsize=128)
def _kind_of(columns: tuple[str, ...]) -> type:
    """A tuple whose values have the names of these columns."""
    named = {name: property(itemgetter(place)) for place, name in enumerate(columns)}
    return type("Row", (tuple,), {**named, "_fields": columns, "__slots__": ()})
