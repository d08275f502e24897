"""A run of three tables on a REST catalog is killed at its operations, and its answers are lost, late or doubled:
nothing unruled is on main, nothing is torn for our readers, and every run ends in one state.

`LAKEFLOW_TEST_POINTS` says at how many points of each sweep, or `all`; each of a first run has a warehouse of its own,
so that all of them need LAKEFLOW_TEST_WAREHOUSES=700.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from lakeflow.core.model.run import RunState
from tests.rest.lake import FIRST, Counted, Lake, end_well, seen, unruled
from tests.servers.fixture import RestKind, Servers
from tests.servers.proxy import Fault, Proxy, Request
from tests.wap.doubles import Numbers

pytestmark = pytest.mark.timeout(7200)
T = TypeVar("T")
POINTS = os.environ.get("LAKEFLOW_TEST_POINTS", "4")
KINDS: tuple[RestKind, ...] = ("java", "seaweedfs")


def chosen(places: Sequence[T], always: Sequence[T] = ()) -> list[T]:
    """So many of the places as are asked for, evenly, and those that are always tried."""
    every = 1 if POINTS == "all" else max(1, -(-len(places) // int(POINTS)))
    points = list(dict.fromkeys([*places[::every], *always]))
    sys.stdout.write(f"{len(points)} points of {len(places)}\n")  # `-rP` shows it
    return points


def each(places: Iterable[int]) -> list[tuple[int, Fault]]:
    """Every fault at each of these places."""
    return [(place, fault) for place in places for fault in Fault]


def numbers_of(point: int) -> tuple[int, ...]:
    """Other rows for each point, so that each run has something to publish."""
    return (1, point + 3)


def rows_of(point: int) -> list[list[int] | None]:
    first, last = numbers_of(point)
    return [[first, last], [2 * first, 2 * last], [2 * (first + last)]]


def operations(lake: Lake) -> list[str]:
    """What a run passes, from its child's own words."""
    return (lake.root / "operations").read_text().splitlines()


def posts(passed: Sequence[str]) -> list[int]:
    """Where the server is asked for a change, and where it has answered."""
    return [place for place, what in enumerate(passed, 1) if what.startswith("POST ") and "/oauth/" not in what]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> RestKind:
    found: RestKind = request.param
    return found


@pytest.fixture(params=[*KINDS, "java-s3", "java, one by one"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Lake:
    """Three tables that were published once."""
    kind, apart, _ = request.param.partition(", one by one")
    made = Lake(tmp_path, servers.rest(kind), apart=bool(apart))
    made.opened().materialize()
    made.rest.close()
    return made


def test_a_run_that_is_killed_at_any_operation_leaves_all_or_nothing(lake: Lake) -> None:
    before: list[list[int] | None]
    assert lake.child(lambda lab: lab.materialize(), Counted(), numbers_of(0)) == 0
    passed, before = operations(lake), rows_of(0)
    publish = posts(passed)[-2:]
    for place in chosen(range(1, len(passed) + 1), [publish[0] - 1, *publish, publish[-1] + 1]):
        wanted = rows_of(place)
        lake.child(lambda lab: lab.materialize(), Counted(place), numbers_of(place))
        looked = seen(lake.opened())
        assert looked in (before, wanted), passed[place - 1]
        assert unruled(lake.rest) == [], passed[place - 1]
        lake.rest.close()
        end_well(lake, numbers_of(place), wanted)
        before = wanted


def test_a_first_run_that_is_killed_while_its_tables_are_made_leaves_all_or_nothing(
    tmp_path: Path, servers: Servers, kind: RestKind
) -> None:
    first = Lake(tmp_path, servers.rest(kind))
    assert first.child(lambda lab: lab.materialize(), Counted(), (1, 2)) == 0
    passed = operations(first)
    for place in chosen(range(1, len(passed) + 1)):
        (root := tmp_path / str(place)).mkdir()
        lake = Lake(root, servers.rest(kind))
        lake.child(lambda lab: lab.materialize(), Counted(place), (1, 2))
        assert seen(lake.opened()) in ([None, None, None], FIRST), passed[place - 1]
        assert unruled(lake.rest) == [], passed[place - 1]
        lake.rest.close()
        end_well(lake, (1, 2), FIRST)


@pytest.fixture
def proxied(lake: Lake, servers: Servers) -> Iterator[tuple[Lake, Proxy]]:
    with servers.proxy(lake.server.uri) as proxy:
        lake.uri = proxy.uri
        yield lake, proxy


class OnceAt:
    """This fault, for that one of the requests and for no other."""

    def __init__(self, fault: Fault, place: int) -> None:
        self.fault, self.place, self.passed, self.changes = fault, place, 0, False

    def __call__(self, request: Request) -> Fault | None:
        self.passed += 1
        if self.passed != self.place:
            return None
        self.changes = b"requirements" in request.body
        return self.fault


def test_an_answer_that_is_lost_late_or_doubled_is_resolved(proxied: tuple[Lake, Proxy]) -> None:
    lake, proxy = proxied
    lake.opened(numbers_of(0)).materialize()
    lake.rest.close()
    requests = [request for request in proxy.seen if "/v1/config" not in request.path]
    publish = max(nth for nth, request in enumerate(requests, 2) if b"requirements" in request.body)
    for nth, (place, fault) in enumerate(chosen(each(range(1, len(requests) + 2)), each([publish])), 1):
        goes_wrong(lake, proxy, OnceAt(fault, place), numbers_of(nth), rows_of(nth))


def goes_wrong(lake: Lake, proxy: Proxy, once: OnceAt, numbers: Numbers, wanted: list[list[int] | None]) -> None:
    """The run goes on, whatever became of one answer, and what comes late changes nothing any more."""
    at = (once.place, once.fault)
    lab = lake.opened(numbers)
    proxy.choose = once
    assert lab.materialize().state is RunState.PUBLISHED, at
    proxy.choose = lambda _: None
    assert seen(lab) == wanted, at
    for status in proxy.deliver_late():
        assert not once.changes or 400 <= status < 500, f"{at}: a change that comes late is refused"
    assert seen(lab) == wanted, at
    assert unruled(lake.rest) == [], at
    lake.rest.close()
    end_well(lake, numbers, wanted)


def test_an_answer_that_goes_wrong_while_tables_are_made_is_resolved(
    tmp_path: Path, servers: Servers, kind: RestKind
) -> None:
    """What asks twice for a namespace or a table makes it once."""
    server = servers.rest(kind)
    with servers.proxy(server.uri) as proxy:
        lake = Lake(tmp_path, server, proxy.uri)
        lab, before = lake.opened(), len(proxy.seen)
        lab.materialize()
        lake.rest.close()
        asked = proxy.seen[before:]
        made = [nth for nth, request in enumerate(asked, 1) if b"assert-create" in request.body][1]
        for nth, (place, fault) in enumerate(chosen(each(range(1, len(asked) + 1)), each([made])), 1):
            (root := tmp_path / str(nth)).mkdir()
            lake = Lake(root, servers.rest(kind), proxy.uri)
            goes_wrong(lake, proxy, OnceAt(fault, place), (1, 2), FIRST)


def test_a_publish_that_comes_after_its_process_died_is_refused(proxied: tuple[Lake, Proxy]) -> None:
    """The server gets it when the next process has settled what was left."""
    lake, proxy = proxied
    assert lake.child(lambda lab: lab.materialize(), Counted(), numbers_of(0)) == 0
    sent = posts(operations(lake))[-2]
    proxy.choose = lambda request: Fault.LATE if b'"remove-snapshot-ref"' in request.body else None
    lake.child(lambda lab: lab.materialize(), Counted(sent + 2), numbers_of(1))
    proxy.choose = lambda _: None
    lab = lake.opened(numbers_of(2))
    lab.materialize()
    statuses = proxy.deliver_late()
    assert statuses
    assert all(400 <= status < 500 for status in statuses)
    assert seen(lab) == rows_of(2)
    assert unruled(lake.rest) == []
    lake.rest.close()
