"""The lake's work in plain DuckDB, as a good engineer would script it: the same SELECTs, Parquet files, one aggregate a
table for its checks. No version, no branch, no proof. `python by_hand.py`, in the folder of the lake.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import duckdb

CHECKS: Final = {
    "bronze.orders": "count(*) = 0, count(*) filter (o_orderkey is null)",
    "bronze.lineitem": "count(*) = 0, count(*) filter (l_orderkey is null)",
    "bronze.customer": "count(*) = 0, count(*) filter (c_custkey is null)",
    "silver.orders": """
        count(*) filter (customer_id is null), count(*) filter (status not in ('F', 'O', 'P')),
        count(*) filter (not total between 0 and 1000000), count(*) filter (not regexp_matches(priority, '^[1-5]-'))""",
    "silver.lineitem": """
        count(*) filter (not quantity between 1 and 50), count(*) filter (not discount between 0 and 0.1),
        count(*) filter (return_flag not in ('A', 'N', 'R')), count(*) filter (not received_on > shipped_on),
        count(*) filter (price <= 0)""",
    "silver.customer": """
        count(*) filter (segment is null), count(*) filter (length(phone) <> 64),
        not avg(balance) between 3000 and 6000""",
    "gold.sales": "count(*) filter (segment is null), count(*) filter (not net >= 0)",
    "gold.days": "count(*) filter (not lines >= 1), count(*) filter (not net >= 0)",
}
KEYS: Final = {
    "silver.orders": ("order_id",),
    "silver.lineitem": ("order_id", "line"),
    "silver.customer": ("customer_id",),
    "gold.sales": ("order_id", "line"),
    "gold.days": ("ordered_on", "segment"),
}
SOURCE: Final = """
select
    * exclude (filename, file_row_number),
    filename as _source_file, file_row_number + 1 as _source_row, current_timestamp as _loaded_at
from read_parquet('landing/{table}/*.parquet', filename = true, file_row_number = true)
"""
HASHED: Final = """
sha256(getvariable('outer') || unhex(sha256(getvariable('inner') || encode(phone::varchar))))
"""


def main() -> None:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        if limit := os.environ.get("LAKEFLOW_MEMORY_LIMIT"):
            connection.execute(f"set memory_limit = '{limit}'")
        for name, pad in (("inner", 0x36), ("outer", 0x5C)):
            salt = os.environ["LAKEFLOW_PII_SALT"].encode().ljust(64, b"\0")
            connection.execute(f'set variable "{name}" = $1', [bytes(byte ^ pad for byte in salt)])

        def run(sql: str) -> Any:
            return connection.execute(sql).fetchall()

        for name in CHECKS:
            write(name, run)
            check(name, run)


def write(name: str, run: Callable[[str], Any]) -> None:
    layer, table = name.split(".")
    select = Path("layers", layer, f"{table}.sql").read_text()
    if layer == "bronze":
        run(f"create or replace view source as {SOURCE.format(table=table)}")
    if name == "silver.customer":
        select = f"select * replace ({HASHED} as phone) from ({select})"
    folder = Path("hand", layer, table)
    folder.parent.mkdir(parents=True, exist_ok=True)
    run(f"copy ({select}) to '{folder}' (format parquet, compression zstd, per_thread_output)")
    run(f"create schema if not exists {layer}")
    run(f"create view {name} as from '{folder}/*.parquet'")


def check(name: str, run: Callable[[str], Any]) -> None:
    asked = CHECKS[name]
    if keys := KEYS.get(name):
        missing = " or ".join(f"{key} is null" for key in keys)
        twice = f"select 1 from {name} group by {', '.join(keys)} having count(*) > 1"
        asked += f", count(*) filter ({missing}), (select count(*) from ({twice}))"
    (found,) = run(f"select {asked} from {name}")
    assert not any(found), f"{name}: {found}"


if __name__ == "__main__":
    main()
