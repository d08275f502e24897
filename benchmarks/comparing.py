"""What it takes to compare two snapshots of a large table: one part in a hundred differs, then every file does.

One day in a hundred is written again with other prices, then the whole table with the same rows in another order. Each
pair is compared by `lakeflow diff`, and by hand: one full join over all files of both snapshots in plain DuckDB.
Run: `python -m benchmarks.comparing [ROWS]`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from pyiceberg.catalog.sql import SqlCatalog

from benchmarks.measure import Cost, cost_of

MEMORY: Final = "1GB"
COLUMNS: Final = """
  i as id, (date '2024-01-01' + (i // {part})::integer)::date as day, i % 1000 as customer, (i * 7919) % 100000 as item,
  ({price})::double as price, i % 11 as quantity, ['card', 'cash', 'transfer'][1 + i % 3] as payment,
  'order ' || (i % 5000) as note
"""
HEADER: Final = """/*
key = ["id"]
write = "partition"
partition_by = ["day"]
*/
"""
PRICE: Final = "(i % 97) * 1.25"
BY_HAND: Final = """
import duckdb
connection = duckdb.connect(config={{"memory_limit": "{memory}", "temp_directory": "spill"}})
names = ["day", "customer", "item", "price", "quantity", "payment", "note"]
same = " and ".join(f"b.{{name}} is not distinct from a.{{name}}" for name in names)
print(connection.execute(f'''select count(*) filter (b.id is null), count(*) filter (a.id is null),
  count(*) filter (b.id is not null and a.id is not null and not ({{same}}))
  from read_parquet({before}) b full join read_parquet({after}) a on b.id = a.id''').fetchall())
"""


def main(rows: int) -> None:
    root = Path(tempfile.mkdtemp(prefix="comparing-"))
    try:
        (root / "layers/silver").mkdir(parents=True)
        (root / "pyproject.toml").write_text(f'[tool.lakeflow]\nmemory_limit = "{MEMORY}"\n')
        part = rows // 100
        price = f"if(i % 10 = 0, -1, {PRICE})"
        _written(root, f"select {COLUMNS.format(part=part, price=PRICE)} from range({rows}) t(i)")
        _written(root, f"select {COLUMNS.format(part=part, price=price)} from range({7 * part}, {8 * part}) t(i)")
        _told(root, rows, "1 % written again", changed=part // 10)
        again = f"select {COLUMNS.format(part=part, price=PRICE)} from range({rows - 1}, -1, -1) t(i)"
        _written(root, again)
        _told(root, rows, "all written again, in another order", changed=part // 10)
    finally:
        shutil.rmtree(root)


def _written(root: Path, sql: str) -> None:
    (root / "layers/silver/orders.sql").write_text(HEADER + sql)
    subprocess.run(_lakeflow("materialize"), cwd=root, check=True, stdout=subprocess.DEVNULL)


def _told(root: Path, rows: int, what: str, changed: int) -> None:
    """Compare main with what was before it, both ways, and say what that took."""
    before, after = _files(root)
    one_sided = len(set(before) ^ set(after))
    said = subprocess.run(_lakeflow("diff", "silver.orders", "-o", "json"), cwd=root, check=True, capture_output=True)
    found: dict[str, Any] = json.loads(said.stdout)["data"]["diff"]["rows"]
    assert found == {
        "before": rows,
        "after": rows,
        "added": 0,
        "removed": 0,
        "changed": changed,
        "equal": rows - changed,
    }
    ours = cost_of(_lakeflow("diff", "silver.orders"), root)
    text = BY_HAND.format(before=before, after=after, memory=MEMORY)
    hand = cost_of([sys.executable, "-c", text], root)
    print(f"{rows:,} rows, {what}: {one_sided} of {len(set(before) | set(after))} files differ")
    print(
        f"  lakeflow diff {_cost(ours)}; by hand {_cost(hand)}: {ours.processor / hand.processor:.2f} of its processor"
    )


def _cost(cost: Cost) -> str:
    return f"{cost.seconds:.1f} s, {cost.processor:.1f} s of processor, {cost.peak / 1e9:.2f} GB"


def _files(root: Path) -> tuple[list[str], list[str]]:
    """The data files before main's last snapshot, and now."""
    with closing(SqlCatalog("lakeflow", uri=f"sqlite:///{root}/.lakeflow/catalog.db", warehouse=str(root))) as catalog:
        table = catalog.load_table("silver.orders")
        now = table.current_snapshot()
        assert now is not None
        ids = (now.parent_snapshot_id, now.snapshot_id)
        before, after = (
            [task.file.file_path.removeprefix("file://") for task in table.scan(snapshot_id=each).plan_files()]
            for each in ids
        )
        return before, after


def _lakeflow(*words: str) -> list[str]:
    return [sys.executable, "-m", "lakeflow.cli", *words]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30_000_000)
