"""TPC-H from bronze to gold in an object store, against the same lake on the local disk.

`python -m benchmarks.stores [--sf 1] [--runs 3] [--latency 0.02]`, after `make servers`. The store is SeaweedFS on
loopback; `late` is the same store behind a proxy that holds each request back. `run` makes the whole lake, `scan` reads
every value of its tables. Each is a process of its own; the processor's time is that of lakeflow's processes, without
the store's. Rounds are interleaved, and the rows of all lakes compared in each.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.measure import Cost, cost_of
from benchmarks.tpch.__main__ import SETTINGS, lay_down
from benchmarks.tpch.results import of_lakeflow
from tests.servers import seaweedfs
from tests.servers.endpoints import Endpoint
from tests.servers.kept import CannotStartError
from tests.servers.slowed import slowed

SECRET: Final = "LAKEFLOW_BENCHMARK_SECRET"
RUN: Final = [sys.executable, "-m", "lakeflow.cli", "materialize", "--output", "json"]
SCAN: Final = [
    sys.executable,
    "-c",
    "import sys; from pathlib import Path; from benchmarks.tpch.results import of_lakeflow; of_lakeflow(Path('.'))",
]


@dataclass(frozen=True)
class Home:
    """Where a lake is kept: on the disk, or in the store, reached at `uri`."""

    name: str
    root: Path
    store: Endpoint | None = None
    uri: str = ""

    def empty(self) -> None:
        shutil.rmtree(self.root / ".lakeflow", ignore_errors=True)
        if self.store is not None:
            keys = f'access_key_id = "{self.store.access_key}"\nsecret_access_key = "${{{SECRET}}}"\n'
            where = f'warehouse = "s3://{self.store.bucket()}/lake"\ncache_dir = "cache"\n\n'
            storage = f'[tool.lakeflow.storage]\nendpoint = "{self.uri}"\n{keys}'
            (self.root / "pyproject.toml").write_text(f"[tool.lakeflow]\n{where}{storage}")
        os.sync()


Round = Mapping[tuple[str, str], Cost]


def one_round(homes: Sequence[Home]) -> Round:
    """What making each lake and reading it costs. AssertionError unless all hold the same rows."""
    costs: dict[tuple[str, str], Cost] = {}
    for home in homes:
        home.empty()
        costs["run", home.name] = cost_of(RUN, home.root)
    for home in homes:
        costs["scan", home.name] = cost_of(SCAN, home.root)
    first, *others = (of_lakeflow(home.root) for home in homes)
    assert all(other == first for other in others), "the lakes do not hold the same rows"
    print(f"  all agree on {len(first)} tables, {sum(each.rows for each in first.values()):,} rows", flush=True)
    return costs


def report(rounds: Sequence[Round], homes: Sequence[Home]) -> None:
    """Medians, and medians of the ratios to the local disk, round by round."""
    print("                wall  ratio  processor  ratio   memory")
    for what in ("run", "scan"):
        for home in homes:
            of = [each[what, home.name] for each in rounds]
            near = [each[what, homes[0].name] for each in rounds]
            wall, worked, peak = (median(getattr(one, it) for one in of) for it in ("seconds", "processor", "peak"))
            slower, dearer = (
                median(getattr(one, it) / getattr(other, it) for one, other in zip(of, near, strict=True))
                for it in ("seconds", "processor")
            )
            print(
                f"{what:<5}{home.name:<7}{wall:7.2f} s {slower:5.2f}× {worked:8.2f} s {dearer:5.2f}×"
                f" {peak / 2**20:7,.0f} MB",
                flush=True,
            )


@contextmanager
def made(folder: Path, scale: float, latency: float) -> Iterator[tuple[Home, ...]]:
    """The lakes, laid down; the first run of a lake makes its suites ready, which all others then have."""
    store = seaweedfs.start()
    slow, uri = slowed(store.s3.uri, latency)
    try:
        near, far, late = (folder / name for name in ("local", "store", "late"))
        lay_down(near, scale)
        cost_of(RUN, near)
        for other in (far, late):
            shutil.copytree(near, other, ignore=shutil.ignore_patterns(".lakeflow"))
        os.environ[SECRET] = store.s3.secret_key
        yield Home("local", near), Home("store", far, store.s3, store.s3.uri), Home("late", late, store.s3, uri)
    finally:
        slow.end()
        store.end()


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.stores", description=__doc__)
    arguments.add_argument("--sf", type=float, default=1.0, help="scale factor; 1 is about 1 GB of text")
    arguments.add_argument("--runs", type=int, default=3, help="rounds")
    arguments.add_argument("--latency", type=float, default=0.02, help="seconds that each request waits")
    asked = arguments.parse_args()
    os.environ.update(SETTINGS, PYTHONPATH=str(Path(__file__).parents[1]))
    print(f"scale factor {asked.sf:g}, {asked.runs} rounds, {asked.latency * 1000:g} ms late", flush=True)
    with tempfile.TemporaryDirectory(prefix="lakeflow-stores-") as folder:
        try:
            with made(Path(folder), asked.sf, asked.latency) as homes:
                report([one_round(homes) for _ in range(asked.runs)], homes)
        except CannotStartError as error:
            print(f"not measured: {error}")


if __name__ == "__main__":
    main()
