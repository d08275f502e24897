"""The files in use of a lake whose tables a server keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from os import PathLike, fspath

from lakeflow.adapters.iceberg.care.estate import places_of
from lakeflow.adapters.iceberg.care.garbage import Estate
from lakeflow.adapters.iceberg.care.ground import ground_of
from lakeflow.adapters.iceberg.rest.sessions import Tables
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Table
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class _Survey:
    """Where each table keeps files, and the metadata of each."""

    places: dict[AssetKey, frozenset[str]]
    locations: frozenset[str]


class ServedSurveyor:
    """Reads all tables once for a pass over them: anew when a table is asked for again."""

    def __init__(
        self, tables: Tables, keep_out: Callable[[], Iterable[str | PathLike[str]]] = tuple, objects: Objects = DISK
    ) -> None:
        self._tables = tables
        self._keep_out = keep_out
        self._objects = objects
        self._survey: _Survey | None = None
        self._asked: set[AssetKey] = set()

    def estate(self, table: Table, name: AssetKey | None) -> Estate:
        """The facts by which that table's garbage is decided: its own folder, and nothing around it, may hold some.
        `name` is the one under which the server has it; None: it was dropped, and whoever stands there now is another.

        LakeError where a table of the lake cannot be read: nobody knows then where it keeps files.
        """
        if self._survey is None or name is None or name in self._asked:
            self._survey, self._asked = self._surveyed(), set()
        self._asked |= {name} if name else set()
        around = path_of(table.location).rstrip("/").rpartition("/")[0]
        ground = ground_of(around, self._objects)
        others = (place for key, places in self._survey.places.items() if key != name for place in places)
        places = (*(fspath(one) for one in self._keep_out()), *others)
        kept = frozenset(here for place in places if (here := ground.identity(place)) is not None)
        return Estate(around, kept, self._survey.locations, self._objects)

    def _surveyed(self) -> _Survey:
        found = {key: loaded for key in sorted(self._tables.keys()) if (loaded := self._tables.load(key))}
        places = {key: frozenset(_paths(places_of(loaded.table))) for key, loaded in found.items()}
        return _Survey(places, frozenset(loaded.table.version for loaded in found.values()))


def _paths(places: Iterable[str]) -> Iterator[str]:
    for place in places:
        try:
            yield path_of(place)
        except LakeError:  # a place that nobody can open is no place of ours
            continue
