"""Tables without a catalog: folders with Iceberg's metadata in them, as Hadoop tables and copies of tables are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from lakeflow.adapters.iceberg.external.places import At, Place
from lakeflow.adapters.iceberg.fileio import local_path, to_location
from lakeflow.core.catalogs import ExternalCatalog
from lakeflow.core.errors import LakeError
from lakeflow.core.model import ExternalKey

_METADATA: Final = re.compile(r"v?(\d+)(-[^/]*)?(\.gz)?\.metadata\.json(\.gz)?")
_HINT: Final = "version-hint.text"


def in_folders(catalog: ExternalCatalog, keys: Iterable[ExternalKey], root: Path) -> Mapping[ExternalKey, Place]:
    """The newest metadata of each table; a path that names a metadata file means that very one."""
    return {key: _place(key, path) for key in keys if (path := _named(catalog, key, root))}


def metadata_file(folder: Path) -> Path | None:
    """The newest metadata file of a table's folder: the one that its hint names, else the highest number, the latest
    of several.
    """
    directory = folder / "metadata"
    counted = [(int(match[1]), path) for path in _entries(directory) if (match := _METADATA.fullmatch(path.name))]
    if not counted:
        return None
    hinted = _hinted(directory)
    named = [path for number, path in counted if number == hinted]
    highest = max(number for number, _ in counted)
    return max(named or [path for number, path in counted if number == highest], key=lambda path: path.stat().st_mtime)


def _named(catalog: ExternalCatalog, key: ExternalKey, root: Path) -> Path | None:
    """Names hold no dot and no slash, so that a table cannot lead out of the catalog's folder."""
    if catalog.path:
        return root / local_path(catalog.path) / key.namespace / key.name
    place = catalog.tables.get(f"{key.namespace}.{key.name}")
    return root / local_path(place) if place else None


def _place(key: ExternalKey, path: Path) -> Place:
    found = path if path.is_file() else metadata_file(path)
    if found is None:
        return LakeError(
            f"{key}: there is no Iceberg metadata in {path}", hint="check the path in the catalog's settings"
        )
    return At(to_location(str(found)))


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _hinted(directory: Path) -> int | None:
    try:
        return int((directory / _HINT).read_text().strip())
    except (OSError, ValueError):
        return None
