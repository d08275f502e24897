"""A catalog in a SQL database: the one table that pyiceberg's SqlCatalog and Iceberg-Java's JDBC catalog share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Final, Protocol

from lakeflow.adapters.iceberg.external.places import At, Place
from lakeflow.core.keys import ExternalKey
from lakeflow.core.ports.database import Connection, sql
from lakeflow.core.settings.catalogs import ExternalCatalog

_LOCATIONS: Final = sql(
    "select table_namespace, table_name, metadata_location from iceberg_tables where catalog_name = :catalog "
    "and table_namespace in :namespaces and table_name in :names and metadata_location is not null",
    "namespaces",
    "names",
)


class ReadOnly(Protocol):
    """A database that can only be read; it may raise BusyError and LakeError."""

    def read(self) -> AbstractContextManager[Connection]: ...

    def close(self) -> None: ...


OpenReadOnly = Callable[[str], ReadOnly]


def in_database(
    catalog: ExternalCatalog, keys: Iterable[ExternalKey], open_database: OpenReadOnly
) -> Mapping[ExternalKey, Place]:
    """Where the tables stand. ONE select reads it, as everywhere that pointers are read (trap T10)."""
    wanted = {(key.namespace, key.name): key for key in keys}
    database = open_database(catalog.uri)
    try:
        with database.read() as connection:
            rows = connection.execute(
                _LOCATIONS,
                {
                    "catalog": catalog.catalog_name or catalog.name,
                    "namespaces": sorted({namespace for namespace, _ in wanted}),
                    "names": sorted({name for _, name in wanted}),
                },
            ).all()
    finally:
        database.close()
    found = {(str(row[0]), str(row[1])): str(row[2]) for row in rows}
    return {key: At(found[name]) for name, key in wanted.items() if name in found}
