"""What a sweep keeps of a lake's database on a server, and brings back before each kill: its tables, row by row."""

from __future__ import annotations

from contextlib import closing

import psycopg

from lakeflow.adapters.database.urls import parse


class KeptDatabase:
    """`url` names a schema, in `options`; what is kept stands in another one beside it. Without one nothing is done:
    SQLite's file is kept with the folder.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def keep(self) -> None:
        copies = [f"create table {{kept}}.{name} as table {name}" for name in self._tables()]
        self._run(["create schema {kept}", *copies])

    def bring(self) -> None:
        """After whoever was killed has let go: the server ends what it was about first."""
        names = self._tables()
        self._run([f"truncate {', '.join(names)}"] if names else [])
        self._run([f"insert into {name} select * from {{kept}}.{name}" for name in names])

    def _tables(self) -> list[str]:
        if not self._url:
            return []
        with closing(psycopg.connect(self._plain())) as connection:
            found = connection.execute("select tablename from pg_tables where schemaname = current_schema() order by 1")
            return [str(name) for (name,) in found]

    def _run(self, statements: list[str]) -> None:
        if not self._url:
            return
        with closing(psycopg.connect(self._plain(), autocommit=True)) as connection:
            (schema,) = connection.execute("select current_schema()").fetchone() or ("",)
            for statement in statements:
                connection.execute(statement.format(kept=f"kept_{schema}").encode())

    def _plain(self) -> str:
        return parse(self._url).set(drivername="postgresql").render_as_string(hide_password=False)
