"""Tables without a catalog: folders with Iceberg's metadata in them, as Hadoop tables and copies of tables are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from lakeflow.adapters.iceberg.external.places import At, Place
from lakeflow.adapters.iceberg.metadata.places import metadata_file
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import ExternalKey
from lakeflow.core.ports.locations import path_of, store_of, to_location
from lakeflow.core.ports.objects import Objects
from lakeflow.core.settings.catalogs import ExternalCatalog


def in_folders(
    catalog: ExternalCatalog, keys: Iterable[ExternalKey], root: Path, objects: Objects
) -> Mapping[ExternalKey, Place]:
    """The newest metadata of each table; a path that names a metadata file means that very one."""
    return {key: _place(key, path, objects) for key in keys if (path := _named(catalog, key, root))}


def _named(catalog: ExternalCatalog, key: ExternalKey, root: Path) -> str | None:
    """Names hold no dot and no slash, so that a table cannot lead out of the catalog's folder."""
    if catalog.path:
        return f"{_from(root, catalog.path)}/{key.namespace}/{key.name}"
    place = catalog.tables.get(f"{key.namespace}.{key.name}")
    return _from(root, place) if place else None


def _from(root: Path, place: str) -> str:
    """The place, from the project's root where it does not say from where."""
    return path_of(place).rstrip("/") if store_of(place) else str(root / path_of(place))


def _place(key: ExternalKey, path: str, objects: Objects) -> Place:
    found = path if objects.find(path) else metadata_file(path, objects)
    if found is None:
        return LakeError(
            f"{key}: there is no Iceberg metadata in {path}", hint="check the path in the catalog's settings"
        )
    return At(to_location(found))
