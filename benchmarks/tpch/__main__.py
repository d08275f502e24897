"""TPC-H from bronze to gold: lakeflow against the same work by hand in plain DuckDB, each a process of its own.

`python -m benchmarks.tpch [--sf 1 10] [--runs 3] [--memory 1GB]`. Bronze lands three tables from Parquet, silver folds
what came twice, casts and hashes, gold joins all and aggregates by day; 22 checks, and the keys of silver and gold. By
hand there is no version, no branch and no proof. Rounds are interleaved, and both sides' rows compared in each.

`--bronze sql` writes bronze as most people begin, `select * from read_parquet(…)`. `--peers dbt sqlmesh` adds tools to
each round, each installed into an environment of its own: the same SELECTs, checks and keys, into a file of DuckDB.

`warm` has the suites that an earlier run made ready, `cold` must import Great Expectations and compile them. Memory is
the most that all processes of a side held at once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.measure import Cost, cost_of
from benchmarks.tpch.data import bronze_by_sql, deliver
from benchmarks.tpch.peers import PEERS
from benchmarks.tpch.results import require_same

LAKE: Final = Path(__file__).parent / "lake"
BY_HAND: Final = Path(__file__).parent / "by_hand.py"
SETTINGS: Final = {"LAKEFLOW_PII_SALT": "a salt for a benchmark", "LAKEFLOW_MEMORY_LIMIT": "4GB"}
"""In the environment of both sides. With a limit, what is larger than memory spills on both."""

Round = Mapping[str, Cost]


def lay_down(root: Path, scale: float, bronze: str = "files", peers: Sequence[str] = ()) -> None:
    """The lake without a table, what lands in it, and the same work for other tools."""
    shutil.copytree(LAKE, root, dirs_exist_ok=True)
    deliver(root, scale)
    if bronze == "sql":
        bronze_by_sql(root)
    for name in peers:
        PEERS[name].lay_down(root)


def by_hand(root: Path) -> Cost:
    return _measured([sys.executable, str(BY_HAND)], root, "hand")


def warm(root: Path) -> Cost:
    return _measured([sys.executable, "-m", "lakeflow.cli", "materialize", "--output", "json"], root, ".lakeflow")


def cold(root: Path) -> Cost:
    """It leaves suites that are ready for `warm` ones."""
    shutil.rmtree(root / "cache", ignore_errors=True)
    return warm(root)


WAYS: Final[Mapping[str, Callable[[Path], Cost]]] = {"cold": cold, "by hand": by_hand, "warm": warm}
"""In the order of a round."""


def one_round(root: Path, peers: Sequence[str]) -> Round:
    costs = {name: way(root) for name, way in WAYS.items()} | {name: PEERS[name].work(root) for name in peers}
    tables = require_same(root, {name: root / PEERS[name].database for name in peers})
    print(f"  all sides agree on {len(tables)} tables, {sum(each.rows for each in tables.values()):,} rows", flush=True)
    return costs


def _measured(command: Sequence[str], root: Path, made: str) -> Cost:
    """From nothing, and after the disk has what was written before: nobody pays for another's writes."""
    shutil.rmtree(root / made, ignore_errors=True)
    os.sync()
    return cost_of(command, root)


def compare(scale: float, runs: int, bronze: str, peers: Sequence[str]) -> None:
    print(f"scale factor {scale:g}, {runs} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="lakeflow-tpch-") as folder:
        root = Path(folder)
        lay_down(root, scale, bronze, peers)
        rounds = [one_round(root, peers) for _ in range(runs)]
    print("           wall: min  median  ratio: min  median   processor  ratio     memory  ratio")
    for way in ("by hand", "warm", "cold", *peers):
        report(way, rounds)


def report(way: str, rounds: Sequence[Round]) -> None:
    """The ratio of minima, and medians of the ratios round by round."""
    walls = [each[way].seconds for each in rounds]
    least = min(walls) / min(each["by hand"].seconds for each in rounds)
    wall, processor, peak = (
        median(getattr(each[way], of) / getattr(each["by hand"], of) for each in rounds)
        for of in ("seconds", "processor", "peak")
    )
    worked, held = (median(getattr(each[way], of) for each in rounds) for of in ("processor", "peak"))
    print(
        f"{way:<10} {min(walls):8.2f} s {median(walls):6.2f} s {least:9.2f}× {wall:6.2f}×"
        f" {worked:9.2f} s {processor:5.2f}× {held / 2**20:7,.0f} MB {peak:5.2f}×",
        flush=True,
    )


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.tpch", description=__doc__)
    arguments.add_argument("--sf", type=float, nargs="*", default=[1.0], help="scale factors; 1 is about 1 GB of text")
    arguments.add_argument("--runs", type=int, default=3, help="rounds of each")
    arguments.add_argument("--memory", default=SETTINGS["LAKEFLOW_MEMORY_LIMIT"], help="DuckDB's limit, on both sides")
    arguments.add_argument("--bronze", choices=("files", "sql"), default="files", help="bronze lands, or is a SELECT")
    arguments.add_argument(
        "--peers", nargs="*", choices=tuple(PEERS), default=[], help="other tools in the same rounds"
    )
    asked = arguments.parse_args()
    os.environ.update(SETTINGS, LAKEFLOW_MEMORY_LIMIT=asked.memory)
    for scale in asked.sf:
        compare(scale, asked.runs, asked.bronze, asked.peers)


if __name__ == "__main__":
    main()
