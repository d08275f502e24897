"""The two SQL tables of an Iceberg catalog, in the layout (V1) of pyiceberg's SqlCatalog("lakeflow") and of
Iceberg-Java's JDBC catalog, so that both open the same database.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Final, Protocol

from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.ports.database import Connection, sql

CATALOG: Final = "lakeflow"

MIGRATIONS: Final[tuple[str, ...]] = (
    "create table if not exists iceberg_tables ("
    "catalog_name varchar(255) not null, table_namespace varchar(255) not null, table_name varchar(255) not null, "
    "metadata_location varchar(1000), previous_metadata_location varchar(1000), iceberg_type varchar(5), "
    "primary key (catalog_name, table_namespace, table_name))",
    "create table if not exists iceberg_namespace_properties ("
    "catalog_name varchar(255) not null, namespace varchar(255) not null, "
    "property_key varchar(255) not null, property_value varchar(1000), "
    "primary key (catalog_name, namespace, property_key))",
    *(
        "insert into iceberg_namespace_properties (catalog_name, namespace, property_key, property_value) "
        f"values ('{CATALOG}', '{layer}', 'exists', 'true') on conflict do nothing"
        for layer in Layer
    ),
)
"""Statements that make the catalog's tables and its three namespaces; each may be repeated."""


class CatalogDatabase(Protocol):
    """What the catalog needs of a database; every method may raise BusyError and LakeError."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """The only write transaction at a time. It commits at the end, and rolls back on any exception."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """One state of the database, however many statements read it."""
        ...

    def forget_connections(self) -> None:
        """Close pooled connections, so that the next read uses a new one."""
        ...

    def checkpoint(self) -> None:
        """Move what was committed from the write-ahead log into the database file, unless a reader is in the way."""
        ...


TABLES: Final = f"from iceberg_tables where catalog_name = '{CATALOG}' and coalesce(iceberg_type, 'TABLE') = 'TABLE'"
_KEYS: Final = sql(f"select table_namespace, table_name {TABLES}")
_SOME: Final = sql(
    f"select table_namespace, table_name, metadata_location {TABLES} and table_namespace in :layers "
    "and table_name in :names and metadata_location is not null",
    "layers",
    "names",
)
_ROW: Final = f"where catalog_name = '{CATALOG}' and table_namespace = :layer and table_name = :name"
_SWAP: Final = sql(
    "update iceberg_tables set metadata_location = :new, previous_metadata_location = :seen "
    f"{_ROW} and metadata_location = :seen"
)
_RELOCATE: Final = sql(
    "update iceberg_tables set metadata_location = :new, previous_metadata_location = :previous "
    f"{_ROW} and metadata_location = :seen"
)
_HELD: Final = sql(f"select count(*) from iceberg_tables {_ROW} and metadata_location = :seen")
_INSERT: Final = sql(
    "insert into iceberg_tables (catalog_name, table_namespace, table_name, metadata_location, iceberg_type) "
    f"values ('{CATALOG}', :layer, :name, :new, 'TABLE')"
)
_REMOVE: Final = sql(f"delete from iceberg_tables {_ROW} and metadata_location = :seen")
_CALL: Final = sql(
    "update iceberg_tables set table_namespace = :new_layer, table_name = :new_name "
    f"{_ROW} and metadata_location = :seen"
)


def all_keys(connection: Connection) -> frozenset[AssetKey]:
    """Every table of the three layers. Tables with names that no asset can have belong to others and are left out."""
    rows = [(str(namespace), str(name)) for namespace, name in connection.execute(_KEYS)]
    return frozenset(key for row in rows if (key := AssetKey.find(".".join(row))))


def all_locations(connection: Connection) -> frozenset[str]:
    """Where the metadata of every table in the database stands, also of other catalogs and names."""
    rows = connection.execute(sql("select metadata_location from iceberg_tables where metadata_location is not null"))
    return frozenset(str(row[0]) for row in rows)


def locations(connection: Connection, keys: Iterable[AssetKey]) -> dict[AssetKey, str]:
    """Where the metadata of these tables stands. ONE select reads it: several could show half of another run's
    publish.
    """
    wanted = frozenset(keys)
    if not wanted:
        return {}
    bound = {"layers": sorted({str(key.layer) for key in wanted}), "names": sorted({key.name for key in wanted})}
    found = {AssetKey(Layer(row[0]), row[1]): str(row[2]) for row in connection.execute(_SOME, bound)}
    return {key: location for key, location in found.items() if key in wanted}


def swap(connection: Connection, key: AssetKey, seen: str, new: str) -> bool:
    """Point the table from `seen` to `new`; False when it does not point to `seen` any more."""
    bound = {"layer": str(key.layer), "name": key.name, "seen": seen, "new": new}
    return bool(connection.execute(_SWAP, bound).rowcount == 1)


def relocate(connection: Connection, key: AssetKey, at: tuple[str, str], previous: str) -> bool:
    """Point the table from `at[0]` to `at[1]`, and record where its previous metadata stands now."""
    seen, new = at
    bound = {"layer": str(key.layer), "name": key.name, "seen": seen, "new": new, "previous": previous}
    return bool(connection.execute(_RELOCATE, bound).rowcount == 1)


def still(connection: Connection, key: AssetKey, seen: str) -> bool:
    bound = {"layer": str(key.layer), "name": key.name, "seen": seen}
    return bool(connection.execute(_HELD, bound).scalar_one() == 1)


def remove(connection: Connection, key: AssetKey, seen: str) -> bool:
    """Take the table out; False when it does not point to `seen` any more."""
    bound = {"layer": str(key.layer), "name": key.name, "seen": seen}
    return bool(connection.execute(_REMOVE, bound).rowcount == 1)


def call(connection: Connection, key: AssetKey, new: AssetKey, seen: str) -> bool:
    """Rename the table to a name that is free. False when it does not point to `seen` any more."""
    bound = {"layer": str(key.layer), "name": key.name, "seen": seen}
    renamed = {"new_layer": str(new.layer), "new_name": new.name}
    return bool(connection.execute(_CALL, bound | renamed).rowcount == 1)


def put(connection: Connection, key: AssetKey, new: str) -> None:
    """Point the table there, whether or not it is in the catalog."""
    if seen := locations(connection, (key,)).get(key):
        swap(connection, key, seen, new)
    else:
        insert(connection, key, new)


def insert(connection: Connection, key: AssetKey, new: str) -> None:
    connection.execute(_INSERT, {"layer": str(key.layer), "name": key.name, "new": new})
