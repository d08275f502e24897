"""A full write-audit-publish against the same work by hand in plain DuckDB, in one run.

Both make bronze, silver and gold from the same generated rows and check them with the same rules. By hand there
is no version, no branch and no proof: Parquet files, and one aggregate a table for all its checks.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Cost, cost_of

COLUMNS = """
  i as id, i % 1000 as customer, (i * 7919) % 100000 as item, (i % 97) * 1.25 as price, i % 11 as quantity,
  timestamptz '2024-01-01' + to_seconds(i % 31536000) as ordered_at,
  ['card', 'cash', 'transfer'][1 + i % 3] as payment, 'order ' || (i % 5000) as note
"""
BRONZE = "select{columns}from range({rows}) numbers(i)"
SILVER = """
select id, customer, item, price::decimal(12, 2) as price, quantity, ordered_at, payment, upper(note) as note
from bronze.orders
"""
GOLD = """
select customer, ordered_at::date as day, count(*) as orders, sum(price * quantity)::double as turnover
from silver.orders group by all
"""
SILVER_HEADER = '/*\nkey = ["id"]\n*/\n'
GOLD_HEADER = '/*\nkey = ["customer", "day"]\n*/\n'
BRONZE_CHECKS = """
import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectTableRowCountToBeBetween(min_value=1),
    gxe.ExpectColumnValuesToNotBeNull(column="id"),
    gxe.ExpectColumnValuesToNotBeNull(column="ordered_at"),
]
"""
SILVER_CHECKS = """
import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="customer"),
    gxe.ExpectColumnValuesToNotBeNull(column="item"),
    gxe.ExpectColumnValuesToBeBetween(column="price", min_value=0, max_value=200),
    gxe.ExpectColumnValuesToBeBetween(column="quantity", min_value=0, max_value=10),
    gxe.ExpectColumnValuesToBeInSet(column="payment", value_set=["card", "cash", "transfer"]),
    gxe.ExpectColumnValueLengthsToBeBetween(column="note", min_value=7, max_value=10),
    gxe.ExpectColumnValuesToMatchRegex(column="note", regex="^ORDER [0-9]+$"),
    gxe.ExpectColumnMeanToBeBetween(column="price", min_value=50, max_value=70),
]
"""
GOLD_CHECKS = """
import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="orders", min_value=1),
    gxe.ExpectColumnValuesToBeBetween(column="turnover", min_value=0),
]
"""
BY_HAND = """
import duckdb
connection = duckdb.connect()
connection.execute("set timezone = 'UTC'")
run = lambda sql: connection.execute(sql).fetchall()
options = "(format parquet, compression zstd, per_thread_output)"
run('''copy ({bronze}) to 'hand/bronze' ''' + options)
run("create schema bronze; create view bronze.orders as select * from 'hand/bronze/*.parquet'")
run('''select count(*), count(*) filter (id is null), count(*) filter (ordered_at is null) from bronze.orders''')
run('''copy ({silver}) to 'hand/silver' ''' + options)
run("create schema silver; create view silver.orders as select * from 'hand/silver/*.parquet'")
run('''select count(*) filter (customer is null), count(*) filter (item is null),
  count(*) filter (not price between 0 and 200), count(*) filter (not quantity between 0 and 10),
  count(*) filter (payment not in ('card', 'cash', 'transfer')), count(*) filter (not length(note) between 7 and 10),
  count(*) filter (not regexp_matches(note, '^ORDER [0-9]+$')), avg(price), count(*) filter (id is null)
  from silver.orders''')
run('''select count(*) from (select id from silver.orders group by id having count(*) > 1)''')
run('''copy ({gold}) to 'hand/gold' ''' + options)
run("create schema gold; create view gold.turnover as select * from 'hand/gold/*.parquet'")
run('''select count(*) filter (orders < 1), count(*) filter (turnover < 0),
  count(*) filter (customer is null or day is null)
  from gold.turnover''')
run('''select count(*) from (select 1 from gold.turnover group by customer, day having count(*) > 1)''')
"""


def lay_down(root: Path, rows: int) -> None:
    """The project, and the script that does the same by hand."""
    bronze = BRONZE.format(columns=COLUMNS, rows=rows)
    files = {
        "pyproject.toml": "[tool.lakeflow]\n",
        "layers/bronze/orders.sql": bronze,
        "layers/silver/orders.sql": SILVER_HEADER + SILVER,
        "layers/gold/turnover.sql": GOLD_HEADER + GOLD,
        "checks/bronze/orders.py": BRONZE_CHECKS,
        "checks/silver/orders.py": SILVER_CHECKS,
        "checks/gold/turnover.py": GOLD_CHECKS,
        "by_hand.py": BY_HAND.format(bronze=bronze, silver=SILVER, gold=GOLD),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def pair(root: Path) -> tuple[Cost, Cost]:
    """One lakeflow run and one by hand, each from nothing."""
    shutil.rmtree(root / ".lakeflow", ignore_errors=True)
    shutil.rmtree(root / "hand", ignore_errors=True)
    (root / "hand").mkdir()
    ours = cost_of([sys.executable, "-m", "lakeflow.cli", "materialize", "--output", "json"], root)
    return ours, cost_of([sys.executable, "by_hand.py"], root)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="*", default=[1_000, 1_000_000, 10_000_000])
    arguments.add_argument("--repeat", type=int, default=3)
    asked = arguments.parse_args()
    print("      rows  lakeflow  by hand   time    lakeflow  by hand  memory")
    for rows in asked.rows:
        with tempfile.TemporaryDirectory() as folder:
            lay_down(Path(folder), rows)
            report(rows, [pair(Path(folder)) for _ in range(asked.repeat)])


def report(rows: int, pairs: list[tuple[Cost, Cost]]) -> None:
    """Medians of each, and the median of the ratios pair by pair."""
    middle = statistics.median
    seconds = middle(ours.seconds / hand.seconds for ours, hand in pairs)
    memory = middle(ours.peak / hand.peak for ours, hand in pairs)
    ours_s, hand_s = (middle(costs[i].seconds for costs in pairs) for i in (0, 1))
    ours_m, hand_m = (middle(costs[i].peak for costs in pairs) / 2**20 for i in (0, 1))
    print(f"{rows:>10,} {ours_s:8.2f}s {hand_s:7.2f}s {seconds:5.2f}× {ours_m:8.0f} M {hand_m:6.0f} M {memory:6.2f}×")


if __name__ == "__main__":
    main()
