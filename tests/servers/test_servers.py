"""The servers that other tests stand on start, are apart from each other, and end with the tests."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.client import RemoteDisconnected
from pathlib import Path

import psutil
import pytest

from tests.servers.endpoints import Rest
from tests.servers.fixture import RestKind, Servers
from tests.servers.proxy import Fault

ROOT = Path(__file__).parents[2]


def asked(uri: str, body: dict[str, object] | None = None, token: str = "") -> tuple[int, object]:
    sent = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(urllib.request.Request(uri, sent, headers), timeout=60) as answer:
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def token(catalog: Rest) -> str:
    if not catalog.credential:
        return ""
    name, secret = catalog.credential.split(":")
    form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret, "scope": "catalog"}
    sent = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{catalog.uri}/v1/oauth/tokens", sent, timeout=60) as answer:
        return str(json.load(answer)["access_token"])


def namespaces(catalog: Rest, made: str = "") -> set[str]:
    """Those that are there, after one more was made."""
    key = token(catalog)
    _, config = asked(f"{catalog.uri}/v1/config?warehouse={catalog.warehouse}", token=key)
    assert isinstance(config, dict)
    prefix = config.get("overrides", {}).get("prefix") or catalog.warehouse
    place = f"{catalog.uri}/v1/{prefix}/namespaces"
    if made:
        asked(place, {"namespace": [made], "properties": {}}, key)
    _, answer = asked(place, token=key)
    assert isinstance(answer, dict)
    return {name for [name] in answer["namespaces"]}


def test_each_database_of_the_postgresql_server_is_empty_and_outlives_a_restart(servers: Servers) -> None:
    server = servers.postgres()
    one, other = server.database(), server.database()
    server.sql("create table kept as select 1 as n", one)
    server.stop()
    server.start()
    assert server.sql("select n from kept", one) == "1"
    assert server.sql("select count(*) from pg_tables where tablename = 'kept'", other) == "0"


def test_a_user_with_another_password_is_refused_by_postgresql(servers: Servers) -> None:
    server = servers.postgres()
    server.password, right = "wrong", server.password
    try:
        with pytest.raises(AssertionError, match="password authentication failed"):
            server.sql("select 1")
    finally:
        server.password = right


def test_each_bucket_is_empty_and_keeps_what_is_put_there(servers: Servers) -> None:
    from pyarrow.fs import FileSelector, S3FileSystem

    for store in (servers.s3(), servers.moto()):
        files = store.filesystem()
        assert isinstance(files, S3FileSystem)
        one, other = store.bucket(), store.bucket()
        with files.open_output_stream(f"{one}/folder/file") as stream:
            stream.write(b"kept")
        with files.open_input_stream(f"{one}/folder/file") as stream:
            assert stream.read() == b"kept"
        assert files.get_file_info(FileSelector(other)) == []


@pytest.mark.parametrize("kind", ["seaweedfs", "java"])
def test_each_warehouse_of_a_rest_catalog_is_empty_and_apart(servers: Servers, kind: RestKind) -> None:
    one, other = servers.rest(kind), servers.rest(kind)
    assert namespaces(one, made="bronze") == {"bronze"}
    assert namespaces(other) == set()


def test_the_proxy_loses_doubles_and_delays_what_it_is_told_to(servers: Servers) -> None:
    with servers.proxy(servers.rest("java").uri) as proxy:
        target = f"{proxy.uri}/v1/of_the_proxy/namespaces"

        def make(name: str) -> int:
            return asked(target, {"namespace": [name], "properties": {}})[0]

        def there() -> set[str]:
            return {name for [name] in asked(target)[1]["namespaces"]}  # type: ignore[index]

        assert make("plain") == 200
        proxy.choose = lambda request: Fault.LOST_ANSWER if request.method == "POST" else None
        with pytest.raises(RemoteDisconnected):
            make("lost_answer")
        proxy.choose = lambda request: Fault.LOST_REQUEST if request.method == "POST" else None
        with pytest.raises(RemoteDisconnected):
            make("lost_request")
        proxy.choose = lambda request: Fault.DOUBLED if request.method == "POST" else None
        assert make("doubled") == 200
        proxy.choose = lambda request: Fault.REPEATED if request.method == "POST" else None
        with pytest.raises(urllib.error.HTTPError, match="409"):
            make("repeated")
        proxy.choose = lambda request: Fault.BROKEN if request.method == "POST" else None
        with pytest.raises(urllib.error.HTTPError, match="502"):
            make("broken")
        proxy.choose = lambda request: Fault.LATE if request.method == "POST" else None
        with pytest.raises(RemoteDisconnected):
            make("late")
        before = {"plain", "lost_answer", "doubled", "repeated", "broken"}
        assert there() == before
        assert proxy.deliver_late() == [200]
        assert there() == before | {"late"}


def test_a_slowed_server_gives_the_same_answers(servers: Servers) -> None:
    from pyarrow.fs import S3FileSystem

    store = servers.s3()
    bucket = store.bucket()
    slow = type(store)(servers.slowed(store.uri, 0.02), store.access_key, store.secret_key).filesystem()
    assert isinstance(slow, S3FileSystem)
    content = bytes(range(256)) * 5_000
    with slow.open_output_stream(f"{bucket}/file") as stream:
        stream.write(content)
    with store.filesystem().open_input_stream(f"{bucket}/file") as stream:  # type: ignore[attr-defined]
        assert stream.read() == content


def test_servers_end_with_a_process_that_is_killed(servers: Servers) -> None:
    servers.postgres()  # or this is skipped, where it cannot start
    servers.moto()
    text = (
        "from tests.servers import moto, postgres\n"
        "server, other = postgres.start(), moto.start()\n"
        "print(server._server.process.pid, server._home.process.pid, other._kept.process.pid, flush=True)\n"
        "import time; time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", text], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        keepers = [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
        all_of_them = [each for keeper in keepers for each in (keeper, *keeper.children(recursive=True))]
        assert len(keepers) == 3
        process.kill()
        _, alive = psutil.wait_procs(all_of_them, timeout=60)
        assert not alive
