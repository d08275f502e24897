"""A lake that moves takes its tables to an object store whole, or stays where it was."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.core.errors import LakeflowError
from lakeflow.lake import care
from tests.care.lab import built, collect, rows, warehouse
from tests.cli.process import lakeflow
from tests.cli.test_schemas import validator
from tests.external.lab import opened
from tests.servers.endpoints import Endpoint
from tests.servers.fixture import Servers
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.long


@pytest.fixture
def store(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    monkeypatch.setenv("STORE_SECRET", servers.s3().secret_key)
    return servers.s3()


@pytest.fixture
def server(servers: Servers) -> Postgres:
    return servers.postgres()


@pytest.fixture
def to(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LAKE_PASSWORD", server.password)
    return server.url().replace(server.password, "${LAKE_PASSWORD}")


def storage(store: Endpoint) -> str:
    keys = f'access_key_id = "{store.access_key}"\nsecret_access_key = "${{STORE_SECRET}}"\n'
    return f'\n[tool.lakeflow.storage]\nendpoint = "{store.uri}"\nregion = "{store.region}"\n{keys}'


@pytest.fixture
def lake(tmp_path: Path, store: Endpoint) -> Path:
    return built(tmp_path / "sales", 1, 2, settings=storage(store))


def read_by_others(uri: str, store: Endpoint) -> list[int]:
    said = uri.replace("${LAKE_PASSWORD}", os.environ["LAKE_PASSWORD"]).replace("postgresql:", "postgresql+psycopg:")
    s3 = {"s3.endpoint": store.uri, "s3.access-key-id": store.access_key, "s3.secret-access-key": store.secret_key}
    with closing(SqlCatalog("lakeflow", uri=said, **s3)) as catalog:
        found: list[int] = catalog.load_table("silver.a").scan().to_arrow()["id"].to_pylist()
    return sorted(found)


def test_the_command_moves_tables_to_a_store_where_the_lake_lives_on(lake: Path, to: str, store: Endpoint) -> None:
    place = f"s3://{store.bucket()}/lake"
    secrets = {name: os.environ[name] for name in ("LAKE_PASSWORD", "STORE_SECRET")}
    words = ("migrate", "--to", to, "--warehouse", place, "-o", "json")
    done = lakeflow(*words, cwd=lake, PYTHONUTF8="1", **secrets)  # a process of its own
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)["data"]
    validator("migrate.json").validate(said)
    assert (said["tables"], said["settings"]["warehouse"]) == (["silver.a"], place)
    assert os.environ["LAKE_PASSWORD"] not in done.stdout
    shutil.rmtree(warehouse(lake))
    assert rows(lake) == read_by_others(to, store) == [2]
    with opened(lake) as one:
        assert one.verify(deep=True).faults == ()
    built(lake, 3, 4, settings=storage(store))
    assert collect(lake)
    assert rows(lake) == read_by_others(to, store) == [4]
    assert not warehouse(lake).exists()


def test_a_place_that_is_filled_or_cannot_be_written_leaves_the_lake_where_it_was(
    lake: Path, to: str, store: Endpoint
) -> None:
    bucket = store.bucket()
    with store.filesystem().open_output_stream(f"{bucket}/lake/theirs") as stream:  # type: ignore[attr-defined]
        stream.write(b"theirs")
    for place, said in ((f"s3://{bucket}/lake", "is not an empty folder"), ("s3://no-such-bucket/a", "no such bucket")):
        with pytest.raises(LakeflowError, match=said):
            care.migrate(to, lake, warehouse=place)
    assert rows(lake) == [2]
    care.migrate(to, lake, warehouse=f"s3://{bucket}/other")
    assert rows(lake) == read_by_others(to, store) == [2]


def test_a_data_file_that_is_not_what_was_written_stops_the_move(lake: Path, to: str, store: Endpoint) -> None:
    for file in warehouse(lake).rglob("*-sha256-*.parquet"):
        content = bytearray(file.read_bytes())
        content[20] ^= 1
        file.write_bytes(content)
    with pytest.raises(LakeflowError, match="nothing was moved"):
        care.migrate(to, lake, warehouse=f"s3://{store.bucket()}/lake")
    assert (lake / ".lakeflow/catalog.db").exists()
