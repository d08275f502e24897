"""The port to large files in object stores: the data files of tables, and the files that land.

Whole small objects are for `lakeflow.core.ports.objects`. Here a file is read from any place in it by several threads,
and goes between the store and the local disk without being held in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass


class OpenedFile(Protocol):
    """A file as it was when it was opened. Several threads may read it at once."""

    @property
    def size(self) -> int: ...

    def read_at(self, length: int, at: int) -> bytes:
        """These bytes, fewer only at the end of the file."""
        ...


@dataclass(frozen=True)
class SeenFile:
    """A file of a store as it is now. `version` changes with its content, as far as the store can tell; empty where it
    cannot.
    """

    location: str
    size: int
    version: str = ""


@dataclass(frozen=True)
class StoreSecret:
    """What DuckDB's own client of a store must be told, by the names that it has for it; all of it may be secret."""

    scheme: str
    kind: str
    said: Mapping[str, str | bool] = EMPTY


class StoreFiles(Protocol):
    """Files by location. OSError, which holds no secret, says in `strerror` why one cannot be had; FileNotFoundError
    that it is not there.
    """

    def opened(self, location: str) -> OpenedFile: ...

    def upload(self, path: str, location: str) -> None:
        """Bring a local file to the store. It is there whole on return, and not at all before."""
        ...

    def download(self, location: str, path: str) -> str:
        """Bring a file to a new local one; the SHA-256 of what was written, in hexadecimal."""
        ...

    def digest(self, location: str) -> str:
        """The SHA-256 of its content, in hexadecimal."""
        ...

    def matching(self, pattern: str) -> Sequence[str]:
        """The files that a pattern matches, in order: `*`, `?` and `[…]` within one name, `**` any number of
        folders.
        """
        ...

    def seen(self, location: str) -> SeenFile: ...

    def remove(self, location: str) -> None:
        """Remove the file; nothing is done where there is none."""
        ...

    def remove_all(self, prefix: str) -> None:
        """Remove what lies in folders whose names begin so."""
        ...

    def secrets(self) -> Sequence[StoreSecret]:
        """What DuckDB's own clients need, for each store that they can reach as these settings say."""
        ...
