"""A lake with a past: four publishes of orders and readings."""

from __future__ import annotations

from pathlib import Path

import lakeflow
from lakeflow.lake.lake import Lake

ORDERS = """/*
key = ["id"]
*/
select i as id, 'A' || lpad(i::varchar, 5, '0') as code, ['paid', 'open', 'sent'][i % 3 + 1] as status,
       (i % 100) / 4.0 as total, case when i % 100 = 7 then null else 'n' || i end as note,
       'u' || i as login,
       date '2013-01-01' + (i % 300)::int as day
from range(1, 1 + {rows}) r(i)
"""
READINGS = """/*
[columns.email]
pii = true
*/
select i // 3 as hour, 's' || (i % 3) as station, (i * 7 % 31) as wind,
       'ada.lovelace@example.org' as email
from range({start}, {start} + {rows}) r(i)
"""
PUBLISHES = (900, 930, 960, 1000)


def make(root: Path) -> Path:
    """Each publish replaces the orders and appends readings."""
    (root / "pyproject.toml").write_text("[tool.lakeflow]\n")
    for place, rows in enumerate(PUBLISHES):
        write(root, "layers/silver/orders.sql", ORDERS.format(rows=rows))
        write(root, "layers/bronze/readings.sql", READINGS.format(start=300 * place, rows=300))
        with lakeflow.open(root) as lake:
            run = lake.materialize("silver.orders bronze.readings", force=True)
            assert run is not None
            assert run.state == "published", run
    return root


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def holds(lake: Lake, asset: str, last: int) -> list[str]:
    """What today's checks find wrong in the last snapshots of an asset; the first has no main to be compared with."""
    checks = [check for one in lake.audit(asset, history=last) for check in one.checks]
    return [f"{check.name}: {check.detail}" for check in checks if check.outcome not in {"passed", "skipped"}]
