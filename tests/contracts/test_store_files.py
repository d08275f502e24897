from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from lakeflow.adapters.objects.files import ArrowFiles
from lakeflow.adapters.objects.handed import HandedFiles, handed, taken
from lakeflow.core.ports.objects import StoreError
from lakeflow.core.ports.store_files import StoreFiles
from lakeflow.core.settings.storage import Storage
from tests.contracts.suites.store_files_contract import StoreFilesContract
from tests.duckdb.folder_store import FolderStore
from tests.servers.endpoints import Endpoint
from tests.servers.fixture import Servers

SECRET = "a secret that nobody may see"


def storage_of(store: Endpoint) -> Storage:
    return Storage(endpoint=store.uri, access_key_id=store.access_key, secret_access_key=store.secret_key)


class TestFolder(StoreFilesContract):
    """The store that other tests stand on promises what real ones do."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> StoreFiles:
        (tmp_path / "store").mkdir()
        return FolderStore(tmp_path / "store")

    @pytest.fixture
    def place(self) -> str:
        return "s3://bucket/place"


class TestS3(StoreFilesContract):
    @pytest.fixture
    def files(self, servers: Servers) -> StoreFiles:
        return ArrowFiles(lambda: storage_of(servers.s3()))

    @pytest.fixture
    def place(self, servers: Servers) -> str:
        return f"s3://{servers.s3().bucket()}/place"


class TestGoogle(StoreFilesContract):
    @pytest.fixture
    def files(self, servers: Servers) -> StoreFiles:
        return ArrowFiles(lambda: servers.google().storage)

    @pytest.fixture
    def place(self, servers: Servers) -> str:
        return f"gs://{servers.google().bucket()}/place"


class TestAzure(StoreFilesContract):
    @pytest.fixture
    def files(self, servers: Servers) -> StoreFiles:
        return ArrowFiles(lambda: servers.azure().storage)

    @pytest.fixture
    def place(self, servers: Servers) -> str:
        return f"{servers.azure().container()}/place"


def test_a_store_that_refuses_is_told_of_without_its_keys(servers: Servers) -> None:
    store = servers.s3()
    place = f"s3://{store.bucket()}/a"
    files = ArrowFiles(lambda: Storage(endpoint=store.uri, access_key_id=store.access_key, secret_access_key=SECRET))
    with pytest.raises(StoreError) as refused:
        files.opened(place)
    assert SECRET not in repr(refused.value)
    assert refused.value.hint


def test_no_key_is_in_a_message_to_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes them from its environment, where they do not stay."""
    storage = Storage(access_key_id="known", secret_access_key=SECRET)
    message = pickle.dumps(HandedFiles(lambda: storage))
    assert b"known" not in message
    assert SECRET.encode() not in message
    for name, value in handed(storage).items():
        monkeypatch.setenv(name, value)
    files = pickle.loads(message)
    assert dict(files.secrets()[0].said)["SECRET"] == SECRET
    monkeypatch.undo()
    again = taken()
    assert again is not None
    assert again.secrets() == files.secrets()


def test_only_keys_and_strangers_are_told_to_duckdb() -> None:
    """What the vendor's own tools would find is for pyarrow's client."""
    assert ArrowFiles(Storage).secrets() == ()
    (anonymous,) = ArrowFiles(lambda: Storage(anonymous=True, endpoint="http://127.0.0.1:9000")).secrets()
    assert dict(anonymous.said) == {
        "REGION": "us-east-1",
        "ENDPOINT": "127.0.0.1:9000",
        "URL_STYLE": "path",
        "USE_SSL": False,
    }
