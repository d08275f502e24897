"""What the server of pages holds in memory after everybody has looked at everything, on a wide and old lake."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import psutil
import pytest

from benchmarks.looking import ASSETS, make
from lakeflow.ui.app import PAGES
from tests.ui.served import served

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say what of a process is its own"),
]
_STRIDE: Final = int(os.environ.get("LAKEFLOW_TEST_STRIDE_PAGES", "100"))
_WHOLE: Final = ("/", "/lineage", "/lineage?select=%2Bgold.t900", "/log?limit=500", "/runs?limit=500", "/quarantine")
_TWINS: Final = ("/index.json", "/lineage.json", "/log.json", "/runs.json")
_MOST: Final = 200_000_000


def test_a_thousand_assets_and_ten_thousand_runs_take_the_server_less_than_two_hundred_megabytes(
    tmp_path: Path,
) -> None:
    """The process has no DuckDB, whose memory is that of the one which answers questions."""
    make(tmp_path)
    with served(tmp_path) as address:
        for path in (*_WHOLE, *_TWINS, *_of_assets(), "/query?sql=select+1+as+v"):
            with urlopen(address.rstrip("/") + path) as answer:
                assert answer.status == 200, path
                answer.read()
        (server,) = (one for one in psutil.Process().children() if str(tmp_path) in one.cmdline())
        assert _own(server.pid) < _MOST
        assert not [each for each in server.memory_maps() if "duckdb" in each.path]


def _of_assets() -> list[str]:
    """The pages of one asset in so many."""
    kinds = [path.removeprefix("/assets/{asset}") for path in PAGES if path.startswith("/assets/{asset}")]
    layers = {number: "bronze" if number < 300 else "silver" if number < 700 else "gold" for number in range(ASSETS)}
    assert all(each.startswith("/") or not each for each in kinds)
    without_rows = [each for each in kinds if each != "/data"]  # these tables have no file
    return [f"/assets/{layers[n]}.t{n}{kind}" for n in range(0, ASSETS, _STRIDE) for kind in without_rows]


def _own(pid: int) -> int:
    """The bytes that are the process's own, without the files that are mapped into it."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    assert found is not None, "Linux always says it"
    return int(found[1]) * 1024
