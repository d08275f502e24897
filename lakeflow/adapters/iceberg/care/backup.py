"""Copies a warehouse's tables, after its catalog was copied, so that the copy of the catalog finds all that it names.

Metadata, manifests and data files never change once they have their name: whatever the catalog names at one moment can
be copied later, as long as nobody removes it. The copy itself is checked for files that were removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from lakeflow.adapters.iceberg.care.ground import MARKER, DiskGround, NotOursError
from lakeflow.adapters.iceberg.care.inventory import Walk
from lakeflow.adapters.iceberg.care.rebuild import number_of
from lakeflow.adapters.iceberg.metadata.metadata import MetadataFiles, metadata_directory
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Table
from lakeflow.core.ports.destination import Destination
from lakeflow.core.ports.locations import local_path
from lakeflow.core.values import dataclass

_GROUND: Final = DiskGround()


@dataclass(frozen=True)
class Copied:
    """`outside` are tables that stand in no folder of the warehouse and were not copied."""

    tables: tuple[AssetKey, ...]
    files: int
    bytes: int
    outside: tuple[AssetKey, ...]


def copy_tables(at: Mapping[AssetKey, str], warehouse: Path, to: Destination) -> Copied:
    """The folders of these tables, named by the metadata that a catalog has of each, and the warehouse's marker.

    LakeError when a table cannot be read, or a file that it needs went meanwhile.
    """
    tables = {key: MetadataFiles(warehouse).find(key, location).table for key, location in sorted(at.items())}
    inside = {
        key: table for key, table in tables.items() if _GROUND.is_below(str(local_path(table.location)), str(warehouse))
    }
    named = [(path, _place(path, warehouse)) for path in _files(inside, at) if path.is_file()]
    size = to.copy_all(named)
    for key, table in inside.items():
        _refuse_missing(key, table, at[key], warehouse, to)
    if (marker := warehouse / MARKER).is_file():
        size += to.copy(marker, MARKER)
    to.keep()
    copied = len(named) + marker.is_file()
    return Copied(tuple(inside), copied, size, tuple(key for key in tables if key not in inside))


def _files(tables: Mapping[AssetKey, Table], at: Mapping[AssetKey, str]) -> Iterator[Path]:
    """All files but metadata that came later, which would make the catalog look older than its tables."""
    for key, table in tables.items():
        try:
            found = _GROUND.files_below(str(local_path(table.location)), ())
        except NotOursError as error:
            raise LakeError(f"{key} cannot be copied: {error}", asset=key) from error
        now = local_path(at[key]).name
        yield from (Path(file.path) for file in found if number_of(Path(file.path).name) < number_of(now))
        yield local_path(at[key])


def _place(path: Path, warehouse: Path) -> str:
    """Relative to the warehouse, however that is spelled in the table's own metadata."""
    way: list[str] = []
    for above in (path, *path.parents):
        if above.exists() and above.samefile(warehouse):
            return "/".join(reversed(way))
        way.append(above.name)
    raise LakeError(f"{path} is not below {warehouse}")


def _refuse_missing(key: AssetKey, table: Table, location: str, warehouse: Path, to: Destination) -> None:
    """LakeError unless the copy holds everything that the original needs, in the same size."""
    walk = Walk()
    found = MetadataFiles(warehouse).find(key, location)
    needed = {location, *(needs for entry in found.json.get("snapshots") or () for needs in walk.files(entry))}
    if walk.damaged:
        raise LakeError(f"{key} cannot be copied: {next(iter(walk.damaged.values()))}", asset=key)
    home, folder = local_path(table.location), local_path(metadata_directory(table))
    for path in map(local_path, needed):
        below = path.is_relative_to(home) or path.is_relative_to(folder)
        hint = "`lakeflow doctor` says what is; if it went just now, repeat the command"
        if not (below and _GROUND.is_below(str(path), str(warehouse))):
            if not path.is_file():
                raise LakeError(f"{key}: {path} is missing", hint=hint, asset=key)
            continue
        size = to.size(_place(path, warehouse))
        if size is None:
            raise LakeError(f"{key}: {path} is missing", hint=hint, asset=key)
        if path.is_file() and path.stat().st_size != size:
            raise LakeError(f"{key}: {path} changed while it was copied", hint="repeat the command", asset=key)
