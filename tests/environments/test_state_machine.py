"""Any order of runs on main and in two environments, of promotes, refreshes, drops, rollbacks and collections, any of
them killed with SIGKILL at one of its operations.

Readers of main, who are pyiceberg, see a snapshot of an environment only when a promote has brought it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.explored import examples
from tests.servers.fixture import Servers

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_any_life_of_a_lake_with_two_environments_keeps_what_is_apart_apart() -> None:
    lived(examples(8, 1), 9)


@pytest.mark.timeout(3000)
def test_so_does_any_life_of_one_that_a_rest_catalog_keeps(servers: Servers) -> None:
    lives = examples(3, 1)
    every = [servers.rest("java") for _ in range(lives + 1)]
    lived(lives, 9, every[0].uri, *(one.warehouse for one in every))


def lived(lives: int, steps: int, *served: str) -> None:
    words = [sys.executable, "-W", "ignore", "-m", "tests.environments.killed_lives", str(lives), str(steps), *served]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-8000:]
    assert sum(map(int, done.stdout.split())) > 0, "at least one command died"
