"""What arrives late must cost what arrives: a full rebuild of a table against the next 1 % of it, in one run.

`silver.orders` appends what is new in `bronze.orders` and is audited like any other table: its key among all rows,
5 expectations, the rows' count. `silver.current` holds one row an order, in a folder a day of 100 days; a correction of
one day's orders is an upsert that touches 1 % of its files, and that it writes none of the others is asserted.

Each command is a process of its own: `whole` is its wall time, `cpu` what it and its children computed, `run` the time
between the run's beginning and its end as the ledger has them. What a process costs that does nothing stands beside
them; `warm` is the same run in a process that ran one before. `python -m benchmarks.incremental --rows 3000000` is a
smaller one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import duckdb

import lakeflow
from benchmarks.measure import cost_of
from lakeflow.core.model.run import RunRecord

DAYS: Final = 100
ROWS: Final = """
select i as id, (i * 7919 % 100000)::int as customer, (i * 104729 % 50000)::int as item,
  ((i * 31 % 9973) * 0.25)::decimal(12, 2) as price, (1 + i * 13 % 11)::int as quantity, (i * 17 % 40)::int as discount,
  timestamp '2024-01-01' + to_days((i // {a_day})::int) + to_microseconds(i * 86399000000 // {a_day} % 86400000000)
    as ordered_at,
  ['card', 'cash', 'transfer'][1 + i % 3] as payment, ['DE', 'FR', 'IT', 'PL', 'ES'][1 + i * 11 % 5] as country,
  'order ' || (hash(i) % 5000000) as note
from range({first}, {last}) numbers(i)
"""
FILES: Final = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/orders.sql": "select * from read_parquet('feed.parquet')\n",
    "layers/silver/orders.sql": """/*
key = ["id"]
write = "append"
new_rows = ["bronze.orders"]
*/
select id, customer, item, price, quantity, discount, ordered_at, payment, country, upper(note) as note
from bronze.orders
""",
    "layers/silver/current.sql": """/*
key = ["id"]
write = "upsert"
new_rows = ["bronze.orders"]
partition_by = ["day(ordered_at)"]
*/
select id, customer, item, price, quantity, discount, ordered_at, payment, country, note from bronze.orders
""",
    "checks/silver/orders.py": """
import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="customer"),
    gxe.ExpectColumnValuesToBeBetween(column="price", min_value=0, max_value=2500),
    gxe.ExpectColumnValuesToBeBetween(column="quantity", min_value=1, max_value=11),
    gxe.ExpectColumnValuesToBeInSet(column="payment", value_set=["card", "cash", "transfer"]),
    gxe.ExpectColumnValuesToMatchRegex(column="note", regex="^ORDER [0-9]+$"),
]
""",
}


@dataclass(frozen=True)
class Took:
    """Seconds of a process on the wall and of the processor, and on the wall of the run in it."""

    whole: float
    cpu: float
    run: float


class Bench:
    """The lake in `root`, whose first feed holds that many rows and each later one a hundredth of it."""

    def __init__(self, root: Path, rows: int) -> None:
        self.root, self.rows, self.hundredth = root, rows, rows // DAYS
        self.next = rows
        for name, text in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)

    def land(self, first: int, last: int) -> Took:
        """Rows of these numbers arrive, and bronze appends them."""
        text = ROWS.format(first=first, last=last, a_day=self.hundredth)
        with duckdb.connect(config={"threads": 2, "memory_limit": "2GB"}) as connection:
            connection.execute(f"copy ({text}) to '{self.root / 'feed.parquet'}' (format parquet, compression zstd)")
        return self.materialize("bronze.orders")

    def land_more(self) -> None:
        """The next 1 %, which nobody has."""
        self.land(self.next, self.next + self.hundredth)
        self.next += self.hundredth

    def materialize(self, *arguments: str) -> Took:
        """The command, as a process; what it was told to do was published."""
        whole, cpu = self.command("materialize", *arguments)
        with lakeflow.open(self.root) as lake:
            return Took(whole, cpu, _seconds(lake.runs(1)[0]))

    def command(self, *arguments: str) -> tuple[float, float]:
        """Seconds on the wall, and of the processor by it and its children."""
        command = [sys.executable, "-m", "lakeflow.cli", *arguments, "--output", "json"]
        cost = cost_of(command, self.root)
        return cost.seconds, cost.processor

    def files(self, asset: str) -> frozenset[str]:
        """The data files of main, as pyiceberg finds them."""
        from pyiceberg.catalog.sql import SqlCatalog  # noqa: PLC0415 - another reader than ours

        catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{self.root}/.lakeflow/catalog.db", warehouse=str(self.root))
        try:
            tasks = catalog.load_table(asset).scan().plan_files()
            return frozenset(task.file.file_path for task in tasks)
        finally:
            catalog.engine.dispose()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=30_000_000)
    arguments.add_argument("--repeat", type=int, default=3)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Bench(Path(folder), asked.rows), asked.repeat)


def measure(bench: Bench, repeat: int) -> None:
    report(f"bronze: land {bench.rows:,} rows", [bench.land(0, bench.rows)])
    bench.materialize("silver.orders")  # pays for what is kept of its checks
    idle, cpu = bench.command("materialize", "silver.orders")
    print(f"{'a process that does nothing':40} whole {idle:7.2f} s   cpu {cpu:7.2f} s")
    built = bench.materialize("silver.current")
    rebuilt = bench.materialize("silver.orders", "--full-refresh")
    compare("silver.orders: append of 1 %", [_more(bench) for _ in range(repeat)], rebuilt)
    warm(bench, repeat, rebuilt)
    bench.materialize("silver.current")
    compare("silver.current: upsert of 1 %", [_corrected(bench, turn) for turn in range(repeat)], built)


def _more(bench: Bench) -> Took:
    bench.land_more()
    return bench.materialize("silver.orders")


def warm(bench: Bench, repeat: int, rebuilt: Took) -> None:
    """Appends one after the other in one process; the first, which pays for it, is left out."""
    seconds = []
    with lakeflow.open(bench.root) as lake:
        for _ in range(repeat + 1):
            bench.land_more()
            run = lake.materialize("silver.orders")
            assert run is not None
            seconds.append(_seconds(run))
    run_ = statistics.median(seconds[1:])
    print(f"{'  warm, in one process':40} run {run_:7.2f} s, of all of it: {run_ / rebuilt.run:.1%}")


def _corrected(bench: Bench, turn: int) -> Took:
    """The orders of one day once more: only the files of that day may go."""
    day = 10 * (turn + 1)
    bench.land(day * bench.hundredth, (day + 1) * bench.hundredth)
    before = bench.files("silver.current")
    took = bench.materialize("silver.current")
    gone = before - bench.files("silver.current")
    folder = f"/ordered_at_day={date(2024, 1, 1) + timedelta(days=day)}/"
    assert gone, "the files of that day went"
    assert all(folder in path for path in gone), f"only files in {folder} may go: {sorted(gone)}"
    print(f"    of {len(before)} files {len(gone)} went, all in {folder}")
    return took


def compare(name: str, little: Sequence[Took], everything: Took) -> None:
    report("  all of it, from nothing", [everything])
    report(name, little)
    shares = (f"{clock} {middle(little, clock) / getattr(everything, clock):.1%}" for clock in ("whole", "cpu", "run"))
    print(f"  of all of it: {', '.join(shares)}")


def report(name: str, took: Sequence[Took]) -> None:
    seconds = (f"{clock} {middle(took, clock):7.2f} s" for clock in ("whole", "cpu", "run"))
    print(f"{name:40} {'   '.join(seconds)}", flush=True)


def middle(took: Sequence[Took], clock: str) -> float:
    return statistics.median(getattr(each, clock) for each in took)


def _seconds(run: RunRecord) -> float:
    assert run.state == "published", run
    assert run.ended_at is not None
    return (run.ended_at - run.started_at).total_seconds()


if __name__ == "__main__":
    main()
