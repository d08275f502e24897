"""A database that is only read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from lakeflow.adapters.database.database import Database
from lakeflow.core.errors import LakeError


class ReadOnlyDatabase(Database):
    """Somebody else's database, or our own where we may not write. Nothing is made or written, not even a missing
    SQLite file. `open_file` opens an existing one.
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
