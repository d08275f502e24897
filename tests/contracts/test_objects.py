from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.adapters.objects import Places
from lakeflow.core.ports.objects import Objects
from lakeflow.core.settings.storage import Storage
from tests.contracts.suites.objects_contract import ObjectsContract
from tests.servers.fixture import Servers


class TestDisk(ObjectsContract):
    @pytest.fixture
    def objects(self) -> Objects:
        return Places()

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return str(tmp_path)


@pytest.mark.long
class TestS3(ObjectsContract):
    @pytest.fixture
    def objects(self, servers: Servers) -> Objects:
        at = servers.s3()
        storage = Storage(endpoint=at.uri, access_key_id=at.access_key, secret_access_key=at.secret_key)
        return Places(lambda: storage)

    @pytest.fixture
    def place(self, servers: Servers) -> str:
        return f"s3://{servers.s3().bucket()}/lakes"
