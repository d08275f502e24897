"""Finds the files of a warehouse that are in use, whatever one table's own metadata says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from os import PathLike, fspath
from typing import Any, Final

from lakeflow.adapters.iceberg.care.garbage import Estate
from lakeflow.adapters.iceberg.care.ground import Identity, ground_of
from lakeflow.adapters.iceberg.commit import pointers
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles
from lakeflow.adapters.objects import DISK
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Table
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects

_PLACES: Final = ("write.data.path", "write.metadata.path", "write.object-storage.path", "write.folder-storage.path")
"""Properties by which a table keeps files outside of its own folder."""


class Surveyor:
    """Reads all tables once, and again only when a pointer has moved: a collection asks for one table after the
    other.
    """

    def __init__(
        self,
        database: pointers.CatalogDatabase,
        files: MetadataFiles,
        warehouse: str,
        keep_out: Callable[[], Iterable[str | PathLike[str]]],
        objects: Objects = DISK,
    ) -> None:
        self._database = database
        self._files = files
        self._warehouse = warehouse
        self._keep_out = keep_out
        self._objects = objects
        self._ground = ground_of(warehouse, objects)
        self._seen: tuple[frozenset[str], dict[AssetKey, frozenset[Identity]]] | None = None

    def estate(self, key: AssetKey | None = None) -> Estate:
        """The facts by which that table's garbage is decided."""
        locations, elsewhere = self._survey()
        theirs = frozenset[Identity]().union(*(places for other, places in elsewhere.items() if other != key))
        ours = frozenset(here for path in self._keep_out() if (here := self._ground.identity(fspath(path))))
        return Estate(self._warehouse, ours | theirs, locations, self._objects)

    def last_of(self, dropped: Dropped) -> LoadedTable[Any] | None:
        """The metadata of a dropped table; None: it is gone, or cannot be read."""
        with suppress(LakeError):
            return self._files.find(dropped.key, dropped.version)
        return None

    def _survey(self) -> tuple[frozenset[str], dict[AssetKey, frozenset[Identity]]]:
        with self._database.read() as connection:
            locations = pointers.all_locations(connection)
            at = pointers.locations(connection, pointers.all_keys(connection))
        if self._seen is None or self._seen[0] != locations:
            elsewhere = {key: frozenset(self._places_of(key, location)) for key, location in at.items()}
            self._seen = locations, elsewhere
        return self._seen

    def _places_of(self, key: AssetKey, location: str) -> Iterator[Identity]:
        with suppress(LakeError):  # another finding reports one that cannot be read, and it is no garbage itself
            for place in places_of(self._files.find(key, location).table):
                with suppress(LakeError):  # its place is nowhere that we can look
                    if here := self._ground.identity(path_of(place)):
                        yield here


def places_of(table: Table) -> tuple[str, ...]:
    """The folders in which a table keeps files, by its own metadata."""
    return (table.location, *(table.properties[name] for name in _PLACES if name in table.properties))
