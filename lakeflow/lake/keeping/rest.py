"""The lake on a REST catalog: its tables there, its ledger in a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os import PathLike

from lakeflow.adapters.iceberg.rest.catalog import RestCatalog
from lakeflow.adapters.iceberg.rest.client import CatalogClient
from lakeflow.adapters.iceberg.rest.commits import Ledgers
from lakeflow.adapters.iceberg.rest.ownership import Namespaces, PlacedDatabase
from lakeflow.adapters.ledger import SqlLedger
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.settings.settings import Settings
from lakeflow.lake.keeping.places import objects_of


def rest_catalog(
    settings: Settings,
    database: PlacedDatabase,
    ledger: SqlLedger,
    clock: Clock,
    keep_out: Callable[[], Iterable[str | PathLike[str]]] = tuple,
) -> RestCatalog:
    """The server is asked when a table is."""
    assert settings.rest is not None, "only a lake that a server keeps has such a catalog"
    ledgers = Ledgers(database, ledger.intents)
    client = CatalogClient(settings.rest)
    return RestCatalog(client, ledgers, clock, keep_out, non_atomic=settings.non_atomic, objects=objects_of(settings))


def namespaces(settings: Settings, database: PlacedDatabase, name: str) -> Namespaces:
    """Whose namespaces the server's three layers are; `name` is how messages call the lake."""
    assert settings.rest is not None, "as above"
    return Namespaces(CatalogClient(settings.rest), database, name)
