"""Implements the port for catalogs of every kind. A catalog is only asked where a table's metadata stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lakeflow.adapters.iceberg.external.places import Place, not_there
from lakeflow.adapters.iceberg.metadata.metadata import MetadataFiles
from lakeflow.adapters.iceberg.metadata.places import refuse_relative
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import LakeError, LakeflowError
from lakeflow.core.keys import ExternalKey
from lakeflow.core.model.table import External, Scan, Table
from lakeflow.core.ports.objects import Objects

if TYPE_CHECKING:
    from lakeflow.adapters.iceberg.external.sql import OpenReadOnly
    from lakeflow.core.settings.catalogs import ExternalCatalog


class IcebergExternals:
    """Implements `Externals`. `catalog_of` gives a catalog's settings with variables replaced, or raises; `root` is
    where relative paths start.
    """

    def __init__(
        self,
        catalog_of: Callable[[str], ExternalCatalog],
        root: Path,
        open_database: OpenReadOnly,
        objects: Objects = DISK,
    ) -> None:
        self._catalog_of = catalog_of
        self._root = root
        self._open_database = open_database
        self._objects = objects
        self._files = MetadataFiles(root, objects)

    def find(self, keys: Iterable[ExternalKey]) -> Mapping[ExternalKey, External]:
        by_catalog: dict[str, list[ExternalKey]] = defaultdict(list)
        for key in sorted(keys):
            by_catalog[key.catalog].append(key)
        return {key: found for name, group in by_catalog.items() for key, found in self._found(name, group).items()}

    def scan(self, table: Table[ExternalKey], snapshot_id: int) -> Scan:
        from lakeflow.adapters.iceberg.manifests.scan import Scans  # noqa: PLC0415 - imports pyiceberg: 0.6 s that `plan` spares

        return Scans(self._objects).scan(self._files.find(table.key, table.version), snapshot_id)

    def _found(self, name: str, keys: list[ExternalKey]) -> dict[ExternalKey, External]:
        try:
            places = self._places(self._catalog_of(name), keys)
        except LakeflowError as error:
            return {key: External(fault=f"{key}: {error.message}", hint=error.hint) for key in keys}
        return {key: self._external(key, places.get(key)) for key in keys}

    def _places(self, catalog: ExternalCatalog, keys: list[ExternalKey]) -> Mapping[ExternalKey, Place]:
        # Most lakes have no external table.
        from lakeflow.adapters.iceberg.external.folders import in_folders  # noqa: PLC0415
        from lakeflow.adapters.iceberg.external.rest import in_rest_catalog  # noqa: PLC0415
        from lakeflow.adapters.iceberg.external.sql import in_database  # noqa: PLC0415
        from lakeflow.core.settings.catalogs import CatalogKind  # noqa: PLC0415

        match catalog.kind:
            case CatalogKind.SQL:
                return in_database(catalog, keys, self._open_database)
            case CatalogKind.REST:
                return in_rest_catalog(catalog, keys)
            case CatalogKind.FILES:
                return in_folders(catalog, keys, self._root, self._objects)

    def _external(self, key: ExternalKey, place: Place | None) -> External:
        try:
            table = self._table(key, place or not_there(key))
            refuse_relative(table)
        except LakeflowError as error:
            return External(fault=error.message, hint=error.hint)
        if table.main is None:
            return External(fault=f"{key} has no snapshot yet", hint="run it again once its owner has written rows")
        return External(table)

    def _table(self, key: ExternalKey, place: Place) -> Table[ExternalKey]:
        """LakeError for metadata that is missing, damaged, elsewhere, or asks to run code (trap T14)."""
        if isinstance(place, LakeError):
            raise place
        if place.content is not None:
            return self._files.remember(key, place.location, place.content).table
        return self._files.find(key, place.location).table
