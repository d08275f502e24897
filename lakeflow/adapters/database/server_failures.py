"""What PostgreSQL and its driver report, in words: by code, or by what was said where there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lakeflow.core.errors import LakeError

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

BUSY: Final = frozenset({"55P03", "40001", "40P01"})
"""lock_not_available, serialization_failure, deadlock_detected."""
_LOGIN: Final = (
    "refuses the login",
    "check user and password: in the URL as ${VARIABLE}, in PGPASSWORD, or in ~/.pgpass; and the server's pg_hba.conf",
)
_NO_DATABASE: Final = ("does not exist", "make it: create database NAME encoding 'UTF8' template template0")
_NO_RIGHTS: Final = (
    "does not give its user the rights for this",
    "who writes the lake must own its tables, or be a member of the role that does; docs/postgresql.md has the grants",
)
_FULL: Final = ("takes no more connections", "wait until others have ended, or raise max_connections")
_CODES: Final = {
    "28P01": _LOGIN,
    "28000": _LOGIN,
    "3D000": _NO_DATABASE,
    "42501": _NO_RIGHTS,
    "25006": (
        "only lets itself be read",
        "name the server that is written, not a replica of it; or ask for the rights",
    ),
    "53300": _FULL,
    "53100": ("has no disk space left", "free some on the server, then repeat the command"),
    "57014": ("ended a statement that took too long", "repeat the command when the server has less to do"),
    "25P03": ("ended a transaction that stood still", "repeat the command"),
}
_SAID: Final = (
    ("authentication failed", _LOGIN),
    ("no password supplied", _LOGIN),
    ("pg_hba.conf", _LOGIN),
    (re.compile(r'role ".*" does not exist'), _LOGIN),
    (re.compile(r'database ".*" does not exist'), _NO_DATABASE),
    ("permission denied", _NO_RIGHTS),
    ("too many clients", _FULL),
    ("remaining connection slots", _FULL),
    ("invalid connection option", ("has an option in its URL that PostgreSQL does not know", "take it out of the URL")),
)


def sqlstate(error: DBAPIError) -> str:
    """The code; empty where there is none, as of a connection that did not come about."""
    return getattr(error.orig, "sqlstate", None) or ""


def of_server(error: DBAPIError, place: str) -> LakeError:
    what, hint = _CODES.get(sqlstate(error)) or _of_words(str(error.orig)) or _unknown(error)
    return LakeError(f"the database {place} {what}", hint=hint)


def may_come_back(error: DBAPIError) -> bool:
    """Did no connection come about, for a reason that passes: the server restarts, or is full?"""
    state, said = sqlstate(error), _of_words(str(error.orig))
    return (not state and said in {None, _FULL}) or state in {"53300", "57P01", "57P02", "57P03"}


def _of_words(said: str) -> tuple[str, str] | None:
    for known, meaning in _SAID:
        if known in said if isinstance(known, str) else known.search(said):
            return meaning
    return None


def _unknown(error: DBAPIError) -> tuple[str, str]:
    state = sqlstate(error)
    if not state or error.connection_invalidated or state.startswith(("08", "57P")):
        return (
            "cannot be reached",
            "check its address, and that the server runs; what was committed stays: repeat it",
        )
    return f"failed ({type(error.orig).__name__}, {state})", "the server's log says more; then repeat the command"
