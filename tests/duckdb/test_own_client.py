"""DuckDB's own client of S3 reads by the secret that lakeflow tells it, and reads what lakeflow's file system reads.

It is an extension, which loads into the very release that it was built for. No package has it for the release that
lakeflow uses, so it runs here in the release before, as a process of the servers' environment.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import FileSystem

from lakeflow.adapters.duckdb.store.attach import attach, secret_text
from lakeflow.adapters.duckdb.store.kept import KeptFiles
from lakeflow.adapters.objects.files import ArrowFiles
from lakeflow.core.settings.storage import Storage
from tests.servers.endpoints import Endpoint
from tests.servers.fixture import Servers

PYTHON: Final = Path(__file__).parents[2] / ".venv-servers/bin/python"
THEIRS: Final = """
import importlib.util, json, sys
from pathlib import Path
import duckdb
asked = json.load(sys.stdin)
(folder,) = importlib.util.find_spec("duckdb_extension_httpfs").submodule_search_locations
(file,) = Path(folder).rglob("httpfs.duckdb_extension")
with duckdb.connect() as connection:
    connection.execute(f"LOAD '{file}'")
    connection.execute(asked["secret"])
    found = []
    for text in asked["texts"]:
        try:
            found.append([[str(value) for value in row] for row in connection.execute(text).fetchall()])
        except duckdb.Error:
            found.append("refused")
    print(json.dumps(found))
"""


def by_theirs(storage: Storage, texts: list[str]) -> list[Any]:
    (secret,) = ArrowFiles(lambda: storage).secrets()
    done = subprocess.run(
        [PYTHON, "-I", "-c", THEIRS],
        input=json.dumps({"secret": secret_text(secret), "texts": texts}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[Any] = json.loads(done.stdout)
    return found


def by_ours(storage: Storage, texts: list[str]) -> list[Any]:
    found: list[Any] = []
    with closing(duckdb.connect()) as connection:
        attach(connection, KeptFiles(ArrowFiles(lambda: storage)))
        for text in texts:
            try:
                found.append([[str(value) for value in row] for row in connection.execute(text).fetchall()])
            except duckdb.Error:
                found.append("refused")
    return found


def filled(store: Endpoint) -> str:
    """A place with four files of rows, one in a folder whose name needs quoting in a URL."""
    place, client = f"{store.bucket()}/lake", store.filesystem()
    assert isinstance(client, FileSystem)
    for name, at in (("a", 0), ("b", 1000), ("c", 2000), ("day=2013-01-01 é/d", 3000)):
        text = f"SELECT i AS id, 'w' || i % 7 AS word, i / 4 AS part FROM range({at}, {at + 1000}) t(i)"
        rows = duckdb.sql(text)
        assert rows is not None, "a SELECT gives rows"
        with client.open_output_stream(f"{place}/{name}.parquet") as stream:
            pq.write_table(rows.to_arrow_table(), stream, row_group_size=100)
    return f"s3://{place}"


@pytest.mark.long
@pytest.mark.parametrize("kind", ["seaweedfs", "moto"])
def test_both_clients_read_the_same(kind: str, servers: Servers) -> None:
    store = servers.s3() if kind == "seaweedfs" else servers.moto()
    storage = Storage(
        endpoint=store.uri,
        region=store.region,
        access_key_id=store.access_key,
        secret_access_key=store.secret_key,
    )
    place = filled(store)
    files = [f"{place}/{name}.parquet" for name in ("a", "b", "c", "day=2013-01-01 é/d")]
    texts = [
        f"select count(*), sum(id), sum(hash(word)) from read_parquet({files})",
        f"select word, count(*), max(part) from read_parquet({files}) where id > 2500 group by all order by all",
        f"select id from read_parquet('{files[3]}') order by id limit 3",
        f"select * from read_parquet('{place}/missing.parquet')",
    ]
    ours = by_ours(storage, texts)
    assert by_theirs(storage, texts) == ours
    assert (ours[0][0][0], ours[3]) == ("4000", "refused")


@pytest.mark.long
def test_both_refuse_keys_that_are_wrong(servers: Servers) -> None:
    store = servers.s3()
    texts = [f"select * from read_parquet('{filled(store)}/a.parquet')"]
    storage = Storage(endpoint=store.uri, region=store.region, access_key_id="nobody", secret_access_key="wrong")
    assert by_theirs(storage, texts) == by_ours(storage, texts) == ["refused"]
