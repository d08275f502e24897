"""A table is made once on a server, whatever became of the answer, and what another made meanwhile is not ours."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunState
from tests.contracts.suites.examples import SCHEMA
from tests.rest.lab import RestLab
from tests.rest.lake import FIRST, Lake, seen
from tests.servers.fixture import RestKind, Servers
from tests.servers.proxy import Fault, Request

KINDS: tuple[RestKind, ...] = ("java", "seaweedfs")


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_the_one_that_was_asked_for_whatever_became_of_the_answer(
    tmp_path: Path, servers: Servers, kind: RestKind
) -> None:
    server = servers.rest(kind)
    with servers.proxy(server.uri) as proxy:
        lab = RestLab(tmp_path, server, proxy.uri)
        lab.wait()
        for fault in Fault:
            proxy.seen.clear()
            faults = iter([fault])
            proxy.choose = lambda request, faults=faults: next(faults, None) if _makes(request) else None  # type: ignore[misc]
            key = AssetKey.parse(f"silver.made_{fault.name.lower()}")
            made = lab.catalog.create(key, SCHEMA)
            asked = {json.dumps(json.loads(request.body)["updates"]) for request in proxy.seen if _makes(request)}
            assert len(asked) == 1, fault
            said = {update["action"]: update for update in json.loads(asked.pop())}
            assert made.uuid == said["assign-uuid"]["uuid"], fault
            assert made.location == said["set-location"]["location"], fault
            assert made.properties.items() >= said["set-properties"]["updates"].items(), fault
            assert all(400 <= status < 500 for status in proxy.deliver_late()), fault
            assert lab.catalog.load([key])[key] == made, fault
        lab.close()


def _makes(request: Request) -> bool:
    return b"assert-create" in request.body


def test_rows_that_another_engine_put_into_a_new_table_of_that_name_are_not_overwritten_unseen(
    tmp_path: Path, servers: Servers
) -> None:
    server = servers.rest("java")
    with servers.proxy(server.uri) as proxy:
        lake = Lake(tmp_path, server, proxy.uri)
        lab = lake.opened()

        def meanwhile(request: Request) -> None:
            if b"stage-create" in request.body and b'"b"' in request.body:
                theirs = lake.rest.pyiceberg().create_table("silver.b", pa.schema([("n", pa.int64())]))
                theirs.append(pa.table({"n": [7, 8]}))

        proxy.choose = meanwhile
        run = lab.materialize()
        assert run.state is RunState.CONFLICT
        assert "main moved: expected no snapshot" in " ".join(step.reason for step in run.steps)
        theirs = lake.rest.pyiceberg().load_table("silver.b").scan().to_arrow()
        assert theirs["n"].to_pylist() == [7, 8]
        assert lab.retry(run).state is RunState.PUBLISHED
        assert seen(lab) == FIRST
        lake.rest.close()
