"""Servers, and what stands in front of them, that answer oddly: a run ends in one state, and says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from lakeflow.core.errors import LakeError
from lakeflow.core.log.recorded import moves_of
from lakeflow.core.model.run import RunState
from tests.iceberg.lab import wall_clock
from tests.rest.lake import FIRST, KEYS, Lake, end_well, seen, unruled
from tests.servers.answers import Cache
from tests.servers.fixture import RestKind, Servers
from tests.servers.proxy import Fault, Proxy, Request

MORE: list[list[int] | None] = [[1, 5], [2, 10], [12]]
KINDS: tuple[RestKind, ...] = ("java", "seaweedfs")


@pytest.fixture(params=KINDS)
def proxied(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Iterator[tuple[Lake, Proxy]]:
    kind: RestKind = request.param
    server = servers.rest(kind)
    with servers.proxy(server.uri) as proxy:
        lake = Lake(tmp_path, server, proxy.uri)
        lake.opened()
        lake.rest.close()
        yield lake, proxy
        lake.rest.close()


java = pytest.mark.parametrize("proxied", ["java"], indirect=True)
"""Where it is what stands before the server that is odd."""


def changes(request: Request) -> bool:
    """Not the probe, which asks for nothing."""
    return b"requirements" in request.body and b"probe" not in request.body


def published(lake: Lake) -> None:
    lab = lake.opened()
    assert lab.materialize().state is RunState.PUBLISHED
    assert seen(lab) == FIRST
    assert unruled(lake.rest) == []
    assert lab.ledger.intents().open == ()


def test_a_server_that_gets_everything_twice_publishes_once(proxied: tuple[Lake, Proxy]) -> None:
    """We see its second answers, which refuse our own requests."""
    lake, proxy = proxied
    proxy.choose = lambda _: Fault.REPEATED
    published(lake)


def test_a_server_that_does_each_commit_and_says_that_it_failed_publishes(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    proxy.choose = lambda request: Fault.BROKEN if changes(request) else None
    published(lake)


def test_a_server_that_makes_no_publish_and_never_answers_one_publishes_nothing(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    lab = lake.opened()
    proxy.choose = lambda request: Fault.UNAVAILABLE if changes(request) and "transactions" in request.path else None
    with pytest.raises(LakeError, match="gave no answer to a commit, and has not made it"):
        lab.materialize()
    assert seen(lab) == [None, None, None]
    assert lab.ledger.intents().open == ()
    proxy.choose = lambda _: None
    lake.rest.close()
    end_well(lake, (1, 2), FIRST)


def bare(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b"\r\n")[0]
    chunked = b"transfer-encoding: chunked" in head.lower()
    return status + (b"\r\nTransfer-Encoding: chunked" if chunked else b"") + b"\r\n\r\n" + body


@java
def test_an_answer_needs_no_headers(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    proxy.alter = lambda _, answer: bare(answer)
    published(lake)


@java
def test_a_commit_that_is_answered_with_a_page_for_people_is_looked_up(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>OK</html>"
    proxy.alter = lambda request, answer: page if changes(request) else answer
    published(lake)


@pytest.mark.parametrize("proxied", ["seaweedfs"], indirect=True)
def test_a_token_that_ends_between_a_publish_and_the_look_is_fetched_anew(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    ended: list[bytes] = []

    def choose(request: Request) -> Fault | None:
        if ended or not (changes(request) and "transactions" in request.path):
            return None
        ended.append(_token(request))
        return Fault.LOST_ANSWER

    proxy.choose = choose
    proxy.instead = lambda request: UNKNOWN if _token(request) in ended else None
    published(lake)
    assert ended[0]


@java
def test_who_may_not_look_what_came_of_a_publish_leaves_it_to_the_next_process(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    lab = lake.opened()
    sent: list[Request] = []

    def choose(request: Request) -> Fault | None:
        if not (changes(request) and "transactions" in request.path):
            return None
        sent.append(request)
        return Fault.LOST_ANSWER

    proxy.choose = choose
    proxy.instead = lambda _: UNKNOWN if sent else None
    with pytest.raises(LakeError, match="does not know who asks"):
        lab.materialize()
    assert len(lab.ledger.intents().open) == 1
    proxy.instead = lambda _: None
    assert seen(lab) == [None, None, None]
    assert unruled(lake.rest) == []
    lake.rest.close()
    end_well(lake, (1, 2), FIRST)


UNKNOWN = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


def _token(request: Request) -> bytes:
    lines = (line for line in request.head.split(b"\r\n") if line.lower().startswith(b"authorization: bearer "))
    return next(lines, b"")


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_hours_from_the_servers_publishes_all_the_same(proxied: tuple[Lake, Proxy], hours: int) -> None:
    lake, _ = proxied
    lab = lake.opened()
    lake.rest.catalog._commits._clock = lambda: wall_clock() + timedelta(hours=hours)
    lab.materialize()
    lab.define("bronze.a", [1, 5], write=lab.assets[KEYS[0]].write)
    assert lab.materialize().state is RunState.PUBLISHED
    assert seen(lab) == MORE
    for table in lab.catalog.load(KEYS).values():
        log = lake.rest.pyiceberg().load_table(str(table.key)).metadata.snapshot_log
        times = [entry.timestamp_ms for entry in log]
        assert times == sorted(times)
        assert [move.snapshot_id for move in moves_of(table.properties)] == [entry.snapshot_id for entry in log]


@java
@pytest.mark.parametrize("times", [1, 3])
def test_what_a_cache_answered_is_asked_for_again(proxied: tuple[Lake, Proxy], times: int) -> None:
    lake, proxy = proxied
    proxy.alter = Cache(times)
    published(lake)


@java
def test_a_cache_that_never_lets_go_is_an_error_that_says_so(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    lab = lake.opened()
    proxy.alter = Cache(1_000_000)
    run = lab.materialize()
    assert run.state is RunState.FAILED
    assert "older state of the table than one that is known (let no cache" in " ".join(one.reason for one in run.steps)
    proxy.alter = lambda _, answer: answer
    assert seen(lab) == [None, None, None]
    assert unruled(lake.rest) == []
    lake.rest.close()
    end_well(lake, (1, 2), FIRST)


@java
def test_readers_of_a_cache_see_no_older_state_than_before(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    lab = lake.opened()
    lab.materialize()
    proxy.alter = kept = Cache(1_000_000)
    assert seen(lab) == FIRST
    proxy.alter = lambda _, answer: answer
    lab.define("bronze.a", [1, 5], write=lab.assets[KEYS[0]].write)
    lab.materialize()
    proxy.alter = kept
    with pytest.raises(LakeError, match="older state of the table than one that is known"):
        seen(lab)
    kept.kept.clear()
    assert seen(lab) == MORE


@java
def test_a_process_that_stays_open_gets_over_an_older_state_that_another_engine_registered(
    proxied: tuple[Lake, Proxy],
) -> None:
    """It cannot tell that from a cache at once: it says so once, and believes it then."""
    lake, _ = proxied
    lab = lake.opened()
    lab.materialize()
    before = lab.catalog.load([KEYS[2]])[KEYS[2]].version
    lab.define("bronze.a", [1, 5], write=lab.assets[KEYS[0]].write)
    lab.materialize()
    assert seen(lab) == MORE
    theirs = lake.rest.pyiceberg()
    theirs.drop_table("gold.c")
    theirs.register_table("gold.c", before)
    with pytest.raises(LakeError, match="older state of the table than one that is known"):
        seen(lab)
    assert seen(lab) == [*MORE[:2], FIRST[2]]
    assert seen(lab) == [*MORE[:2], FIRST[2]]
