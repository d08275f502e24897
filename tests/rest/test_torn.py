"""Readers of ours see no half of a publish, on servers that apply one table after the other."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.rest.lake import KEYS, Lake, seen
from tests.servers.fixture import RestKind, Servers

PUBLISHES = 8


@pytest.mark.parametrize("kind", ["java", "seaweedfs"])
def test_no_read_of_several_tables_sees_half_of_a_publish(tmp_path: Path, servers: Servers, kind: RestKind) -> None:
    lake = Lake(tmp_path, servers.rest(kind))
    lab = lake.opened((1, 2))
    lab.materialize()
    reader, done = Lake(tmp_path, lake.server), threading.Event()
    reader.pid = 900
    looking, looked = reader.opened(), list[list[list[int] | None]]()

    def look() -> None:
        while not done.is_set():
            looked.append(seen(looking))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for last in range(3, 3 + PUBLISHES):
            lab.define("bronze.a", [1, last], write=lab.assets[KEYS[0]].write)
            lab.materialize()
    finally:
        done.set()
        thread.join()
    assert looked
    assert [one for one in looked if one not in [_rows(last) for last in range(2, 3 + PUBLISHES)]] == []
    lake.rest.close()
    reader.rest.close()


def _rows(last: int) -> list[list[int] | None]:
    return [[1, last], [2, 2 * last], [2 + 2 * last]]
