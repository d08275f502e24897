"""A table is renamed or dropped once, whatever became of the server's answer, and what comes late changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakeflow import wap
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunState
from tests.rest.lake import Lake
from tests.servers.fixture import Servers
from tests.servers.proxy import Fault, Proxy, Request
from tests.wap.lab import Lab

GOLD = AssetKey.parse("gold.c")


@pytest.fixture
def proxied(tmp_path: Path, servers: Servers) -> Iterator[tuple[Lake, Proxy]]:
    server = servers.rest("java")
    with servers.proxy(server.uri) as proxy:
        yield Lake(tmp_path, server, proxy.uri), proxy


def once(proxy: Proxy, fault: Fault, words: str) -> None:
    """This fault for the first request of which these are the first words."""
    faults = iter([fault])

    def choose(request: Request) -> Fault | None:
        return next(faults, None) if f"{request.method} {request.path}".startswith(words) else None

    proxy.choose = choose


def with_second(lab: Lab, name: AssetKey, before: AssetKey | None) -> None:
    """The second table's asset has that name, and had the other one."""
    lab.assets.pop(AssetKey.parse("silver.b"))
    lab.define(str(name), lambda rows: [2 * number for number in rows["bronze.a"]], "bronze.a", renamed_from=before)
    lab.define("gold.c", lambda rows: [sum(rows[str(name)])], str(name))


def test_a_table_gets_its_new_name_once(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    lake.opened().materialize()
    lake.rest.close()
    for nth, fault in enumerate(Fault):
        old, new = (AssetKey.parse(f"silver.b{number or ''}") for number in (nth, nth + 1))
        lab = lake.opened((1, 3 + nth))
        uuid = lab.catalog.load([old])[old].uuid
        with_second(lab, new, old)
        once(proxy, fault, "POST /v1/tables/rename")
        assert lab.materialize().state is RunState.PUBLISHED, fault
        assert all(400 <= status < 500 for status in proxy.deliver_late()), fault
        assert {key: table.uuid for key, table in lab.catalog.load([old, new]).items()} == {new: uuid}, fault
        assert lab.rows(str(new)) == [2, 6 + 2 * nth], fault
        assert lab.ledger.intents().open == (), fault
        lake.rest.close()


def test_a_table_is_dropped_once(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    for nth, fault in enumerate(Fault):
        lab = lake.opened((1, 2 + nth))
        lab.materialize()
        del lab.assets[GOLD]
        once(proxy, fault, "DELETE ")
        assert wap.drop(lab.world, GOLD).state is RunState.PUBLISHED, fault
        assert all(400 <= status < 500 for status in proxy.deliver_late()), fault
        assert not lab.catalog.load([GOLD]), fault
        assert lab.ledger.intents().open == (), fault
        lake.rest.close()
