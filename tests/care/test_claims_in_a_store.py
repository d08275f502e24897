"""Processes that claim one warehouse of a store at once: at most one lake has it, and a repetition decides."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from lakeflow.adapters.iceberg.care.marker import read_mark
from lakeflow.adapters.objects import Places
from lakeflow.core.settings.storage import Storage
from tests.servers.endpoints import Endpoint
from tests.servers.fixture import Servers

pytestmark = pytest.mark.long
ROOT: Final = Path(__file__).parents[2]
LAKES, PROCESSES, ROUNDS = 3, 6, 10
CLAIMS: Final = """
import json, sys
from lakeflow.adapters.iceberg.care.marker import make_mark
from lakeflow.adapters.objects import Places
from lakeflow.core.care.ownership import WarehouseMarker
from lakeflow.core.errors import LakeError
from lakeflow.core.settings.storage import Storage

said = json.loads(sys.stdin.readline())
objects, mark = Places(lambda: Storage(**said["storage"])), WarehouseMarker(said["id"], said["id"], "db")
objects.exists(said["place"])
print("ready", flush=True)
for line in sys.stdin:
    try:
        print(json.dumps(make_mark(line.strip(), mark, objects)), flush=True)
    except LakeError:
        print(json.dumps(False), flush=True)
"""


@pytest.fixture
def storage(servers: Servers) -> Storage:
    store: Endpoint = servers.s3()
    return Storage(
        endpoint=store.uri, region=store.region, access_key_id=store.access_key, secret_access_key=store.secret_key
    )


@pytest.fixture
def processes(servers: Servers, storage: Storage) -> Iterator[Sequence[subprocess.Popen[str]]]:
    """Each is one of the lakes, and waits for a place to claim."""
    told = {
        "endpoint": storage.endpoint,
        "region": storage.region,
        "access_key_id": storage.access_key_id,
        "secret_access_key": storage.secret_access_key,
    }
    place = f"s3://{servers.s3().bucket()}/none"
    command = [sys.executable, "-W", "ignore", "-c", CLAIMS]
    started = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    for number, process in enumerate(started):
        tell(process, json.dumps({"storage": told, "id": f"lake-{number % LAKES}", "place": place}))
    assert [heard(process) for process in started] == ["ready"] * PROCESSES
    yield started
    for process in started:
        process.communicate()


def tell(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{text}\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_at_most_one_lake_has_a_warehouse_that_many_processes_claim_at_once(
    servers: Servers, storage: Storage, processes: Sequence[subprocess.Popen[str]]
) -> None:
    objects, bucket = Places(lambda: storage), servers.s3().bucket()
    for number in range(ROUNDS):
        place = f"s3://{bucket}/{number}"
        for process in processes:
            tell(process, place)
        had = {f"lake-{nth % LAKES}" for nth, process in enumerate(processes) if json.loads(heard(process))}
        mark = read_mark(place, objects)
        assert len(had) <= 1
        assert had <= ({mark.id} if mark else set())
        assert [one.location for one in objects.listed(place) if not one.location.endswith("/lakeflow-lake.json")] == []
        tell(processes[0], place)  # alone: it takes what nobody has, and nothing of another's
        assert json.loads(heard(processes[0])) is (mark is None)
        owner = read_mark(place, objects)
        assert owner is not None
        assert owner.id == (mark.id if mark else "lake-0")
