"""Chooses by a location's scheme: the only place that knows which objects are kept how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import BinaryIO

from lakeflow.adapters.objects.disk import Disk
from lakeflow.adapters.objects.scratch import Sealing
from lakeflow.core.ports.locations import store_of
from lakeflow.core.ports.objects import Objects, Scratch, StoredObject
from lakeflow.core.settings.storage import Storage, StorageAt


class Places:
    """Implements `Objects` for the disk and for stores. `storage` is asked for when a store is used first, so that a
    lake on a disk needs none of its variables.
    """

    def __init__(self, storage: Callable[[], StorageAt] = Storage) -> None:
        self._storage = storage
        self._disk = Disk()

    def get(self, location: str) -> bytes:
        return self.at(location).get(location)

    def put(self, location: str, content: bytes) -> None:
        self.at(location).put(location, content)

    def put_new(self, location: str, content: bytes) -> bool:
        return self.at(location).put_new(location, content)

    def excludes(self, location: str) -> bool:
        return self.at(location).excludes(location)

    def remove(self, location: str) -> None:
        self.at(location).remove(location)

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        return self.at(prefix).listed(prefix)

    def names(self, folder: str) -> list[str]:
        return self.at(folder).names(folder)

    def find(self, location: str) -> StoredObject | None:
        return self.at(location).find(location)

    def size(self, location: str) -> int | None:
        return self.at(location).size(location)

    def exists(self, location: str) -> bool:
        return self.at(location).exists(location)

    def opened(self, location: str) -> BinaryIO:
        return self.at(location).opened(location)

    def make_folder(self, location: str) -> None:
        self.at(location).make_folder(location)

    def remove_folder(self, location: str) -> None:
        self.at(location).remove_folder(location)

    def touch(self, location: str) -> None:
        self.at(location).touch(location)

    def scratch(self) -> Scratch:
        return _ScratchOfPlaces(self)

    def at(self, location: str) -> Objects:
        """Who keeps what stands there."""
        return self._store if store_of(location) else self._disk

    @cached_property
    def _store(self) -> Objects:
        from lakeflow.adapters.objects.store import Store  # noqa: PLC0415 - a lake on a disk needs none

        return Store(self._storage())


class _ScratchOfPlaces(Sealing):
    """Implements `Scratch`: one for the disk, one for stores, each made when the first file goes there."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._parts: dict[int, Scratch] = {}

    def write(self, location: str, content: bytes) -> None:
        where = self._places.at(location)
        if id(where) not in self._parts:
            self._parts[id(where)] = where.scratch()
        self._parts[id(where)].write(location, content)

    def sync(self) -> None:
        for part in self._parts.values():
            part.sync()

    def place(self) -> None:
        for part in self._parts.values():
            part.place()

    def discard(self) -> None:
        for part in self._parts.values():
            part.discard()
