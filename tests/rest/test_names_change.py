"""A table is adopted, renamed or dropped once, whatever became of the server's answer or of the process that asked, and
what comes late changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from lakeflow import wap
from lakeflow.core.errors import ConflictError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Ruling, RunRecord, RunState
from tests.rest.lake import Counted, Lake, unruled
from tests.rest.test_kill import chosen, operations
from tests.servers.fixture import Servers
from tests.servers.proxy import Fault, Proxy, Request
from tests.wap.lab import Lab

GOLD = AssetKey.parse("gold.c")
SECOND, NEW = AssetKey.parse("silver.b"), AssetKey.parse("silver.new")
OTHER = pa.schema([("theirs", pa.int32())])


@pytest.fixture
def proxied(tmp_path: Path, servers: Servers) -> Iterator[tuple[Lake, Proxy]]:
    server = servers.rest("java")
    with servers.proxy(server.uri) as proxy:
        yield Lake(tmp_path, server, proxy.uri), proxy


def said(request: Request) -> str:
    """What is asked of which name, in whatever warehouse."""
    return f"{request.method} {request.path.removeprefix('/v1/').partition('/')[2]}"


def once(proxy: Proxy, fault: Fault, words: str) -> list[Request]:
    """This fault for the first request that begins so. It is among these requests once it was asked."""
    hit = list[Request]()

    def choose(request: Request) -> Fault | None:
        if hit or not said(request).startswith(words):
            return None
        hit.append(request)
        return fault

    proxy.choose = choose
    return hit


def with_second(lab: Lab, name: AssetKey, before: AssetKey | None) -> None:
    """The second table's asset has that name, and had the other one."""
    lab.assets.pop(AssetKey.parse("silver.b"))
    lab.define(str(name), lambda rows: [2 * number for number in rows["bronze.a"]], "bronze.a", renamed_from=before)
    lab.define("gold.c", lambda rows: [sum(rows[str(name)])], str(name))


def dropped(lab: Lab) -> RunRecord:
    """Its asset is gone, and comes again for who adopts it."""
    mine = lab.assets.pop(GOLD)
    try:
        return wap.drop(lab.world, GOLD)
    finally:
        lab.assets[GOLD] = mine


def adopted(lab: Lab, place: str) -> RunRecord:
    return wap.adopt(lab.world, GOLD, place, lambda _: None)


def renamed(lab: Lab) -> RunRecord:
    with_second(lab, NEW, SECOND)
    return lab.materialize()


def test_a_table_gets_its_new_name_once(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    lake.opened().materialize()
    lake.rest.close()
    for nth, fault in enumerate(Fault):
        old, new = (AssetKey.parse(f"silver.b{number or ''}") for number in (nth, nth + 1))
        lab = lake.opened((1, 3 + nth))
        uuid = lab.catalog.load([old])[old].uuid
        with_second(lab, new, old)
        hit = once(proxy, fault, "POST tables/rename")
        assert lab.materialize().state is RunState.PUBLISHED, fault
        assert hit, fault
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
        hit = once(proxy, fault, "DELETE ")
        assert wap.drop(lab.world, GOLD).state is RunState.PUBLISHED, fault
        assert hit, fault
        assert all(400 <= status < 500 for status in proxy.deliver_late()), fault
        assert not lab.catalog.load([GOLD]), fault
        assert lab.ledger.intents().open == (), fault
        lake.rest.close()


def test_a_table_is_adopted_once(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    lab = lake.opened()
    lab.materialize()
    table = lab.catalog.load([GOLD])[GOLD]
    for fault in Fault:
        assert dropped(lab).state is RunState.PUBLISHED
        hit = once(proxy, fault, "POST namespaces/gold/register")
        assert adopted(lab, table.version).state is RunState.PUBLISHED, fault
        assert hit, fault
        assert all(400 <= status < 500 for status in proxy.deliver_late()), fault
        assert lab.catalog.load([GOLD])[GOLD].uuid == table.uuid, fault
        assert unruled(lake.rest) == [], fault
        assert lab.ledger.intents().open == (), fault
    lake.rest.close()


def test_what_another_engine_gave_the_name_meanwhile_is_not_adopted(proxied: tuple[Lake, Proxy]) -> None:
    """The server refuses, as it would refuse our own request that came twice."""
    lake, proxy = proxied
    lab = lake.opened()
    lab.materialize()
    place = lab.catalog.load([GOLD])[GOLD].version
    dropped(lab)
    theirs = made_first(lake, proxy, GOLD, "POST namespaces/gold/register", None)
    with pytest.raises(ConflictError, match="the catalog refused"):
        adopted(lab, place)
    assert lab.catalog.load([GOLD])[GOLD].uuid == theirs()
    assert lab.ledger.verdicts([GOLD])[GOLD][-1].ruling is not Ruling.PUBLISH
    assert lab.ledger.intents().open == ()
    lake.rest.close()


def made_first(
    lake: Lake, proxy: Proxy, key: AssetKey, words: str, fault: Fault | None, then: str = ""
) -> Callable[[], str]:
    """That request has this fault, and another engine gives the name to a table of its own: before it, or before the
    next one that begins with `then`. Its uuid can be asked for after that.
    """
    uuids, waits = list[str](), [words, *([then] if then else [])]

    def choose(request: Request) -> Fault | None:
        if not waits or not said(request).startswith(waits[0]):
            return None
        if not waits[1:]:
            uuids.append(str(lake.rest.pyiceberg().create_table(str(key), OTHER).metadata.table_uuid))
        return fault if waits.pop(0) == words else None

    proxy.choose = choose
    return lambda: uuids[0]


def test_a_table_whose_old_name_another_engine_took_at_once_was_renamed(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    lab = lake.opened()
    lab.materialize()
    uuid = lab.catalog.load([SECOND])[SECOND].uuid
    theirs = made_first(lake, proxy, SECOND, "POST tables/rename", Fault.LOST_ANSWER, "GET namespaces/silver")
    renamed(lab)
    assert {key: table.uuid for key, table in lab.catalog.load([SECOND, NEW]).items()} == {NEW: uuid, SECOND: theirs()}
    assert {one.ruling for one in lab.ledger.verdicts([NEW])[NEW]} == {Ruling.PUBLISH}
    assert lab.ledger.verdicts([SECOND])[SECOND] == ()
    assert lab.ledger.intents().open == ()
    lake.rest.close()


def test_a_table_whose_name_another_engine_took_at_once_was_dropped(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    lab = lake.opened()
    lab.materialize()
    theirs = made_first(lake, proxy, GOLD, "DELETE ", Fault.LOST_ANSWER, "GET namespaces/gold")
    assert dropped(lab).state is RunState.PUBLISHED
    assert lab.catalog.load([GOLD])[GOLD].uuid == theirs()
    assert lab.ledger.verdicts([GOLD])[GOLD][-1].ruling is Ruling.DROPPED
    assert lab.ledger.intents().open == ()
    lake.rest.close()


def asked(passed: list[str], words: str) -> list[int]:
    """Before the request that changes the name, after it, and after its answer."""
    sent = next(nth for nth, what in enumerate(passed, 1) if words in what)
    return [sent, sent + 1, sent + 2]


def test_who_is_killed_while_a_table_comes_or_goes_leaves_it_there_or_not(proxied: tuple[Lake, Proxy]) -> None:
    """The same command, typed again, finishes it."""
    lake, _ = proxied
    lab = lake.opened()
    lab.materialize()
    table = lab.catalog.load([GOLD])[GOLD]
    lake.rest.close()
    steps: dict[str, Callable[[Lab], RunRecord]] = {
        "DELETE ": dropped,
        "/register": lambda lab: adopted(lab, table.version),
    }
    places = dict[str, list[int]]()
    for words, act in steps.items():
        assert lake.child(act, Counted(), (1, 2)) == 0
        passed = operations(lake)
        places[words] = chosen(range(1, len(passed) + 1), asked(passed, words))
    for nth in range(max(map(len, places.values()))):
        for (words, act), is_there in zip(steps.items(), (False, True), strict=True):
            place = places[words][nth % len(places[words])]
            lake.child(act, Counted(place), (1, 2))
            lab = lake.opened()
            assert {found.uuid for found in lab.catalog.load([GOLD]).values()} <= {table.uuid}, (words, place)
            assert unruled(lake.rest) == [], (words, place)
            with suppress(UsageError):  # it was done
                act(lab)
            assert (GOLD in lab.catalog.load([GOLD])) is is_there, (words, place)
            assert unruled(lake.rest) == [], (words, place)
            ruling = Ruling.PUBLISH if is_there else Ruling.DROPPED
            assert lab.ledger.verdicts([GOLD])[GOLD][-1].ruling is ruling, (words, place)
            assert lab.ledger.intents().open == (), (words, place)
            lake.rest.close()
