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

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_any_life_of_a_lake_with_two_environments_keeps_what_is_apart_apart() -> None:
    words = [sys.executable, "-W", "ignore", "-m", "tests.environments.killed_lives", str(examples(8, 1)), "9"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-8000:]
    assert sum(map(int, done.stdout.split())) > 0, "at least one command died"
