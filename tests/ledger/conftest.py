from __future__ import annotations

from collections.abc import Iterator

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import MIGRATIONS


@pytest.fixture
def database() -> Iterator[Database]:
    """One in memory, with the ledger's tables."""
    made = Database("sqlite://")
    made.initialise(MIGRATIONS)
    yield made
    made.close()
