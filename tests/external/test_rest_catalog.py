"""External tables of a real REST catalog, asked by the settings that a lake's own catalog has."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from lakeflow.core.model.run import StepState
from tests.external.lab import ORDERS, ids, make, only_step, opened
from tests.rest.lab import RestLab
from tests.servers.fixture import Servers

SETTINGS = """[tool.lakeflow]

[tool.lakeflow.catalogs.sales]
uri = "{uri}"
warehouse = "{warehouse}"
prefix = "{warehouse}"
credential = "${{CREDENTIAL}}"
oauth2_uri = "{uri}/v1/oauth/tokens"

[tool.lakeflow.storage]
endpoint = "{store}"
access_key_id = "${{STORE_KEY}}"
secret_access_key = "${{STORE_SECRET}}"
"""


def test_a_table_behind_a_prefix_and_a_token_server_is_read(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = servers.rest("seaweedfs")
    assert server.store is not None
    lab = RestLab(tmp_path, server)
    lab.wait()
    theirs = lab.pyiceberg()
    theirs.create_namespace("shop")
    rows = pa.table({"id": pa.array([0, 1, 2], pa.int64()), "amount": pa.array([0.5, 1.5, 2.5])})
    theirs.create_table("shop.orders", rows.schema).append(rows)
    monkeypatch.setenv("CREDENTIAL", server.credential)
    monkeypatch.setenv("STORE_KEY", server.store.access_key)
    monkeypatch.setenv("STORE_SECRET", server.store.secret_key)
    settings = SETTINGS.format(uri=server.uri, warehouse=server.warehouse, store=server.store.uri)
    with opened(make(tmp_path / "ours", {"pyproject.toml": settings, "layers/silver/orders.sql": ORDERS})) as lake:
        assert only_step(lake.materialize()).state is StepState.PUBLISHED
        assert ids(lake, "silver.orders") == [0, 1, 2]
    lab.close()
