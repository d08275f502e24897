"""Driver, executors, workers and the run itself are killed at many moments: no promise breaks, and the next run
writes what is missing.

`LAKEFLOW_TEST_POINTS` says at how many of a hundred points, or `all`. Where it says nothing, an executor, a driver and
the run are killed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spark.cluster import Cluster
from tests.spark.killed import Lake, Point, Victim

POINTS = os.environ.get("LAKEFLOW_TEST_POINTS", "")
TOGETHER = 5
"""Points of one run, each at an asset of its own."""
NAMES = tuple(f"a{place}" for place in range(TOGETHER))
FEW = (Point(Victim.EXECUTOR, 0.5), Point(Victim.DRIVER, 0.5), Point(Victim.RUN, 0.5))
SHARES = tuple(place / 20 for place in range(20))
OF_SPARK = (Victim.DRIVER, Victim.EXECUTOR, Victim.CHILD, Victim.WORKER)
EVERY = tuple(Point(victim, share) for share in SHARES for victim in OF_SPARK)
RUNS = tuple(Point(Victim.RUN, 2 * share) for share in SHARES)
"""Over the time of two assets."""
pytestmark = pytest.mark.timeout(14400)


def chosen(points: tuple[Point, ...]) -> list[Point]:
    """As many as are asked for of a hundred points, evenly, and each victim in its turn."""
    most = 100 if POINTS == "all" else int(POINTS)
    number = max(1, round(most * len(points) / len(EVERY + RUNS)))
    step = len(points) // number
    return list(dict.fromkeys(points[(place * step + place) % len(points)] for place in range(number)))


def rounds() -> Iterator[dict[str, Point]]:
    """The points of each run by asset. A run that dies is the last of its points."""
    if not POINTS:
        yield dict(zip(NAMES, FEW, strict=False))
        return
    every = chosen(EVERY)
    for first in range(0, len(every), TOGETHER):
        yield dict(zip(NAMES, every[first : first + TOGETHER], strict=False))
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
            sys.stdout.write(f"{point.victim} at {point.share:.2f}: {ended[name]}\n")  # `-rP` shows it
