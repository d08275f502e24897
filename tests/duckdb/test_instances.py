"""An instance that nobody computes on holds none of the machine."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from lakeflow.adapters.duckdb.instance.instance import Instance
from lakeflow.adapters.duckdb.instance.pool import Instances
from lakeflow.core.run.resources import Resources

LIMIT = 2**30
WAIT = 60
GREEDY = "select count(*) from (select distinct md5(i::varchar) as x from range(3_000_000) t(i))"


def resident() -> int:
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_idle_instance_gives_back_what_its_queries_took_and_keeps_its_limit(tmp_path: Path) -> None:
    instances = Instances(lambda: Instance(str(tmp_path), None, None, str(tmp_path / "spill")))
    before = resident()
    with instances.lent(Resources(2, LIMIT)) as instance:
        assert instance.cursor().execute(GREEDY).fetchall() == [(3_000_000,)]
        held = resident() - before
    assert held > 150_000_000
    assert resident() - before < held / 2
    assert instances.first.cursor().execute("select current_setting('memory_limit')").fetchall() == [("1.0 GiB",)]
    instances.close()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(str(tmp_path), None, 2, str(tmp_path / "spill"))
    yield made
    made.close()


def _meeting(instance: Instance, tmp_path: Path, began: threading.Event) -> threading.Thread:
    """A query that ends well only if two threads are inside of it at once."""
    many = str(tmp_path / "many.parquet")
    duckdb.execute(f"copy (from range(20_000)) to '{many}' (row_group_size 2048)")
    together, cursor = threading.Barrier(2), instance.cursor()

    def meet(value: int) -> int:
        if not together.broken and threading.get_ident() not in met:
            met.add(threading.get_ident())
            began.set()
            together.wait(WAIT)
        return value

    met: set[int] = set()
    cursor.create_function("meet", meet, ["BIGINT"], "BIGINT", side_effects=True)
    thread = threading.Thread(target=lambda: cursor.execute(f"copy (select meet(range) from '{many}') to '{many}.out'"))
    thread.start()
    return thread


def test_a_query_under_way_gets_the_threads_that_others_gave_back(instance: Instance, tmp_path: Path) -> None:
    began = threading.Event()
    instance.resize(Resources(1, LIMIT))
    thread = _meeting(instance, tmp_path, began)
    assert began.wait(WAIT)
    instance.resize(Resources(2, LIMIT))
    thread.join(WAIT)
    assert not thread.is_alive()
    assert Path(f"{tmp_path}/many.parquet.out").exists(), "a second thread came, or the query would have failed"


def test_a_query_on_one_thread_has_no_second_one_unless_it_is_given(instance: Instance, tmp_path: Path) -> None:
    """Else the test above would show nothing."""
    instance.resize(Resources(1, LIMIT))
    threads: set[int] = set()
    many = str(tmp_path / "many.parquet")
    duckdb.execute(f"copy (from range(20_000)) to '{many}' (row_group_size 2048)")
    cursor = instance.cursor()

    def seen(value: int) -> int:
        threads.add(threading.get_ident())
        return value

    cursor.create_function("seen", seen, ["BIGINT"], "BIGINT", side_effects=True)
    cursor.execute(f"select sum(seen(range)) from '{many}'").fetchall()
    assert len(threads) == 1
