"""A run of three tables, killed with SIGKILL at its operations: readers see all of it or nothing of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.zygote import NEW, OLD
from tests.servers.fixture import Servers

ROOT = Path(__file__).parents[2]
STRIDE = max(1, int(os.environ.get("LAKEFLOW_TEST_STRIDE", "1")) // 8)
"""Every so many operations; CI kills at a sample of them."""


def killed(folder: Path, *, first: int, stride: int, catalog: str = "") -> list[dict[str, Any]]:
    """Kill at every `stride`-th operation from `first` on, whole and with the synced file torn."""
    named = {"LAKEFLOW_CATALOG": catalog} if catalog else {}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.faults.zygote", str(folder), str(first), str(stride)],
        cwd=ROOT,
        env={**os.environ, **named},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr[-4000:]
    assert "operations" in lines[-1]["finished"], lines[-1]
    return lines[:-1]


def assert_all_or_nothing(points: list[dict[str, Any]]) -> None:
    assert points
    for point in points:
        assert "error" not in point, point
        assert point["seen"] in (OLD, NEW), point
        assert point["broken"] == [], point
        assert point["after"] == NEW, point
        assert "running" not in point["states"], point


def test_a_run_killed_at_some_operations_leaves_all_or_nothing_and_is_finished_by_a_retry(in_memory: Path) -> None:
    assert_all_or_nothing(killed(in_memory, first=40, stride=800))


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_a_run_killed_at_every_operation_leaves_all_or_nothing_and_is_finished_by_a_retry(in_memory: Path) -> None:
    points = killed(in_memory, first=1, stride=STRIDE)
    assert_all_or_nothing(points)
    assert {point["seen"] == NEW for point in points} == {False, True}, "the sweep covers both sides of the commit"


@pytest.mark.timeout(3000)
def test_a_run_on_postgresql_killed_at_its_operations_leaves_all_or_nothing(servers: Servers, in_memory: Path) -> None:
    """LAKEFLOW_TEST_KILLS=1 kills at every one of them, and so on both sides of the commit."""
    stride = int(os.environ.get("LAKEFLOW_TEST_KILLS", "60"))
    points = killed(in_memory, first=7, stride=stride, catalog=servers.postgres().url())
    assert_all_or_nothing(points)
    assert stride > 1 or {point["seen"] == NEW for point in points} == {False, True}
