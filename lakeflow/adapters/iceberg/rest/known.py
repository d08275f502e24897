"""What this process knows of each table's states: an answer that is older came from a cache, or from a copy of the
server's that lags behind.
"""

from __future__ import annotations

from threading import Lock
from typing import Final

from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles
from lakeflow.adapters.iceberg.metadata.places import metadata_file
from lakeflow.core.keys import AssetKey
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects

_MOST: Final = 200
"""So many former states of a table are known; a table names 50 to 100 itself."""


class KnownStates:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._past: dict[AssetKey, dict[str, None]] = {}
        self._made: set[AssetKey] = set()
        self._lock = Lock()

    def is_older(self, key: AssetKey, found: LoadedTable | None) -> bool:
        """Was that state, or that absence, over before this answer was asked for?"""
        with self._lock:
            return key in self._made if found is None else found.table.version in self._past.get(key, ())

    def saw(self, key: AssetKey, found: LoadedTable | None) -> None:
        """What comes before this state is past. A table that is gone may come again in any state."""
        with self._lock:
            self._made.discard(key)
            if found is None:
                self._past.pop(key, None)
            else:
                known = self._past.get(key, {}) | dict.fromkeys(_before(found))
                self._past[key] = dict.fromkeys(list(known)[-_MOST:])

    def made(self, key: AssetKey) -> None:
        """The server has taken the table in."""
        with self._lock:
            self._made.add(key)

    def moved(self, key: AssetKey) -> None:
        """The name was given to another table, or to none: whatever comes next is new."""
        with self._lock:
            self._past.pop(key, None)
            self._made.discard(key)


def is_left(found: LoadedTable, files: MetadataFiles, objects: Objects) -> bool:
    """Does the folder of its metadata hold a later state of the table, which names this one as past?"""
    table = found.table
    newest = metadata_file(path_of(table.version).rpartition("/metadata/")[0], objects)
    if newest is None or path_of(newest) == path_of(table.version):
        return False
    later = files.find(table.key, newest)
    return later.table.uuid == table.uuid and path_of(table.version) in map(path_of, _before(later))


def _before(found: LoadedTable) -> list[str]:
    return [str(entry["metadata-file"]) for entry in found.json.get("metadata-log") or ()]
