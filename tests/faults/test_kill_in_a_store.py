"""A run of three tables in an object store, killed with SIGKILL: readers see all of it or nothing of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.test_kill import ROOT, assert_all_or_nothing
from tests.faults.zygote import NEW
from tests.servers.fixture import Servers

STRIDE = int(os.environ.get("LAKEFLOW_TEST_STRIDE_STORE", "29"))
"""Every so many operations; 1 kills at all of them."""


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("catalog", ["sqlite", "postgresql"])
def test_a_run_killed_in_a_store_leaves_all_or_nothing_and_is_finished(
    catalog: str, servers: Servers, tmp_path: Path
) -> None:
    at = servers.s3()
    place = {"LAKE": f"s3://{at.bucket()}/lake", "STORE": at.uri, "STORE_KEY": at.access_key}
    place |= {"LAKEFLOW_CATALOG": servers.postgres().url()} if catalog == "postgresql" else {}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.faults.store_zygote", str(tmp_path), "1", str(STRIDE)],
        cwd=ROOT,
        env={**os.environ, **place, "STORE_SECRET": at.secret_key},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    *points, finished = [json.loads(line) for line in done.stdout.splitlines()]
    assert finished["finished"]["operations"] > 100
    assert_all_or_nothing(points)
    assert STRIDE > 1 or {point["seen"] == NEW for point in points} == {False, True}, "on both sides of the commit"
