"""Tables that are published together are seen together (trap T10)."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from lakeflow.adapters.iceberg import IcebergCatalog
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.view.history import seen_at
from tests.iceberg.lab import Lab, nothing, publishing

_KEYS = [AssetKey(Layer.GOLD, f"t{number}") for number in range(3)]
_ROUNDS = 12


@pytest.mark.long
def test_a_reader_of_several_tables_never_sees_half_of_a_publish(lab: Lab) -> None:
    """Every publish adds one row to each table, so the tables always hold equally many."""
    for key in _KEYS:
        lab.land([0], key=key)
    reader = IcebergCatalog(lab.database, str(lab.warehouse), lab.clock)
    torn: list[list[int | None]] = []
    seen: set[int | None] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            counts = [table.published.rows if table.published else 0 for table in reader.load(_KEYS).values()]
            seen.update(counts)
            if len(set(counts)) > 1:
                torn.append(counts)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(_ROUNDS):
        staged = [lab.stage([number], f"r{number}", key=key, table=lab.table(key)) for key in _KEYS]
        lab.catalog.commit([publishing(table, f"r{number}") for table in staged], nothing)
    done.set()
    watcher.join()
    assert torn == []
    assert len(seen) > 1


def test_tables_that_are_published_together_say_the_same_time(lab: Lab) -> None:
    """So at any time readers saw either all of a publish or nothing, and `as_of` can say which."""
    for key in _KEYS:
        lab.land([0], key=key)
    staged = [lab.stage([1], "r1", key=key, table=lab.table(key)) for key in _KEYS]
    tables = lab.catalog.commit([publishing(table, "r1") for table in staged], nothing)
    (moment,) = {table.log[-1][0] for table in tables.values()}
    assert {seen_at(table, moment) for table in tables.values()} == {table.main for table in tables.values()}
    before = moment - timedelta(milliseconds=1)
    assert not {seen_at(table, before) for table in tables.values()} & {table.main for table in tables.values()}
