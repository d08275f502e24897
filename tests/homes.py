"""Where a lake under test is kept. A contract that all kinds of homes keep is written once, over `HOMES`:

    @pytest.fixture(params=HOMES)
    def database(request, tmp_path):
        return Database(home(request, tmp_path).database)

A new kind is one more member of `HOMES` and one more case of `home`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from tests.servers.endpoints import Endpoint
from tests.servers.fixture import Servers

EMBEDDED: Final = "embedded"
POSTGRESQL: Final = "postgresql"
IN_STORE: Final = "-s3"
HOMES: Final = (EMBEDDED, pytest.param(POSTGRESQL, marks=pytest.mark.servers))
STORED: Final = tuple(pytest.param(f"{kind}{IN_STORE}", marks=pytest.mark.servers) for kind in (EMBEDDED, POSTGRESQL))
"""The same databases, with the tables in an object store."""


@dataclass(frozen=True)
class Home:
    """`database` is a URL with a password, where there is one; `warehouse` a folder, or a location in `store`."""

    kind: str
    database: str
    warehouse: str
    store: Endpoint | None = None

    @property
    def settings(self) -> Mapping[str, str]:
        """What `[tool.lakeflow]` says of it; the embedded one is the default."""
        return {} if self.kind == EMBEDDED else {"catalog": self.database, "warehouse": self.warehouse}


def home(request: pytest.FixtureRequest, folder: Path) -> Home:
    """A new and empty home of the kind that is this test's parameter."""
    return home_of(str(request.param), request, folder)


def home_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> Home:
    database = f"sqlite:///{folder / 'catalog.db'}"
    if kind == EMBEDDED:
        return Home(kind, database, str(folder / "warehouse"))
    if request.node.get_closest_marker("servers") is None:
        pytest.fail(f"{request.node.name} needs servers: mark it with @pytest.mark.servers", pytrace=False)
    servers: Servers = request.getfixturevalue("servers")
    if kind.startswith(POSTGRESQL):
        database = servers.postgres().url()
    if not kind.endswith(IN_STORE):
        return Home(kind, database, str(folder / "warehouse"))
    return Home(kind, database, f"s3://{_bucket(servers.s3())}/{uuid4()}", servers.s3())


@cache
def _bucket(store: Endpoint) -> str:
    """All homes of this process are in one, each in a place of its own."""
    return store.bucket()
