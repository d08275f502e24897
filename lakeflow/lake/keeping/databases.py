"""Which database a lake has, and by which driver it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from lakeflow.adapters.database.sqlite import SqliteDatabase
from lakeflow.adapters.machine import sqlite_file

if TYPE_CHECKING:
    from lakeflow.adapters.database.database import Database
    from lakeflow.core.settings.settings import Settings

LakeDatabase: TypeAlias = "SqliteDatabase | Database"
"""The database of a lake: SQLite's file by its own driver, another one by SQLAlchemy."""


def database_of(settings: Settings, state: Path) -> LakeDatabase:
    """The lake's database, neither opened nor made yet. It is read-only where it may not be written."""
    if settings.catalog is None and sqlite_file.may_write(state / "catalog.db"):
        return SqliteDatabase(state / "catalog.db")
    from lakeflow.adapters.database.database import Database  # noqa: PLC0415 - imports SQLAlchemy: 0.2 s
    from lakeflow.adapters.database.read_only import ReadOnlyDatabase  # noqa: PLC0415 - as above

    url = settings.catalog or f"sqlite:///{state / 'catalog.db'}"
    database = Database(url)
    if database.path is None or sqlite_file.may_write(database.path):
        return database
    return ReadOnlyDatabase(url, sqlite_file.open_to_read)


def open_read_only(root: Path, url: str) -> Database:
    """Open the database to read it. A relative path of SQLite starts at the project's root, as every path in the
    settings does.
    """
    from lakeflow.adapters.database.read_only import ReadOnlyDatabase  # noqa: PLC0415 - as above

    plain = "sqlite:///"
    relative = url.startswith(plain) and not url.removeprefix(plain).startswith("/")
    return ReadOnlyDatabase(f"{plain}{root / url.removeprefix(plain)}" if relative else url, sqlite_file.open_to_read)
