from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.adapters.objects import Places
from lakeflow.core.ports.objects import Objects
from tests.contracts.suites.objects_contract import ObjectsContract


class TestDisk(ObjectsContract):
    @pytest.fixture
    def objects(self) -> Objects:
        return Places()

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return str(tmp_path)
