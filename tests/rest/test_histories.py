"""Any history of commands, foreign commits and crashes keeps the promises on a REST catalog, too."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis.stateful import run_state_machine_as_test

from lakeflow.adapters.ledger import SqlLedger
from tests.explored import lives
from tests.rest.lab import RestLab
from tests.servers.endpoints import Rest
from tests.servers.fixture import RestKind, Servers
from tests.wap.lab import Lab
from tests.wap.real_lab import RealLab, RealShelf
from tests.wap.test_state_machine import RealLake


class ServedLab(RealLab):
    def __init__(self, root: Path, server: Rest) -> None:
        self.rest = RestLab(root, server)
        self.rest.wait()
        self.database = self.rest.database
        Lab.__init__(self, self.rest.catalog, SqlLedger(self.database, self.is_alive, _now, 30.0), _now)
        self.shelf = self.engine.shelf = self.auditor.shelf = RealShelf(server.store)

    def close(self) -> None:
        self.rest.close()

    def _foreign(self) -> Any:
        return self.rest.pyiceberg()


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("kind", ["java", "java-s3", "seaweedfs"])
def test_any_history_on_a_rest_catalog_keeps_the_promises(kind: RestKind, servers: Servers) -> None:
    """LAKEFLOW_TEST_LIVES says how many histories; each has a warehouse of its own, so that more than some dozens
    need LAKEFLOW_TEST_WAREHOUSES=200.
    """

    class LakeOnRest(RealLake):
        def make_lab(self) -> Lab:
            self.folder = TemporaryDirectory()
            return ServedLab(Path(self.folder.name), servers.rest(kind))

    run_state_machine_as_test(LakeOnRest, settings=lives(int(os.environ.get("LAKEFLOW_TEST_LIVES", "1")), steps=8))
