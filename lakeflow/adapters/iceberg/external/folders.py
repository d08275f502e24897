"""Tables without a catalog: folders with Iceberg's metadata in them, as Hadoop tables and copies of tables are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from lakeflow.adapters.iceberg.disk.fileio import local_path, to_location
from lakeflow.adapters.iceberg.external.places import At, Place
from lakeflow.adapters.iceberg.metadata.places import metadata_file
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import ExternalKey
from lakeflow.core.settings.catalogs import ExternalCatalog


def in_folders(catalog: ExternalCatalog, keys: Iterable[ExternalKey], root: Path) -> Mapping[ExternalKey, Place]:
    """The newest metadata of each table; a path that names a metadata file means that very one."""
    return {key: _place(key, path) for key in keys if (path := _named(catalog, key, root))}


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
