"""How long a person waits for each command that only looks, as a process of its own on the lake of the demo.

`make demo && python -m benchmarks.startup [ROUNDS]`. Wall and processor time, the least of all rounds; the last
column is how many times an interpreter that does nothing the command takes, which a busy machine stretches less.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo.demo import SALT

LAKE: Final = Path(__file__).parents[1] / "build" / "demo"
COMMANDS: Final = (
    *("--help", "list", "plan", "status", "lineage", "snapshots gold.flights", "runs", "log"),
    "materialize",  # the demo ends with nothing to do
)


@dataclass(frozen=True, order=True)
class Time:
    wall: float
    processor: float


def main(rounds: int) -> None:
    if not LAKE.is_dir():
        sys.exit("there is no build/demo: `make demo` makes it")
    lines = {"(python -c pass)": [sys.executable, "-c", "pass"]}
    lines |= {each: [sys.executable, "-m", "lakeflow.cli", "-C", str(LAKE), *each.split()] for each in COMMANDS}
    times: dict[str, list[Time]] = {name: [] for name in lines}
    for _ in range(rounds):
        for name, line in lines.items():
            times[name].append(_time(line))
    nothing = min(times["(python -c pass)"]).wall
    print(f"{'seconds, the least of ' + str(rounds):28} {'wall':>6} {'processor':>10} {'x nothing':>10}")
    for name, found in times.items():
        least = min(found)
        print(f"{name:28} {least.wall:6.2f} {min(each.processor for each in found):10.2f} {least.wall / nothing:10.0f}")


def _time(line: Sequence[str]) -> Time:
    began = time.perf_counter()
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, env={**os.environ, "LAKEFLOW_PII_SALT": SALT})
    _, code, used = os.wait4(process.pid, 0)
    process.returncode = code
    if code:
        raise subprocess.CalledProcessError(code, line)
    return Time(time.perf_counter() - began, used.ru_utime + used.ru_stime)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
