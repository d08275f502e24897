from __future__ import annotations

import subprocess
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


@pytest.mark.long
class TestGoogle(ObjectsContract):
    @pytest.fixture
    def objects(self, servers: Servers) -> Objects:
        return Places(lambda: servers.google().storage)

    @pytest.fixture
    def place(self, servers: Servers) -> str:
        return f"gs://{servers.google().bucket()}/lakes"


@pytest.mark.long
class TestAzure(ObjectsContract):
    @pytest.fixture
    def objects(self, servers: Servers) -> Objects:
        return Places(lambda: servers.azure().storage)

    @pytest.fixture
    def place(self, servers: Servers) -> str:
        return f"{servers.azure().container()}/lakes"


@pytest.mark.long
class TestBucketWithVersions(TestS3):
    """What is removed or replaced stays as an old version there, and is nowhere for us."""

    @pytest.fixture
    def objects(self, servers: Servers) -> Objects:
        at = servers.moto()
        storage = Storage(endpoint=at.uri, access_key_id=at.access_key, secret_access_key=at.secret_key)
        return Places(lambda: storage)

    @pytest.fixture
    def place(self, servers: Servers) -> str:
        at, bucket = servers.moto(), servers.moto().bucket()
        keys = {"aws_access_key_id": at.access_key, "aws_secret_access_key": at.secret_key, "region_name": at.region}
        client = f"boto3.client('s3', endpoint_url={at.uri!r}, **{keys})"
        asked = f"put_bucket_versioning(Bucket={bucket!r}, VersioningConfiguration={{'Status': 'Enabled'}})"
        python = Path(__file__).parents[2] / ".venv-servers" / "bin" / "python"
        subprocess.run([python, "-c", f"import boto3; {client}.{asked}"], check=True)
        return f"s3://{bucket}/lakes"
