"""Keys that a REST catalog hands out for its tables: used for that table, renewed in time, and shown nowhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyarrow.fs import S3FileSystem

import lakeflow
from lakeflow.adapters.iceberg.rest.vended import Vended, VendedFiles
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunState
from lakeflow.core.settings.catalogs import ExternalCatalog
from lakeflow.core.settings.storage import Storage
from tests.contracts.suites.examples import SCHEMA
from tests.external.lab import make
from tests.rest.lab import RestLab
from tests.servers import spark_reads
from tests.servers.answers import made
from tests.servers.fixture import Servers
from tests.servers.vending import Vending, session
from tests.servers.year import digest

FILES = {
    "layers/bronze/a.sql": "/*\nkey = ['n']\n*/\nselect range as n from range(3)",
    "layers/silver/b.py": """
import time
from urllib.request import urlopen
import pyarrow as pa
from lakeflow import asset

@asset(inputs={"rows": "bronze.a"}, key=["n"])
def b(rows: pa.Table) -> pa.Table:
    urlopen("FRONT/end").close()
    time.sleep(2.2)
    return rows
""",
    "layers/gold/c.sql": "/*\nkey = ['rows']\n*/\nselect count(*) as rows, sum(n) as total from silver.b",
    "checks/silver/b.positive.sql": "select * from silver.b where n < 0",
}
SETTINGS = """[tool.lakeflow]
catalog = "prod"

[tool.lakeflow.catalogs.prod]
uri = "{uri}"
warehouse = "{warehouse}"
prefix = "{warehouse}"
credential = "${{CREDENTIAL}}"
"""


@pytest.fixture
def vending(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vending]:
    server = servers.rest("seaweedfs")
    monkeypatch.setenv("CREDENTIAL", server.credential)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with Vending(server, seconds=2.0) as front:
        yield front


def catalog_of(front: Vending) -> ExternalCatalog:
    server = front.server
    said = {"uri": front.uri, "warehouse": server.warehouse, "prefix": server.warehouse}
    return ExternalCatalog(name="prod", credential=server.credential, **said)  # type: ignore[arg-type]


def project(root: Path, front: Vending) -> Path:
    settings = SETTINGS.format(uri=front.uri, warehouse=front.server.warehouse)
    files = {name: text.replace("FRONT", front.uri) for name, text in FILES.items()}
    make(root, {**files, "pyproject.toml": settings})
    return root


@contextmanager
def arguments() -> Iterator[set[str]]:
    """What stands in the arguments of this process's children meanwhile."""
    found, done = set[str](), threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            for child in psutil.Process().children(recursive=True):
                try:
                    found.add(" ".join(child.cmdline()))
                except psutil.Error:
                    continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def test_a_lake_lives_on_keys_that_end_while_a_step_computes(
    vending: Vending, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """While the code of silver.b runs, all keys end that were handed out. The lake's processes ask for new ones by
    themselves; no key is in an argument, in a file of the lake, or on a screen.
    """
    project(tmp_path, vending)
    with arguments() as seen, lakeflow.open(tmp_path) as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state is RunState.PUBLISHED, run
        assert lake.read("gold.c").fetchall() == [(3, 3)]
        assert lake.verify(deep=True).is_sound
        lake.collect_garbage()
    assert vending.late == []
    assert {one.table for one in vending.handed} == {"bronze.a", "silver.b", "gold.c"}
    rows = RestLab(tmp_path, vending.server).pyiceberg().load_table("silver.b").scan().to_arrow()["n"].to_pylist()
    assert sorted(rows) == [0, 1, 2]
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    screen = "".join(capfd.readouterr())
    for one in vending.handed:
        for secret in (one.keys["SecretAccessKey"], one.keys["SessionToken"]):
            assert secret.encode() not in written
            assert secret not in screen
            assert not any(secret in text for text in seen)


def test_pyiceberg_and_spark_read_by_the_printed_lines_with_keys_of_their_own(vending: Vending, tmp_path: Path) -> None:
    with lakeflow.open(project(tmp_path, vending)) as lake:
        lake.materialize("bronze.a")
        lines = {reader: lake.how_to_read("bronze.a", reader) for reader in ("pyiceberg", "spark")}
    vending.handed.clear()
    found: dict[str, Any] = {}
    exec(lines["pyiceberg"], found)
    found["catalog"].close()
    assert sorted(found["rows"]["n"].to_pylist()) == [0, 1, 2]
    assert len(vending.handed) == 1
    assert spark_reads.read(lines["spark"], ["bronze.a"], tmp_path) == {"bronze.a": digest(found["rows"])}
    assert len(vending.handed) > 1


def test_the_keys_of_a_table_open_no_other(vending: Vending, tmp_path: Path) -> None:
    """Else a lake that took the keys of one table for another would pass here."""
    with lakeflow.open(project(tmp_path, vending)) as lake:
        lake.materialize("bronze.a")
        lake._world.catalog.create(AssetKey.parse("silver.b"), SCHEMA)
        catalog = lake._world.catalog
        places = {str(key): table.location for key, table in catalog.load(catalog.keys()).items()}
    keys = session(vending.store, places["bronze.a"])
    files = S3FileSystem(
        access_key=keys["AccessKeyId"],
        secret_key=keys["SecretAccessKey"],
        session_token=keys["SessionToken"],
        endpoint_override=vending.store.uri,
        region=vending.store.region,
        allow_delayed_open=True,
    )
    for table, place in places.items():
        stream = files.open_output_stream(f"{place.removeprefix('s3://')}/data/probe.parquet")
        stream.write(b"probe")
        if table == "bronze.a":
            stream.close()
        else:
            with pytest.raises(OSError, match="ACCESS_DENIED"):
                stream.close()


def test_a_file_that_is_open_longer_than_its_keys_is_read_on(vending: Vending, tmp_path: Path) -> None:
    with lakeflow.open(project(tmp_path, vending)) as lake:
        lake.materialize("bronze.a")
        catalog = lake._world.catalog
        [table] = catalog.load(catalog.keys()).values()
        assert table.main
        [path] = catalog.scan(table, table.main).files
    now = [time.time()]
    files = VendedFiles(Vended(catalog_of(vending), Storage(), clock=lambda: now[0]))
    opened = files.opened(path)
    first = opened.read_at(4, 0)
    handed = len(vending.handed)
    vending.end_keys()
    with pytest.raises(OSError, match="session token has expired"):
        opened.read_at(4, 0)
    now[0] += 60.0
    assert opened.read_at(4, 0) == first == b"PAR1"
    assert len(vending.handed) > handed
    assert files.secrets() == ()


def test_keys_that_cannot_be_renewed_are_used_until_they_end(vending: Vending, tmp_path: Path) -> None:
    with lakeflow.open(project(tmp_path, vending)) as lake:
        lake.materialize("bronze.a")
        catalog = lake._world.catalog
        [table] = catalog.load(catalog.keys()).values()
    now = [time.time()]
    vending.seconds = 600.0
    storage = Vended(catalog_of(vending), Storage(), clock=lambda: now[0])
    storage._client.pause = 0.001
    known = storage.at(f"{table.location}/data/f")
    assert known.session_token
    vending.front.instead = lambda _: made("HTTP/1.1 503 Away", {}, b"")
    now[0] += 400.0
    assert storage.at(f"{table.location}/data/f") == known
    now[0] += 300.0
    with pytest.raises(LakeError, match="gives no answer"):
        storage.at(f"{table.location}/data/f")


def test_keys_in_the_settings_outweigh_those_that_a_server_would_hand_out(vending: Vending, tmp_path: Path) -> None:
    project(tmp_path, vending)
    store = vending.store
    said = f'access_key_id = "{store.access_key}"\nsecret_access_key = "{store.secret_key}"\nendpoint = "{store.uri}"\n'
    with (tmp_path / "pyproject.toml").open("a") as file:
        file.write(f"[tool.lakeflow.storage]\n{said}")
    with lakeflow.open(tmp_path) as lake:
        run = lake.materialize("bronze.a")
        assert run is not None
        assert run.state is RunState.PUBLISHED
    assert vending.handed == []


def test_a_place_below_no_table_is_reached_as_the_settings_say(vending: Vending) -> None:
    said = Storage(region="eu-north-1")
    assert Vended(catalog_of(vending), said).at("s3://raw/orders/1.csv") == said
