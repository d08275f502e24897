"""Driver, executors, workers and the run itself are killed at many moments: no promise breaks, and the next run
writes what is missing.

`LAKEFLOW_TEST_POINTS` says at how many of a hundred points, or `all`. Where it says nothing, an executor, a driver and
the run are killed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

import pytest

from tests.spark.cluster import Cluster
from tests.spark.killed import Lake, Point, Stage, Victim

Each = TypeVar("Each")
POINTS = os.environ.get("LAKEFLOW_TEST_POINTS", "")
SHARES = tuple(place / 20 for place in range(20))
FEW = (Point(Victim.EXECUTOR, 0.5), Point(Victim.DRIVER, 0.5), Point(Victim.RUN, 0.5))
"""Of these the last ends the run."""
TOGETHER = 3
"""Cycles of one run, each point at an asset of its own: most of what a point costs is the start of Spark."""
NAMES = tuple(f"a{place}" for place in range(4 * TOGETHER))
pytestmark = pytest.mark.timeout(14400)


def cycle(share: float, place: int) -> tuple[Point, ...]:
    """Four points. A session starts after its driver, or the process of that, was killed: in each second cycle the next
    one does not come to work, either.
    """
    driver, child = (Point(victim, share) for victim in (Victim.DRIVER, Victim.CHILD))
    executor, worker = (Point(victim, share) for victim in (Victim.EXECUTOR, Victim.WORKER))
    if place % 4 == 1:
        return driver, replace(child, stage=Stage.START), executor, worker
    if place % 4 == 3:
        return child, replace(driver, stage=Stage.START), executor, worker
    return driver, executor, child, worker


CYCLES = tuple(cycle(share, place) for place, share in enumerate(SHARES))
RUNS = tuple(
    Point(Victim.RUN, 2 * share) if place % 4 else Point(Victim.RUN, share, Stage.START)
    for place, share in enumerate(SHARES)
)


def chosen(points: Sequence[Each]) -> list[Each]:
    """As many as are asked for of a hundred points, evenly."""
    most = 100 if POINTS == "all" else int(POINTS)
    number = max(1, round(most * len(points) / 100))
    return [points[place * len(points) // number] for place in range(min(number, len(points)))]


def rounds() -> Iterator[dict[str, Point]]:
    """The points of each run by asset. A run that dies is the last of its points."""
    if not POINTS:
        yield dict(zip(NAMES, FEW, strict=False))
        return
    cycles = chosen(CYCLES)
    for first in range(0, len(cycles), TOGETHER):
        yield dict(zip(NAMES, chain(*cycles[first : first + TOGETHER]), strict=False))
    for point in chosen(RUNS):
        yield {NAMES[0]: point}


@pytest.fixture
def lake(tmp_path: Path, master: Cluster) -> Lake:
    lake = Lake(tmp_path, master)
    if POINTS:
        lake.undisturbed(NAMES)
    return lake


def test_whoever_is_killed_at_any_moment_no_promise_breaks_and_the_next_run_writes_all(lake: Lake) -> None:
    for number, points in enumerate(rounds()):
        ended = lake.killed(points, 100 + number, NAMES[: max(2, len(points))])
        assert POINTS or "nobody died" not in ended.values()
        for name, point in points.items():
            sys.stdout.write(f"{point}: {ended[name]}\n")  # `-rP` shows it
        sys.stdout.flush()
