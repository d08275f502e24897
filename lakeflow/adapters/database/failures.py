"""Database errors in words, without password or bound value."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Final

from lakeflow.adapters.database.server_failures import BUSY, of_server, sqlstate
from lakeflow.core.errors import BusyError, LakeError, LakeflowError

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

_NO_ACCESS: Final = (
    "cannot be opened for writing",
    "check that it exists, its permissions, and that its disk has room (`df -h`, and `df -i` for inodes)",
)
_LOST: Final = re.compile(r'(?:no such table: |")(lakeflow_\w+)')
_NO_SUCH_TABLE: Final = "42P01"
_REBUILD: Final = (
    "restore the database from a copy, or `lakeflow doctor --rebuild-ledger` takes from the tables what they know; "
    "`lakeflow verify` needs no ledger"
)
_SQLITE_FAILURES: Final = {
    sqlite3.SQLITE_NOTADB: ("is not a SQLite database", "restore the file from a copy"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "restore the file from a copy"),
    sqlite3.SQLITE_FULL: ("has no disk space left", "free some, then repeat the command"),
    sqlite3.SQLITE_CANTOPEN: _NO_ACCESS,
    sqlite3.SQLITE_READONLY: _NO_ACCESS,
    sqlite3.SQLITE_PERM: _NO_ACCESS,
}


def busy(place: str, timeout: float) -> BusyError:
    return BusyError(
        f"{place} is locked by another process; waited {timeout:g} s",
        hint="wait for the other writer to finish, then repeat the command",
    )


def translate(error: DBAPIError, place: str, timeout: float) -> LakeflowError:
    if (found := translate_sqlite(error.orig, place, timeout)) is not None:
        return found
    if sqlstate(error) == _NO_SUCH_TABLE and (lost := _LOST.search(str(error.orig))):
        return _lost(place, lost[1])
    return busy(place, timeout) if sqlstate(error) in BUSY else of_server(error, place)


def translate_sqlite(error: BaseException | None, place: str, timeout: float) -> LakeflowError | None:
    """What an error of SQLite's driver means; None for that of another database."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if lost := _LOST.search(str(error)):
        return _lost(place, lost[1])
    primary = code & 0xFF  # the low byte is the primary code (sqlite.org/rescode.html)
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return busy(place, timeout)
    what, hint = _SQLITE_FAILURES.get(primary, (f"failed: {error}", "repeat the command"))
    return LakeError(f"{place} {what}", hint=hint)


def _lost(place: str, table: str) -> LakeError:
    return LakeError(f"{place} has lost the table {table}", hint=_REBUILD)
