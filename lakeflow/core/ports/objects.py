"""The port to where files are kept: a local disk, or an object store.

**What holds after a crash.** An object is there whole or not at all, whatever was killed when. What `put` or
`Scratch.place` has returned from is there after a loss of power. What was begun and not finished may leave files that
nothing refers to: they stand below the same prefix, and are collected as garbage.

Locations are as Iceberg writes them: paths and `file://` for the disk, `s3://`, `gs://`, `abfss://` for stores.
FileNotFoundError says that there is no such object, StoreError and any other OSError say in `strerror` why a place
cannot be read or written; neither holds a secret.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from lakeflow.core.values import dataclass


class StoreError(OSError):
    """An object store refused, or cannot be reached. `hint` is what to type next."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(errno.EIO, what)
        self.hint = hint


@dataclass(frozen=True)
class StoredObject:
    """A file or object as it was listed. `changed` is when it, its name or its rights changed last, in seconds since
    1970; `seen` differs after every change of it.
    """

    location: str
    size: int
    changed: float
    seen: tuple[str | int, ...]


class Objects(Protocol):
    """Whole objects by their location. Safe to share between threads."""

    def get(self, location: str) -> bytes: ...

    def put(self, location: str, content: bytes) -> None:
        """Make the object, or replace it. It is durable on return."""
        ...

    def put_new(self, location: str, content: bytes) -> bool:
        """As `put`; False, and nothing is changed, where an object has that name.

        Where `excludes` says no, two callers at the same moment may both be told True, and the later one's stays.
        """
        ...

    def excludes(self, location: str) -> bool:
        """Does exactly one caller of `put_new` succeed there?"""
        ...

    def remove(self, location: str) -> None:
        """Remove the object; nothing is done where there is none."""
        ...

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        """All objects in that folder and below, in no order; none where the folder does not exist."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names of the objects in the folder itself, and not below; none where there is no such folder."""
        ...

    def find(self, location: str) -> StoredObject | None:
        """The object as it is now; None where there is none."""
        ...

    def size(self, location: str) -> int | None:
        """In bytes; None where there is no such object."""
        ...

    def exists(self, location: str) -> bool:
        """Is there an object of that name, or a folder with objects in it?"""
        ...

    def opened(self, location: str) -> BinaryIO:
        """The object to be read from any place in it, without all of it in memory. The caller closes it."""
        ...

    def make_folder(self, location: str) -> None:
        """Make a folder where files are about to be written. A store has none, but StoreError tells of a bucket that is
        missing.
        """
        ...

    def remove_folder(self, location: str) -> None:
        """Remove the folder if it is there and empty."""
        ...

    def touch(self, location: str) -> None:
        """Let the object count as changed now; nothing is done where there is none."""
        ...

    def scratch(self) -> Scratch:
        """A new, empty scratch."""
        ...


class Scratch(Protocol):
    """The files of one commit: written and made durable together, named together, removed by `discard`.

    No reader finds a file before `place`. A failure is an AssetError that names the file and the reason.
    """

    def write(self, location: str, content: bytes) -> None: ...

    def sync(self) -> None:
        """Bring the content of every file written so far to where it is kept, as far as that can be done without its
        name.
        """
        ...

    def place(self) -> None:
        """Give every synced file its name, durably."""
        ...

    def seal(self) -> None:
        """Sync, and place."""
        ...

    def all_or_none(self) -> AbstractContextManager[None]:
        """Seal at the end what was written in the meantime; on any error remove it."""
        ...

    def discard(self) -> None:
        """Remove all files. Only for a commit that is known not to have happened."""
        ...
