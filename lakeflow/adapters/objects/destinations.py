"""Where files of this disk are copied to as a whole: a folder, or a place in a store. `destination_of` chooses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from lakeflow.adapters.objects.disk import sync_directory
from lakeflow.adapters.objects.handed import HandedFiles
from lakeflow.core.errors import AssetError
from lakeflow.core.ports.destination import Destination
from lakeflow.core.ports.locations import store_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.settings.storage import Storage

_CHUNK: Final = 1 << 20
_AT_ONCE: Final = 8
"""So many files are on their way to a store at a time."""


def destination_of(place: str, objects: Objects, storage: Callable[[], Storage]) -> Destination:
    return StoreDestination(place, objects, storage) if store_of(place) else FolderDestination(Path(place))


class FolderDestination:
    """Implements `Destination`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def copy(self, path: Path, name: str) -> int:
        to = self._folder / name
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as source, to.open("xb") as target:
                shutil.copyfileobj(source, target, _CHUNK)
                target.flush()
                os.fsync(target.fileno())
                size = target.tell()
            shutil.copystat(path, to)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise AssetError(
                f"cannot copy {path} to {to}: {error.strerror}", hint="make room there, then repeat it"
            ) from error
        return size

    def copy_all(self, files: Iterable[tuple[Path, str]]) -> int:
        return sum(self.copy(path, name) for path, name in files)

    def size(self, name: str) -> int | None:
        path = self._folder / name
        return path.stat().st_size if path.is_file() else None

    def is_filled(self) -> bool:
        return self._folder.exists() and any(self._folder.iterdir())

    def keep(self) -> None:
        for place, _, _ in os.walk(self._folder):
            sync_directory(Path(place))


class StoreDestination:
    """Implements `Destination`."""

    def __init__(self, place: str, objects: Objects, storage: Callable[[], Storage]) -> None:
        self._place = place.rstrip("/")
        self._objects = objects
        self._files = HandedFiles(storage)

    def copy(self, path: Path, name: str) -> int:
        try:
            size = path.stat().st_size
            self._files.upload(str(path), f"{self._place}/{name}")
        except FileNotFoundError:
            return 0
        except OSError as error:
            hint = getattr(error, "hint", "") or "repeat it"
            raise AssetError(f"cannot copy {path} to {self._place}/{name}: {error.strerror}", hint=hint) from error
        return size

    def copy_all(self, files: Iterable[tuple[Path, str]]) -> int:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="copy") as pool:
            return sum(pool.map(lambda file: self.copy(*file), files))

    def size(self, name: str) -> int | None:
        return self._objects.size(f"{self._place}/{name}")

    def is_filled(self) -> bool:
        return any(True for _ in self._objects.listed(self._place))

    def keep(self) -> None:
        """What a store has taken is durable."""
