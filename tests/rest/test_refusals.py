"""What a REST catalog cannot give is refused before anything is asked of it, in words that say what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.adapters.iceberg.rest.ownership import Namespaces
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunState
from tests.contracts.suites.examples import SCHEMA
from tests.rest.lab import RestLab
from tests.rest.lake import FIRST, KEYS, Lake, seen
from tests.servers.fixture import Servers


def without_transactions(lake: Lake) -> None:
    """The server lists its requests, and none for several tables is among them."""
    lake.rest.client.open()
    lake.rest.client.config = {**lake.rest.client.config, "endpoints": ["GET /v1/{prefix}/namespaces"]}


def test_a_server_that_changes_one_table_at_a_time_is_refused_a_publish_of_several(
    tmp_path: Path, servers: Servers
) -> None:
    lake = Lake(tmp_path, servers.rest("java"))
    lab = lake.opened()
    without_transactions(lake)
    with pytest.raises(LakeError, match="cannot change several tables") as error:
        lab.materialize()
    assert "--non-atomic" in (error.value.hint or "")
    assert seen(lab) == [None, None, None]
    assert lab.ledger.intents().open == ()
    lake.rest.close()


def test_asked_for_it_publishes_table_by_table_and_records_all_of_it(tmp_path: Path, servers: Servers) -> None:
    lake = Lake(tmp_path, servers.rest("java"))
    lab = lake.opened()
    without_transactions(lake)
    lake.rest.catalog._tables._non_atomic = True
    assert lab.materialize().state is RunState.PUBLISHED
    assert seen(lab) == FIRST
    assert all(lab.ledger.verdicts(KEYS).values())
    lake.rest.close()


def test_a_second_project_in_the_same_namespaces_is_refused(tmp_path: Path, servers: Servers) -> None:
    server = servers.rest("java")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = RestLab(tmp_path / "a", server), RestLab(tmp_path / "b", server)
    Namespaces(first.client, first.database, "ours").claim()
    Namespaces(first.client, first.database, "ours").claim()
    with pytest.raises(LakeError, match="is the lake ours's, not theirs's"):
        Namespaces(second.client, second.database, "theirs").claim()
    first.close()
    second.close()


def test_namespaces_with_tables_that_no_lake_made_are_refused(tmp_path: Path, servers: Servers) -> None:
    lab = RestLab(tmp_path, servers.rest("java"))
    lab.catalog.create(AssetKey.parse("silver.theirs"), SCHEMA)
    with pytest.raises(LakeError, match="holds tables that no lake made"):
        Namespaces(lab.client, lab.database, "ours").claim()
    lab.close()


def test_a_wrong_prefix_is_said_to_be_one_of_three_settings(tmp_path: Path, servers: Servers) -> None:
    server = servers.rest("seaweedfs")
    lab = RestLab(tmp_path, server, prefix="no-such-warehouse")
    with pytest.raises(LakeError) as error:
        lab.catalog.create(AssetKey.parse("silver.a"), SCHEMA)
    assert "check uri, warehouse and prefix" in (error.value.hint or "")
    lab.close()


def test_a_wrong_credential_is_refused_without_being_shown(tmp_path: Path, servers: Servers) -> None:
    lab = RestLab(tmp_path, servers.rest("seaweedfs"), credential="nobody:at-all")
    with pytest.raises(LakeError, match=r"gives no token|does not know who asks|does not allow") as error:
        lab.catalog.create(AssetKey.parse("silver.a"), SCHEMA)
    assert "at-all" not in f"{error.value} {error.value.hint}"
    lab.close()
