"""Objects of an S3, Google or Azure store, through pyarrow's own client.

A store has no rename: an object appears under its name when it is whole. What is there after a crash was put whole, and
whatever nothing refers to is garbage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, BinaryIO, Final

from lakeflow.adapters.objects.failures import explained, in_words
from lakeflow.adapters.objects.filesystems import filesystem_of
from lakeflow.adapters.objects.scratch import Sealing
from lakeflow.core.errors import AssetError
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import StoredObject, StoreError
from lakeflow.core.settings.storage import StorageAt

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

_AT_ONCE: Final = 16
"""How many objects of one commit are put at a time."""


class Store:
    """Implements `Objects`. `storage` has its variables replaced."""

    def __init__(self, storage: StorageAt) -> None:
        self._storage = storage
        self._known: set[str] = set()

    def get(self, location: str) -> bytes:
        files, path = self._at(location)
        with _in_words(files, path), files.open_input_file(path) as file:
            content: bytes = file.readall()
        if not content:
            self._refuse_unsaid(location)
        return content

    def put(self, location: str, content: bytes) -> None:
        files, path = self._at(location)
        with _in_words(files, path):
            stream = files.open_output_stream(path, compression=None)  # else by the end of its name
            try:
                stream.write(content)
            except BaseException:
                # Whatever closes a stream makes an object of what it was given so far.
                with suppress(OSError):
                    stream.close()
                    files.delete_file(path)
                raise
            stream.close()

    def put_new(self, location: str, content: bytes) -> bool:
        if self.exists(location):
            return False
        self.put(location, content)
        return True

    def excludes(self, location: str) -> bool:
        return False  # pyarrow sends no `If-None-Match`

    def remove(self, location: str) -> None:
        files, path = self._at(location)
        with suppress(FileNotFoundError), _in_words(files, path):
            files.delete_file(path)

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        from pyarrow.fs import FileSelector  # noqa: PLC0415 - only a lake in a store needs it

        files, path = self._at(prefix.rstrip("/"))
        location_of = _locations(path_of(prefix), path)
        with _in_words(files, path):
            found = files.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
        return (_stored(location_of(one.path), one) for one in found if one.is_file)

    def names(self, folder: str) -> list[str]:
        from pyarrow.fs import FileSelector  # noqa: PLC0415 - as above

        files, path = self._at(folder.rstrip("/"))
        with _in_words(files, path):
            found = files.get_file_info(FileSelector(path, allow_not_found=True))
        return [one.base_name for one in found if one.is_file]

    def find(self, location: str) -> StoredObject | None:
        files, path = self._at(location)
        with _in_words(files, path):
            found = files.get_file_info([path])[0]
        return _stored(path_of(location), found) if found.is_file else None

    def size(self, location: str) -> int | None:
        found = self.find(location)
        return found.size if found else None

    def exists(self, location: str) -> bool:
        files, path = self._at(location.rstrip("/"))
        with _in_words(files, path):
            return bool(files.get_file_info([path])[0].type.name != "NotFound")

    def opened(self, location: str) -> BinaryIO:
        files, path = self._at(location)
        with _in_words(files, path):
            opened: BinaryIO = files.open_input_file(path)
        return opened

    def make_folder(self, location: str) -> None:
        """Folders are parts of names. StoreError where the bucket is missing: some servers would make it without a
        word, also of a name that was mistyped.
        """
        files, path = self._at(location)
        bucket = _bucket(path)
        if bucket in self._known:
            return
        try:
            found = files.get_file_info([bucket])[0]
        except OSError:  # who may not ask may still write
            return
        if found.type.name == "NotFound":
            raise explained(bucket, "NoSuchBucket")
        self._known.add(bucket)

    def remove_folder(self, location: str) -> None:
        """Some servers keep what was a folder of an object once; none is worth a failure."""
        files, path = self._at(location.rstrip("/"))
        with suppress(OSError):
            if "/" in path and not any(self.listed(location)):
                files.delete_dir(path)

    def touch(self, location: str) -> None:
        with suppress(FileNotFoundError):
            self.put(location, self.get(location))

    def scratch(self) -> StoreScratch:
        return StoreScratch(self)

    def _refuse_unsaid(self, location: str) -> None:
        """StoreError where an object that seemed empty is not: its size stands in a header, which a proxy may drop."""
        folder, _, name = location.rpartition("/")
        said = next((one.size for one in self.listed(folder) if one.location.endswith(f"/{name}")), 0)
        if said:
            raise StoreError(
                f"the store lists {said:,} bytes of {name} and sends none",
                "look at what stands between: it must pass the header Content-Length on",
            )

    def _at(self, location: str) -> tuple[FileSystem, str]:
        return filesystem_of(location, self._storage)


class StoreScratch(Sealing):
    """Implements `Scratch`: what is written waits in memory, for an object that is put is there under its name."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, bytes] = {}
        self._begun: list[str] = []

    def write(self, location: str, content: bytes) -> None:
        self._waiting[location] = content

    def sync(self) -> None:
        """Nothing: without its name an object is nowhere."""

    def place(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._begun += waiting  # also one whose putting fails may be there
        if len(waiting) == 1:
            self._put(*next(iter(waiting.items())))
        elif waiting:
            with ThreadPoolExecutor(min(_AT_ONCE, len(waiting)), thread_name_prefix="objects") as pool:
                list(pool.map(lambda one: self._put(*one), waiting.items()))

    def discard(self) -> None:
        for location in self._begun:
            with suppress(OSError):  # it stays, and is collected as garbage later
                self._store.remove(location)
        self._waiting.clear()
        self._begun.clear()

    def _put(self, location: str, content: bytes) -> None:
        try:
            self._store.put(location, content)
        except StoreError as error:
            raise AssetError(
                f"cannot write {path_of(location)}: {error.strerror}", hint=f"nothing was committed; {error.hint}"
            ) from error


def _in_words(files: FileSystem, path: str) -> AbstractContextManager[None]:
    from pyarrow.fs import FileSelector  # noqa: PLC0415 - only a lake in a store needs it

    folder = path.rpartition("/")[0] or path
    return in_words(_bucket(path), lambda: files.get_file_info(FileSelector(folder, allow_not_found=True)))


def _bucket(path: str) -> str:
    return path.partition("/")[0]


def _locations(location: str, path: str) -> Callable[[str], str]:
    """A function from pyarrow's path to the location that it has."""
    head = location[: location.index("://") + 3]
    place = location.removeprefix(head).partition("/")[0]
    bucket = _bucket(path)
    return lambda one: f"{head}{place}{one.removeprefix(bucket)}"


def _stored(location: str, info: FileInfo) -> StoredObject:
    size, changed = int(info.size or 0), int(info.mtime_ns or 0)
    return StoredObject(location, size, changed / 1e9, (size, changed))
