"""Views of other catalogs' tables under their names in user SQL: `catalog.namespace.table`.

DuckDB looks for such a name among the databases of the whole instance, where a step's own views cannot be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from threading import Condition

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.core.model.table import Scan


class ExternalViews:
    """The views of one instance. Steps that pin a table at one snapshot share its view. A step that pins it at another
    snapshot waits until nobody reads the first.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._pinned: dict[str, int | None] = {}
        self._readers: Counter[str] = Counter()

    @contextmanager
    def bound(self, cursor: DuckDBPyConnection, wanted: Mapping[str, Scan]) -> Iterator[None]:
        """Hold these views, all at once, so that no two steps wait for each other. `cursor` must be used by this call
        alone.
        """
        named = {name.lower(): scan for name, scan in wanted.items()}
        with self._changed:
            self._changed.wait_for(lambda: self._fit(named))
            for name, scan in named.items():
                self._take(cursor, name, scan)
        try:
            yield
        finally:
            with closing(cursor.cursor()) as janitor, self._changed:
                for name in named:
                    self._give_back(janitor, name)
                self._changed.notify_all()

    def _fit(self, wanted: Mapping[str, Scan]) -> bool:
        return all(self._pinned.get(name, scan.snapshot_id) == scan.snapshot_id for name, scan in wanted.items())

    def _take(self, cursor: DuckDBPyConnection, name: str, scan: Scan) -> None:
        if name not in self._pinned:
            database, schema, table = map(quoted, name.split("."))
            cursor.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {database}")
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database}.{schema}")
            text = scans.select(cursor, scan, f"{database}.{schema}")
            cursor.execute(f"CREATE VIEW {database}.{schema}.{table} AS {text}")
            self._pinned[name] = scan.snapshot_id
        self._readers[name] += 1

    def _give_back(self, cursor: DuckDBPyConnection, name: str) -> None:
        self._readers[name] -= 1
        if not self._readers[name]:
            del self._readers[name], self._pinned[name]
            database = name.partition(".")[0]
            if any(other.startswith(f"{database}.") for other in self._pinned):
                cursor.execute(f"DROP VIEW {'.'.join(map(quoted, name.split('.')))}")
            else:
                cursor.execute(f"DETACH {quoted(database)}")
