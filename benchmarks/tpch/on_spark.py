"""TPC-H from bronze to gold with half of its assets on Spark: the same lake on DuckDB, and on Spark where it says so.

`python -m benchmarks.tpch.on_spark [--sf 0.1] [--runs 1] [--masters local[2] local-cluster[2,1,1024]]`. Bronze lands on
DuckDB, and customers are hashed there; orders, lines, their join and the sums by day run on Spark. Each side is a
process of its own for each round, the rounds are interleaved, and rows, types and proofs compared in each.
`local-cluster[4,1,1024]` has four executors of one core, each a process.

The processor's time is that of all processes below a run, Spark's too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import lakeflow
from benchmarks.measure import family, processor_of
from benchmarks.tpch.__main__ import LAKE, SETTINGS
from benchmarks.tpch.data import deliver
from benchmarks.tpch.results import of_lakeflow

ON_SPARK: Final = Path(__file__).parent / "spark"
MASTERS: Final = ("local[2]", "local-cluster[2,1,1024]", "local-cluster[4,1,1024]")
_TABLE: Final = """
[tool.lakeflow.spark]
master = "{master}"
"spark.driver.memory" = "1g"
"spark.executor.memory" = "1g"
"spark.sql.shuffle.partitions" = 4
"""
Proofs = dict[str, list[tuple[str, str, int | None]]]


@dataclass(frozen=True)
class Side:
    seconds: float
    processor: float


def lay_down(root: Path, landing: Path, master: str = "") -> None:
    """The lake without a table; with a `master` half of its assets are on Spark."""
    shutil.copytree(LAKE, root)
    (root / "landing").symlink_to(landing)
    if master:
        shutil.copytree(ON_SPARK, root / "layers", dirs_exist_ok=True)
        settings = root / "pyproject.toml"
        settings.write_text(settings.read_text() + _TABLE.format(master=master))


def materialized(root: Path) -> Side:
    """From nothing, with the suites of an earlier round where there was one."""
    shutil.rmtree(root / ".lakeflow", ignore_errors=True)
    os.sync()
    command = [sys.executable, "-m", "lakeflow.cli", "materialize", "--output", "json"]
    began, worked = time.perf_counter(), dict[int, float]()
    with tempfile.TemporaryFile() as said:
        run = subprocess.Popen(command, cwd=root, stdout=said, stderr=said)
        while run.poll() is None:
            worked |= {pid: max(worked.get(pid, 0.0), processor_of(pid)) for pid in family(run.pid)}
            time.sleep(0.05)
        if run.returncode:
            said.seek(0)
            raise SystemExit(said.read().decode(errors="replace"))
    return Side(time.perf_counter() - began, sum(worked.values()))


def proofs(root: Path) -> Proofs:
    """Every check of the last run: its outcome, and how many rows it found bad."""
    with lakeflow.open(root) as lake:
        (run,) = lake.runs(1)
        return {str(step.asset): [(c.name, str(c.outcome), c.failed_rows) for c in step.checks] for step in run.steps}


def compare(scale: float, runs: int, masters: Sequence[str]) -> None:
    print(f"scale factor {scale:g}, {runs} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    rounds: dict[str, list[Side]] = {side: [] for side in ("", *masters)}
    with tempfile.TemporaryDirectory(prefix="lakeflow-tpch-") as folder:
        deliver(Path(folder), scale)
        roots = {side: Path(folder) / f"lake-{place}" for place, side in enumerate(rounds)}
        for side, root in roots.items():
            lay_down(root, Path(folder) / "landing", side)
        for _ in range(runs):
            for side, root in roots.items():
                rounds[side].append(materialized(root))
            _require_same(roots)
    for side in masters:
        _report(side, rounds[side], rounds[""])
    print(f"load {os.getloadavg()[0]:.1f} at the end", flush=True)


def _require_same(roots: dict[str, Path]) -> None:
    wanted, proven = of_lakeflow(roots[""]), proofs(roots[""])
    for side, root in roots.items():
        assert of_lakeflow(root) == wanted, f"{side} gives other rows or types"
        assert proofs(root) == proven, f"{side} gives other proofs"
    print(f"  all sides agree on {len(wanted)} tables, {sum(each.rows for each in wanted.values()):,} rows", flush=True)


def _report(side: str, sides: Sequence[Side], duckdb: Sequence[Side]) -> None:
    """Medians of the ratios round by round."""
    both = list(zip(sides, duckdb, strict=True))
    wall = median(one.seconds / other.seconds for one, other in both)
    worked = median(one.processor / other.processor for one, other in both)
    own = (
        f"{median(one.seconds for one in sides):8.1f} s wall {median(one.processor for one in sides):8.1f} s processor"
    )
    print(f"{side:<24} {own}   {wall:5.2f}× wall {worked:5.2f}× processor of DuckDB", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.tpch.on_spark", description=__doc__)
    arguments.add_argument("--sf", type=float, default=0.1, help="scale factor; 1 is about 1 GB of text")
    arguments.add_argument("--runs", type=int, default=1, help="rounds of each")
    arguments.add_argument("--masters", nargs="*", default=MASTERS, help="Spark's masters, one after the other")
    asked = arguments.parse_args()
    os.environ.update(SETTINGS)
    compare(asked.sf, asked.runs, asked.masters)


if __name__ == "__main__":
    main()
