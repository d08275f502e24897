"""A lake's catalog on a REST server, each with a warehouse of its own; pyiceberg is the other engine."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyiceberg.catalog.rest import RestCatalog as PyIceberg
from pyiceberg.table import Table as ForeignTable

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg import MIGRATIONS as CATALOG_LAYOUT
from lakeflow.adapters.iceberg.rest.catalog import RestCatalog
from lakeflow.adapters.iceberg.rest.client import CatalogClient
from lakeflow.adapters.iceberg.rest.commits import Ledgers
from lakeflow.adapters.ledger import MIGRATIONS as LEDGER_LAYOUT
from lakeflow.adapters.ledger import SqlLedger
from lakeflow.adapters.objects import Places
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Holder
from lakeflow.core.settings.catalogs import ExternalCatalog
from lakeflow.core.settings.storage import Storage
from tests.iceberg.lab import wall_clock
from tests.servers.endpoints import Rest


class RestLab:
    """`uri` is where the server is asked, which may be a proxy in front of it."""

    def __init__(self, root: Path, server: Rest, uri: str = "", **settings: Any) -> None:
        self.server = server
        self.database = Database(f"sqlite:///{root / 'ledger.db'}")
        self.database.initialise((CATALOG_LAYOUT, *LEDGER_LAYOUT))
        self.ledger = SqlLedger(self.database, self.is_alive, wall_clock, 30.0)
        prefix = server.warehouse if server.store else ""  # SeaweedFS does not say it
        said = {
            "uri": uri or server.uri,
            "prefix": prefix,
            "warehouse": server.warehouse,
            "credential": server.credential,
            **settings,
        }
        self.settings = ExternalCatalog(name="prod", **{name: text for name, text in said.items() if text})
        self.client = CatalogClient(self.settings, pause=0.01)
        ledgers = Ledgers(self.database, self.ledger.intents)
        self.catalog = RestCatalog(self.client, ledgers, wall_clock, objects=Places(self._storage))

    def wait(self) -> None:
        """A server may answer before it knows its warehouses."""
        for attempt in itertools.count():
            try:
                self.catalog._tables.make_layers()
            except LakeError:
                if attempt == 100:
                    raise
                time.sleep(0.1)
            else:
                return

    def _storage(self) -> Storage:
        assert self.server.store, "a catalog over local files asks for none"
        return self.server.store.storage

    def is_alive(self, _holder: Holder) -> bool | None:
        return True

    @contextmanager
    def foreign(self, key: AssetKey) -> Iterator[ForeignTable]:
        yield self.pyiceberg().load_table(str(key))

    def pyiceberg(self) -> PyIceberg:
        said = {"uri": self.server.uri, "warehouse": self.server.warehouse, "scope": "catalog"}
        if self.server.credential:
            said |= {"credential": self.server.credential, "oauth2-server-uri": f"{self.server.uri}/v1/oauth/tokens"}
        if store := self.server.store:
            said |= {"prefix": self.server.warehouse, **store.for_pyiceberg}
        return PyIceberg("theirs", **said)

    def close(self) -> None:
        self.client.close()
        self.database.close()
