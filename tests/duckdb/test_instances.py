"""An instance that nobody computes on holds none of the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lakeflow.adapters.duckdb.instance.instance import Instance
from lakeflow.adapters.duckdb.instance.pool import Instances
from lakeflow.core.run.resources import Resources

LIMIT = 2**30
GREEDY = "select count(*) from (select distinct md5(i::varchar) as x from range(3_000_000) t(i))"


def resident() -> int:
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


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
