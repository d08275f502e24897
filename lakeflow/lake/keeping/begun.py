"""A move that copies tables and was cut off: what it left is told from what is anybody else's, so that it can be typed
again.

Before its first file, a move writes beside the old database which place it found empty, and for which new database. Up
to the step that switches, nothing but that database can name what stands there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from lakeflow.adapters.iceberg import MARKER
from lakeflow.adapters.objects import sync_directory
from lakeflow.core.errors import UsageError
from lakeflow.core.ports.objects import Objects
from lakeflow.core.values import dataclass

_AT_ONCE: Final = 8
_NAMED: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|-sha256-[0-9a-f]{64}")
"""In the name of each file that a move writes anew, and of each that a run wrote."""


@dataclass(frozen=True)
class BegunMove:
    """The tables of the lake whose database is the file `source` are copied to `place`, for the new database that was
    named `to`, with no secret in it, and stands at `database`.
    """

    source: Path
    place: str
    to: str
    database: str

    def write(self) -> None:
        """Say durably that the place was empty when this move began."""
        path = record_of(self.source)
        part = path.with_name(f".{path.name}.tmp")
        with part.open("w", encoding="utf-8") as file:
            json.dump(self._said, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_directory(path.parent)

    def is_written(self) -> bool:
        try:
            return bool(json.loads(record_of(self.source).read_text(encoding="utf-8")) == self._said)
        except (OSError, ValueError):
            return False

    @property
    def _said(self) -> dict[str, str]:
        return {"place": self.place, "to": self.to, "database": self.database}


def record_of(source: Path) -> Path:
    """The file that says which move began last."""
    return source.with_name(f"{source.name}.moving.json")


def clear(move: BegunMove, warehouse: Path, homes: Iterable[Path], objects: Objects) -> None:
    """Remove what this move left in its place. UsageError, and nothing is removed, where it did not begin there, or
    where anything stands there that it cannot have written.

    `warehouse` is copied, and `homes` are the folders of its tables.
    """
    if not move.is_written():
        raise UsageError(f"{move.place} is not an empty folder", hint="name one that does not exist yet")
    found = [one.location for one in objects.listed(move.place)]
    inside = tuple(f"{home.relative_to(warehouse)}/" for home in homes if home.is_relative_to(warehouse))
    for location in found:
        if not _is_left(location, move, warehouse, inside, objects):
            raise UsageError(
                f"{location} is no part of the move that was cut off; nothing was moved",
                hint="take it away, or name another place",
            )
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="clear") as pool:
        list(pool.map(objects.remove, found))


def _is_left(location: str, move: BegunMove, warehouse: Path, inside: tuple[str, ...], objects: Objects) -> bool:
    if not location.startswith(f"{move.place}/"):
        return False
    name = location.removeprefix(f"{move.place}/")
    if name == MARKER:  # it says whose the place is, and for which database
        return (warehouse / name).is_file() and objects.get(location) == (warehouse / name).read_bytes()
    known = (warehouse / name).is_file()  # else it was collected since, or written for the new place
    return known or (name.startswith(inside) and _NAMED.search(name.rpartition("/")[2]) is not None)
