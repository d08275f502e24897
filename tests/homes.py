"""Where a lake under test is kept. A contract that all kinds of homes keep is written once, over `HOMES`:

    @pytest.fixture(params=HOMES)
    def database(request, tmp_path):
        return Database(home(request, tmp_path).database)

A new kind is one more member of `HOMES` and one more case of `home`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.servers.fixture import Servers

EMBEDDED: Final = "embedded"
POSTGRESQL: Final = "postgresql"
HOMES: Final = (EMBEDDED, pytest.param(POSTGRESQL, marks=pytest.mark.servers))


@dataclass(frozen=True)
class Home:
    """`database` is a URL with a password, where there is one; `warehouse` a folder or a location."""

    kind: str
    database: str
    warehouse: str

    @property
    def settings(self) -> Mapping[str, str]:
        """What `[tool.lakeflow]` says of it; the embedded one is the default."""
        return {} if self.kind == EMBEDDED else {"catalog": self.database, "warehouse": self.warehouse}


def home(request: pytest.FixtureRequest, folder: Path) -> Home:
    """A new and empty home of the kind that is this test's parameter."""
    return home_of(str(request.param), request, folder)


def home_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> Home:
    if kind == EMBEDDED:
        return Home(kind, f"sqlite:///{folder / 'catalog.db'}", str(folder / "warehouse"))
    servers: Servers = request.getfixturevalue("servers")
    return Home(kind, servers.postgres().url(), str(folder / "warehouse"))
