"""Does a lake slow down with the years? Milliseconds of the 10th, 100th, 1,000th … run of one asset, in a whole lake.

A run is everything that `materialize` does in a process that is open: plan, lease, write to a branch, audit (a key, two
expectations, the row count), publish with retention, ledger and log. Each figure is the median of the runs around that
one, in wall and in processor time of the run's own process. `new` is the whole command as a new process, which keeps
nothing in memory from the runs before. `python -m benchmarks.years [--runs 10000] [--modes append upsert replace]`.

With `--files 10000` a table has as many files as that number of small appends leaves, and what is measured is the next
one beside one onto ten files.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import lakeflow

AROUND: Final = 4
"""So many runs before and after count with one."""
ROWS: Final = """
select {turn} * 10 + i as id, ({turn} + i) % 97 as amount, 'order ' || i as note from range(10) numbers(i)
"""
KEYED: Final = """
select (({turn} * 7 + i) % 1000)::bigint as id, {turn}::bigint as amount, 'order ' || i as note
from range(10) numbers(i)
"""
CHECKS: Final = """
import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="amount"),
    gxe.ExpectColumnValuesToMatchRegex(column="note", regex="^order [0-9]+$"),
]
"""
MANY: Final = """/*
key = ["id"]
write = "append"
partition_by = ["truncate(10, id)"]
*/
select i::bigint as id, i % 97 as amount, 'order ' || i % 10 as note from range({files} * 10) numbers(i)
"""
MODES: Final = {"append": ROWS, "upsert": KEYED, "replace": ROWS}


@dataclass(frozen=True)
class Took:
    """Milliseconds of one run."""

    wall: float
    cpu: float


class Years:
    """A lake in `root` of one asset, `silver.orders`, which writes other rows each turn."""

    def __init__(self, root: Path, mode: str) -> None:
        self.root = root
        text = MODES[mode].format(turn="epoch_us(now())")
        files = {
            "pyproject.toml": "[tool.lakeflow]\n",
            "layers/silver/orders.sql": f'/*\nkey = ["id"]\nwrite = "{mode}"\n*/{text}',
            "checks/silver/orders.py": CHECKS,
        }
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)

    def lay_down(self, files: int) -> None:
        """A table of so many files, made anew in one write; what comes next appends to it."""
        sql = self.root / "layers/silver/orders.sql"
        appending = sql.read_text()
        sql.write_text(MANY.format(files=files))
        with lakeflow.open(self.root) as lake:
            made = lake.materialize(full_refresh=True)
            assert made is not None
            assert made.state == "published", made
        sql.write_text(appending)

    def run(self, times: int) -> Iterator[Took]:
        """So many runs in one open lake."""
        with lakeflow.open(self.root) as lake:
            for _ in range(times):
                began = time.perf_counter(), time.process_time()
                made = lake.materialize()
                yield Took((time.perf_counter() - began[0]) * 1000, (time.process_time() - began[1]) * 1000)
                assert made is not None
                assert made.state == "published", made

    def command(self) -> float:
        """Milliseconds of the command, one run more."""
        began = time.perf_counter()
        command = [sys.executable, "-m", "lakeflow.cli", "materialize", "--output", "json"]
        subprocess.run(command, cwd=self.root, check=True, capture_output=True)
        return (time.perf_counter() - began) * 1000

    def files(self) -> str:
        """How much lies beside the data."""
        metadata = [file.stat().st_size for file in self.root.rglob("metadata/*")]
        ledger = (self.root / ".lakeflow/catalog.db").stat().st_size
        return f"{len(metadata)} metadata files of {sum(metadata) / 1e6:.1f} MB, ledger {ledger / 1e6:.1f} MB"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=1_000)
    arguments.add_argument("--modes", nargs="*", choices=MODES, default=list(MODES))
    arguments.add_argument("--files", type=int)
    asked = arguments.parse_args()
    if asked.files:
        onto(asked.files)
        return
    print("mode          run     wall   of the 10th      cpu   of the 10th       new")
    for mode in asked.modes:
        with tempfile.TemporaryDirectory() as folder:
            measure(Years(Path(folder), mode), mode, asked.runs)


def onto(files: int) -> None:
    few = Took(0, 0)
    with tempfile.TemporaryDirectory() as folder:
        years = Years(Path(folder), "append")
        for there in (10, files):
            years.lay_down(there)
            took = list(years.run(AROUND * 2))[-AROUND:]
            now = Took(median(each.wall for each in took), median(each.cpu for each in took))
            few = few if few.wall else now
            of = (
                f"wall {now.wall:7.1f} ms {now.wall / few.wall:5.2f}×   cpu {now.cpu:7.1f} ms {now.cpu / few.cpu:5.2f}×"
            )
            print(f"append onto {there:8,} files: {of}", flush=True)


def measure(years: Years, mode: str, runs: int) -> None:
    done, tenth = 0, Took(0, 0)
    for place in (10**power for power in range(1, 9) if 10**power <= runs):
        took = list(years.run(place + AROUND - done))[-2 * AROUND - 1 :]
        done = place + AROUND + 1
        now = Took(median(each.wall for each in took), median(each.cpu for each in took))
        tenth = now if place == 10 else tenth
        of = f"{now.wall:8.1f} {now.wall / tenth.wall:12.2f}× {now.cpu:8.1f} {now.cpu / tenth.cpu:12.2f}×"
        print(f"{mode:8} {place:8,} {of} {years.command():9.0f}   {years.files()}", flush=True)


if __name__ == "__main__":
    main()
