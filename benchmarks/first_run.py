"""What the first run over the sample of `lakeflow init` costs: seconds of the processor, of all its processes.

Each round makes a project anew, with no cache, and runs `materialize` in it. Python's modules are compiled, as they are
in an installed package; the first round compiles them and is not counted. Beside each figure stands what a loop of ten
million additions takes at that moment: 0.7 s on the machine that the aim of 2 s is for, so that a busy or slow machine
can be told from a slow run. `python -m benchmarks.first_run [ROUNDS]`.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

USUAL: Final = 0.7
"""Seconds that the loop takes on the usual machine."""
LOOP: Final = "x = 0\nfor i in range(10_000_000): x += i"
LAKEFLOW: Final = (sys.executable, "-m", "lakeflow.cli")
HELD: Final = 1
"""A check of the sample fails, on purpose."""


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        compiled = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        compiled |= {"PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
        for number in range(rounds + 1):
            root = Path(folder) / str(number)
            root.mkdir()
            environment = {**compiled, "XDG_CACHE_HOME": str(root / "cache")}
            _seconds((*LAKEFLOW, "init", "lake"), root, environment)
            loop = _seconds((sys.executable, "-c", LOOP), root, environment)
            run = _seconds((*LAKEFLOW, "materialize"), root / "lake", environment)
            if number:
                print(
                    f"{run:5.2f} s, the loop {loop:4.2f} s: {run / loop * USUAL:4.2f} s of the usual machine",
                    flush=True,
                )


def _seconds(command: tuple[str, ...], root: Path, environment: dict[str, str]) -> float:
    """Of user and system, of the process and all that it waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    made = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if made.returncode not in {0, HELD}:
        raise SystemExit(made.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
