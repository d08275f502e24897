"""The audit alone: 20 Great Expectations checks on a table of 10 columns, in one run on the same Parquet file.

`hand` is SQL that a good engineer would write; `kept` an audit whose suite was made ready before, `metadata` one that
also has the snapshot's statistics, `loaded` one that compiles the suite with the library, `cold` one that imports the
library for it; `pandas` is the library's own engine. Each is a process of its own; memory is its peak. Times are of one
audit: all queries, the verdicts, and opening DuckDB where that is not done ahead, as the worker does while data is
being written. Imports are left out, except where they are the point (`cold`). On a busy machine read the processor's
time; `best` is the shortest time on the wall.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from benchmarks.measure import cost_of
from lakeflow.adapters.duckdb.locked import LockedDuckDB, Spare
from lakeflow.adapters.expectations.audit import Past, Suites, alone, steps
from lakeflow.adapters.expectations.compile.cache import SuiteCache
from lakeflow.adapters.expectations.library import library as seam
from lakeflow.adapters.expectations.table import QueryResult
from lakeflow.adapters.machine.cache_folder import CacheFolder
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import CheckFile, CheckKind, Suite
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.table import ColumnFacts, Scan, Statistics
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.run.audits.audit_request import AuditRequest

TYPES: Final = {
    "id": "long",
    "customer": "int",
    "price": "double",
    "quantity": "int",
    "discount": "int",
    "ordered_at": "timestamp",
    "shipped_at": "timestamp",
    "payment": "string",
    "country": "string",
    "note": "string",
}
ROWS: Final = """
select i as id, (i * 7919 % 100000)::int as customer, (i % 997) * 0.25 as price, (1 + i % 11)::int as quantity,
  (i % 40)::int as discount, timestamp '2024-01-01' + to_seconds(i % 31536000) as ordered_at,
  timestamp '2024-01-02' + to_seconds(i % 31536000) as shipped_at, ['card', 'cash', 'transfer'][1 + i % 3] as payment,
  ['DE', 'FR', 'IT', 'PL', 'ES'][1 + i % 5] as country, 'order ' || (i % 5000) as note
from range({rows}) numbers(i)
"""
CHECKS: Final = """
import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectTableRowCountToBeBetween(min_value=1),
    gxe.ExpectColumnToExist(column="discount"),
    gxe.ExpectColumnValuesToBeUnique(column="id"),
    gxe.ExpectColumnValuesToNotBeNull(column="id"),
    gxe.ExpectColumnValuesToNotBeNull(column="customer"),
    gxe.ExpectColumnValuesToNotBeNull(column="ordered_at"),
    gxe.ExpectColumnValuesToNotBeNull(column="payment"),
    gxe.ExpectColumnValuesToNotBeNull(column="note", mostly=0.9),
    gxe.ExpectColumnValuesToBeBetween(column="price", min_value=0, max_value={price}),
    gxe.ExpectColumnValuesToBeBetween(column="quantity", min_value=1, max_value=11),
    gxe.ExpectColumnValuesToBeBetween(column="discount", min_value=0, max_value=39),
    gxe.ExpectColumnValuesToBeInSet(column="payment", value_set=["card", "cash", "transfer"]),
    gxe.ExpectColumnValuesToMatchRegex(column="note", regex="^order [0-9]+$"),
    gxe.ExpectColumnValueLengthsToBeBetween(column="note", min_value=7, max_value=10),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="shipped_at", column_B="ordered_at"),
    gxe.ExpectColumnMeanToBeBetween(column="price", min_value=0, max_value=5000),
    gxe.ExpectColumnMaxToBeBetween(column="quantity", min_value=1, max_value=11),
    gxe.ExpectColumnMinToBeBetween(column="discount", min_value=0),
    gxe.ExpectColumnStdevToBeBetween(column="quantity", min_value=0.1, max_value=9),
    gxe.ExpectColumnDistinctValuesToBeInSet(column="country", value_set=["DE", "FR", "IT", "PL", "ES"]),
]
"""
BY_HAND: Final = """
select count(*), count(*) - count(id), count(*) - count(customer), count(*) - count(ordered_at),
  count(*) - count(payment), count(*) - count(note), count(*) filter (not price between 0 and {price}),
  count(*) filter (not quantity between 1 and 11),
  count(*) filter (not discount between 0 and 39), count(*) filter (payment not in ('card', 'cash', 'transfer')),
  count(*) filter (not regexp_matches(note, '^order [0-9]+$')), count(*) filter (not length(note) between 7 and 10),
  count(*) filter (not shipped_at > ordered_at), avg(price), max(quantity), min(discount), stddev_samp(quantity)
from orders
"""
MORE_BY_HAND: Final = (
    "select count(*) from (select id from orders group by id having count(*) > 1)",
    "select count(*) from (select distinct country from orders where country not in ('DE', 'FR', 'IT', 'PL', 'ES'))",
)
PASSES, FAILS = 250.0, 248.9
"""Upper bounds of `price`: the second leaves out one row in 997."""


class Queries:
    why = ""

    def __init__(self, duckdb_: LockedDuckDB) -> None:
        self._duckdb = duckdb_

    def execute(self, sql: str) -> QueryResult:
        return QueryResult(*self._duckdb.execute(sql))

    def knows(self, sql: str) -> bool:
        return True

    def reads_in_order(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._duckdb, name)


def lay_down(folder: Path, rows: int) -> None:
    ids = ", ".join(f"{name}: {place}" for place, name in enumerate(TYPES, 1))
    options = f"format parquet, compression zstd, field_ids {{{ids}}}"
    duckdb.execute(f"copy ({ROWS.format(rows=rows)}) to '{folder / 'orders.parquet'}' ({options})")


def request(folder: Path, price: float, known: Statistics | None = None) -> AuditRequest:
    fields = tuple(Field(name, parse_type(type_), place) for place, (name, type_) in enumerate(TYPES.items(), 1))
    file = CheckFile(CheckKind.SUITE, "checks/silver/orders.py", CHECKS.replace("{price}", str(price)))
    key = AssetKey.parse("silver.orders")
    scan = Scan(key, 1, Schema(fields, 0), (str(folder / "orders.parquet"),))
    return AuditRequest(key, scan, Suite((file,), "d"), str(folder), statistics=known)


def known(folder: Path) -> Statistics:
    """What manifests of our own would say of these files."""
    whole = [name for name, type_ in TYPES.items() if type_ != "double"]
    asked = ", ".join(f"count(*) - count({name}), min({name})::varchar, max({name})::varchar" for name in whole)
    found = duckdb.execute(f"select count(*), {asked} from '{folder / 'orders.parquet'}'").fetchall()[0]
    facts = {
        name: ColumnFacts(*found[1 + 3 * place : 4 + 3 * place], exact=TYPES[name] != "string")
        for place, name in enumerate(whole)
    }
    return Statistics(found[0], facts)


SPARE: Final = Spare()


def audit(asked: AuditRequest, kept: SuiteCache) -> int:
    """How many of the 20 passed, as the worker counts its time: from the request to the last answer."""
    suites = Suites(asked, kept)
    opened = LockedDuckDB(asked.views, {}, SPARE)
    results = [step.result for step in steps(asked, alone(Queries(opened)), Past(), suites) if step.result]
    OPEN.append(opened)
    return sum(result.outcome == "passed" for result in results if result.path)


OPEN: Final[list[LockedDuckDB]] = []


def between() -> None:
    """What the worker does when it has answered."""
    while OPEN:
        OPEN.pop().close()
    SPARE.make()


def compiled(folder: Path, price: float) -> Callable[[], int]:
    return lambda: audit(request(folder, price), SuiteCache(CacheFolder(folder / "kept")))


def with_metadata(folder: Path, price: float) -> Callable[[], int]:
    statistics_ = known(folder)
    return lambda: audit(request(folder, price, statistics_), SuiteCache(CacheFolder(folder / "kept")))


def cold(folder: Path, price: float) -> Callable[[], int]:
    return lambda: audit(request(folder, price), SuiteCache())


def loaded(folder: Path, price: float) -> Callable[[], int]:
    seam.load()
    return cold(folder, price)


def by_hand(folder: Path, price: float) -> Callable[[], int]:
    def ask() -> int:
        with SPARE.take() as connection:
            connection.execute(f"create view orders as select * from '{folder / 'orders.parquet'}'")
            for sql in (BY_HAND.format(price=price), *MORE_BY_HAND):
                connection.execute(sql).fetchall()
        return 20 if price == PASSES else 19

    return ask


def in_pandas(folder: Path, price: float) -> Callable[[], int]:
    import great_expectations as gx  # noqa: PLC0415 - its own process

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("frame").add_dataframe_asset("orders")
    batches = asset.add_batch_definition_whole_dataframe("all")
    names: dict[str, Any] = {}
    exec(CHECKS.replace("{price}", str(price)), names)
    suite = gx.ExpectationSuite(name="orders", expectations=names["expectations"])

    def ask() -> int:
        frame = duckdb.sql(f"select * from '{folder / 'orders.parquet'}'").df()
        found = batches.get_batch({"dataframe": frame}).validate(suite, result_format="SUMMARY")
        return sum(bool(result.success) for result in found.results)

    return ask


WAYS: Final[Mapping[str, Callable[[Path, float], Callable[[], int]]]] = {
    "hand": by_hand,
    "kept": compiled,
    "metadata": with_metadata,
    "loaded": loaded,
    "cold": cold,
    "pandas": in_pandas,
}


def child(way: str, folder: Path, price: float, repeat: int) -> None:
    """Over `repeat` audits, after one that warms up where there are several: the best time on the wall, and the median
    of the processor's.
    """
    warnings.simplefilter("ignore")
    ask = WAYS[way](folder, price)
    times, expected = [], 20 if price == PASSES else 19
    for _ in range(repeat + (repeat > 1)):
        between()
        began = time.perf_counter(), time.process_time()
        passed = ask()
        times.append((time.perf_counter() - began[0], time.process_time() - began[1]))
        assert passed == expected, f"{way}: {passed} of 20 passed, {expected} should"
    walls, cpus = zip(*times[repeat > 1 :], strict=True)
    (folder / "answer.json").write_text(json.dumps([min(walls), statistics.median(cpus)]))


@dataclass(frozen=True)
class Measured:
    """Of one audit: seconds on the wall, the best, and of the processor. Of its process: the most MB it held."""

    wall: float
    cpu: float
    peak: float


def measured(way: str, folder: Path, price: float, repeat: int) -> Measured:
    arguments = ["--child", way, "--folder", str(folder), "--price", str(price), "--repeat", str(repeat)]
    cost = cost_of([sys.executable, "-m", "benchmarks.audit", *arguments], Path.cwd())
    wall, cpu = json.loads((folder / "answer.json").read_text())
    return Measured(wall, cpu, cost.peak / 2**20)


def compare(rows: int, price: float, runs: int) -> None:
    inner = 15 if rows <= 10_000 else 1
    small = {"pandas": rows <= 1_000_000, "cold": rows <= 10_000, "loaded": rows <= 10_000}
    ways = [way for way in WAYS if small.get(way, True)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_down(folder, rows)
        audit(request(folder, price), SuiteCache(CacheFolder(folder / "kept")))
        repeats = {way: 1 if way in {"cold", "pandas"} else inner for way in ways}
        rounds = [{way: measured(way, folder, price, repeats[way]) for way in ways} for _ in range(runs)]
    for way in ways:
        report(f"{rows:>12,}  {'one fails' if price == FAILS else 'all pass':<9}", way, rounds)


def report(head: str, way: str, rounds: Sequence[Mapping[str, Measured]]) -> None:
    """The best of the walls, medians of the rest, and of the ratios to the SQL by hand of the same round."""
    middle = statistics.median
    wall = min(each[way].wall for each in rounds)
    cpu, peak = (middle(getattr(each[way], name) for each in rounds) for name in ("cpu", "peak"))
    walls = middle(each[way].wall / each["hand"].wall for each in rounds)
    cpus = middle(each[way].cpu / each["hand"].cpu for each in rounds)
    times = f"{wall * 1000:>9,.0f} ms {walls:>7.2f}× {cpu * 1000:>9,.0f} ms {cpus:>7.2f}×"
    print(f"{head}  {way:<9} {times} {peak:>7,.0f} MB", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="*", default=[1_000, 1_000_000, 10_000_000])
    arguments.add_argument("--runs", type=int, default=3)
    for hidden, type_ in (("--child", str), ("--folder", Path), ("--price", float), ("--repeat", int)):
        arguments.add_argument(hidden, type=type_, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.child:
        child(asked.child, asked.folder, asked.price, asked.repeat)
        return
    print("        rows  checks     way            best  by hand    processor  by hand   memory")
    for rows in asked.rows:
        for price in (PASSES, FAILS):
            compare(rows, price, asked.runs)


if __name__ == "__main__":
    main()
