"""Keys that a REST catalog hands out for the files of its tables, fetched when a table's files are first used and again
before they end, however long a run takes.

A child process gets what the catalog is asked with, by its environment, and asks for keys itself.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, field
from typing import Any, Final

from lakeflow.adapters.iceberg.metadata.metadata import MetadataFiles
from lakeflow.adapters.iceberg.rest.client import CatalogClient
from lakeflow.adapters.iceberg.rest.sessions import Tables, table_path
from lakeflow.adapters.objects import ArrowFiles
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.store_files import OpenedFile, StoreSecret
from lakeflow.core.settings.catalogs import ExternalCatalog
from lakeflow.core.settings.storage import Storage
from lakeflow.core.settings.vended import VendedStorage, vended
from lakeflow.core.values import dataclass

DELEGATION: Final = {"X-Iceberg-Access-Delegation": "vended-credentials"}
_CREDENTIALS: Final = "/namespaces/{namespace}/tables/{table}/credentials"
_VARIABLE: Final = "LAKEFLOWS_VENDING"
_UNKNOWN: Final = 60.0
"""How long, in seconds, a folder that is below no table is not looked for again."""


@dataclass
class Vended:
    """Implements `StorageAt`; safe to share between threads. `said` are the settings of the store itself."""

    catalog: ExternalCatalog
    said: Storage
    clock: Callable[[], float] = time.time
    _places: dict[AssetKey, tuple[str, ...]] = field(default_factory=dict)
    _granted: dict[AssetKey, VendedStorage] = field(default_factory=dict, repr=False)
    _outside: dict[str, float] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        self._client = CatalogClient(self.catalog, more=DELEGATION)
        self._tables = Tables(self._client, MetadataFiles("/"), non_atomic=False)

    def at(self, location: str) -> Storage:
        """What opens files there. LakeError where the catalog cannot be asked and the keys have ended."""
        with self._lock:
            while (table := self._table_of(path_of(location))) is not None:
                if storage := self._storage_of(table):
                    return storage
            return self.said

    def _storage_of(self, table: AssetKey) -> Storage | None:
        """None where the table is gone, or has another name by now."""
        known, now = self._granted[table], self.clock()
        if now < known.renew_at:
            return known.storage
        try:
            self._fetch(table, "/credentials" if self._client.lists("GET", _CREDENTIALS) else "")
        except LakeError:
            if now >= known.until:
                raise
        found = self._granted.get(table)
        return found.storage if found else None

    def _fetch(self, table: AssetKey, path: str = "") -> None:
        answer = self._client.get(f"{table_path(table)}{path}")
        places = _places_in(answer) or self._places.get(table, ())
        if answer is None or not places:
            self._places.pop(table, None)
            self._granted.pop(table, None)
        else:
            self._places[table] = places
            self._granted[table] = vended(answer, places[0], self.said, self.clock())

    def _table_of(self, location: str) -> AssetKey | None:
        if known := self._known(location):
            return known
        folder = location.rpartition("/")[0]
        if self.clock() < self._outside.get(folder, 0.0):
            return None
        for table in self._likely_first(location):
            self._fetch(table)
            if found := self._known(location):
                return found
        self._outside[folder] = self.clock() + _UNKNOWN
        return None

    def _known(self, location: str) -> AssetKey | None:
        places = ((place, table) for table, several in self._places.items() for place in several)
        below = [(len(place), table) for place, table in places if f"{location}/".startswith(f"{place}/")]
        return max(below, default=(0, None))[1]

    def _likely_first(self, location: str) -> Iterator[AssetKey]:
        """The tables that were not asked for yet, or stand elsewhere by now: mostly a folder is called as its table."""
        standing = self._tables.keys()
        named = frozenset(table for table in standing if table.name in location)
        yield from sorted(named, key=lambda table: (f"{table.layer}/{table.name}" not in location, table))
        yield from sorted(standing - named - self._places.keys())


class VendedFiles(ArrowFiles):
    """Files that a child can have, too: in a message to it goes no key, and it asks as it was told."""

    def __init__(self, storage: Vended) -> None:
        super().__init__(lambda: storage)
        self._vended = storage

    def opened(self, location: str) -> OpenedFile:
        return _RenewedFile(self, super().opened, location)

    def storage_at(self, location: str) -> Storage:
        return self._vended.at(location)

    def secrets(self) -> Sequence[StoreSecret]:
        """DuckDB's own clients take keys for a whole store, once."""
        return ()

    def __reduce__(self) -> tuple[object, ...]:
        return taken, ()


class _RenewedFile:
    """Implements `OpenedFile`: opened again where the keys are others by now."""

    def __init__(self, files: VendedFiles, opened: Callable[[str], OpenedFile], location: str) -> None:
        self._files, self._opened, self._location = files, opened, location
        self._with = files.storage_at(location)
        self._file = opened(location)
        self.size = self._file.size

    def read_at(self, length: int, at: int) -> bytes:
        storage = self._files.storage_at(self._location)
        if storage != self._with:
            file = self._opened(self._location)
            if file.size != self.size:
                raise OSError("the file has changed while it was read")
            self._file, self._with = file, storage
        return self._file.read_at(length, at)


_KEPT: Final[dict[str, Vended]] = {}
_TAKEN: Final[list[Vended]] = []
_LOCK: Final = threading.Lock()


def vending(catalog: ExternalCatalog, said: Storage) -> Vended:
    """They are kept: the same settings give the same one."""
    with _LOCK:
        return _KEPT.setdefault(_text(catalog, said), Vended(catalog, said))


def handed(storage: Vended) -> dict[str, str]:
    """What a child's environment must hold."""
    return {_VARIABLE: _text(storage.catalog, storage.said)}


def taken() -> VendedFiles | None:
    """The files as this process was told to ask for them; None where it was not told."""
    if (text := os.environ.pop(_VARIABLE, None)) is not None:
        told = json.loads(text)
        _TAKEN[:] = [Vended(ExternalCatalog(**told["catalog"]), Storage(**told["storage"]))]
    return VendedFiles(_TAKEN[0]) if _TAKEN else None


def _text(catalog: ExternalCatalog, said: Storage) -> str:
    return json.dumps({"catalog": catalog.model_dump(exclude_defaults=True), "storage": asdict(said)}, sort_keys=True)


def _places_in(answer: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The table's folder, and that of its metadata, which a server may keep elsewhere."""
    metadata = (answer or {}).get("metadata")
    if not answer or not isinstance(metadata, dict) or not metadata.get("location"):
        return ()
    beside = str(answer.get("metadata-location") or "").rpartition("/")[0]
    return tuple(path_of(place).rstrip("/") for place in (str(metadata["location"]), beside) if place)
