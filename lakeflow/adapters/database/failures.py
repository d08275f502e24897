"""Database errors in words, without password or bound value."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Final

from lakeflow.core.errors import BusyError, LakeError, LakeflowError

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

_NO_ACCESS: Final = (
    "cannot be opened for writing",
    "check that it exists, its permissions, and that its disk has room (`df -h`, and `df -i` for inodes)",
)
_LOST: Final = re.compile(r'(?:no such table: |relation ")(lakeflow_\w+)')
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
    return translate_sqlite(error.orig, place, timeout) or _translate_server(error, place, timeout)


def translate_sqlite(error: BaseException | None, place: str, timeout: float) -> LakeflowError | None:
    """What an error of SQLite's driver means; None for that of another database."""
    if lost := _LOST.search(str(error)):
        return LakeError(f"{place} has lost the table {lost[1]}", hint=_REBUILD)
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    primary = code & 0xFF  # the low byte is the primary code (sqlite.org/rescode.html)
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return busy(place, timeout)
    what, hint = _SQLITE_FAILURES.get(primary, (f"failed: {error}", "repeat the command"))
    return LakeError(f"{place} {what}", hint=hint)


def _translate_server(error: DBAPIError, place: str, timeout: float) -> LakeflowError:
    # SQLSTATE 55P03 lock_not_available, 40001 serialization_failure, 40P01 deadlock_detected.
    if getattr(error.orig, "sqlstate", None) in {"55P03", "40001", "40P01"}:
        return busy(place, timeout)
    return LakeError(
        f"the database {place} failed ({type(error.orig).__name__})",
        hint="check that the server runs and that the URL's user may create tables",
    )
