"""The files in use of a lake whose tables a server keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os import PathLike

from lakeflow.adapters.iceberg.care.estate import Surveyor
from lakeflow.adapters.iceberg.care.garbage import Estate
from lakeflow.adapters.iceberg.care.ground import Identity, ground_of
from lakeflow.adapters.iceberg.commit.pointers import CatalogDatabase
from lakeflow.adapters.iceberg.metadata.metadata import MetadataFiles
from lakeflow.adapters.iceberg.rest.sessions import Tables
from lakeflow.adapters.objects import DISK
from lakeflow.core.keys import AssetKey
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects


class ServedSurveyor(Surveyor):
    """As the survey of a database's tables, with a server in its place."""

    def __init__(
        self,
        tables: Tables,
        database: CatalogDatabase,
        files: MetadataFiles,
        keep_out: Callable[[], Iterable[str | PathLike[str]]] = tuple,
        objects: Objects = DISK,
    ) -> None:
        super().__init__(database, files, "/", keep_out, objects)
        self._tables = tables

    def estate(self, key: AssetKey | None = None) -> Estate:
        """The server chooses a folder for each table: that one, and nothing around it, may hold garbage of ours."""
        found = self._tables.load(key) if key else None
        if found is not None:
            self._warehouse = path_of(found.table.location).rpartition("/")[0]
            self._ground = ground_of(self._warehouse, self._objects)
        return super().estate(key)

    def _survey(self) -> tuple[frozenset[str], dict[AssetKey, frozenset[Identity]]]:
        found = {key: loaded for key in sorted(self._tables.keys()) if (loaded := self._tables.load(key))}
        locations = frozenset(loaded.table.version for loaded in found.values())
        if self._seen is None or self._seen[0] != locations:
            elsewhere = {key: frozenset(self._places_of(key, one.table.version)) for key, one in found.items()}
            self._seen = locations, elsewhere
        return self._seen
