"""A shop whose sales land day by day, on a clock that a test sets: for tests of rows that come late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.core.model.run import RunRecord
from lakeflow.core.view.rows import AssetStatus, SnapshotRow
from tests.lake.clock import set_clock

BRONZE = """/*
[source]
files = ["in/*.csv"]
format = "csv"
columns = ["id", "sold", "total"]
*/
select * from source"""
CLEAN = """/*
key = ["id"]
write = "{write}"
{more}
*/
select id, sold::timestamp as sold, total::int as total from bronze.sales
qualify row_number() over (partition by id order by _loaded_at desc, _source_file desc) = 1"""
SILVER = """/*
key = ["id"]
partition = "day(sold)"
start = "2024-03-01"
{more}
*/
select {columns} from {table}
where sold::timestamp >= $partition_start and sold::timestamp < $partition_end{also}"""
GOLD = """/*
key = ["month"]
partition = "month(month)"
start = "2024-03-01"
*/
select date_trunc('month', sold)::date as month, sum(total)::bigint as total from silver.sales
where sold >= $partition_start and sold < $partition_end group by all"""
COLUMNS = "id || '' as id, sold::timestamp as sold, total::int as total"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Shop:
    """`now` is what every part of the lake takes for the time."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.now = root, moment("2024-03-04T09:00")
        self._count, self._ticks = 0, timedelta()
        set_clock(patch, self._tick)
        self.write("bronze/sales.sql", BRONZE)
        self.write("silver/sales.sql", SILVER.format(more="", table="bronze.sales", columns=COLUMNS, also=""))
        self.write("gold/months.sql", GOLD)

    def _tick(self) -> datetime:
        """No two looks at the clock give the same time, or runs would have no order."""
        self._ticks += timedelta(microseconds=1)
        return self.now + self._ticks

    def write(self, name: str, text: str) -> None:
        path = self.root / "layers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def check(self, name: str, text: str) -> None:
        path = self.root / "checks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def setting(self, text: str) -> None:
        (self.root / "pyproject.toml").write_text(f"[tool.lakeflow]\n{text}\n")

    def declare(self, layer: str, more: str) -> None:
        assert layer == "silver"
        self.write("silver/sales.sql", SILVER.format(more=more, table="bronze.sales", columns=COLUMNS, also=""))

    def insert_clean(self, write: str) -> None:
        """Put a table without partitions between bronze and the partitioned one."""
        more = 'deletes = "close"' if write == "scd2" else ""
        self.write("silver/clean.sql", CLEAN.format(write=write, more=more))
        also = " and is_current" if write == "scd2" else ""
        columns = "id, sold, total"
        self.write("silver/sales.sql", SILVER.format(more="", table="silver.clean", columns=columns, also=also))

    def deliver(self, name: str, *sales: tuple[str, int]) -> None:
        rows = "".join(f"{name}{place},{sold},{total}\n" for place, (sold, total) in enumerate(sales))
        path = self.root / "in" / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("id,sold,total\n" + rows)

    def correct(self, name: str, *sales: tuple[str, int]) -> None:
        """The same sales again, as another file says them."""
        self._count += 1
        rows = "".join(f"{name}{place},{sold},{total}\n" for place, (sold, total) in enumerate(sales))
        (self.root / "in" / f"b{self._count}.csv").write_text("id,sold,total\n" + rows)

    def forget(self, name: str) -> None:
        (self.root / "in" / f"{name}.csv").unlink()

    def lake(self) -> lakeflow.Lake:
        return lakeflow.open(self.root)

    def run(self, selection: str = "") -> str:
        with self.lake() as lake:
            done = lake.materialize(*selection.split())
            return str(done.state) if done else "nothing to do"

    def plan(self, *selection: str) -> dict[str, list[str]]:
        with self.lake() as lake:
            return {str(step.asset): [str(reason) for reason in step.reasons] for step in lake.plan(*selection).steps}

    def warnings(self, *selection: str) -> tuple[str, ...]:
        with self.lake() as lake:
            return lake.plan(*selection).warnings

    def status(self, *selection: str) -> tuple[AssetStatus, ...]:
        with self.lake() as lake:
            return lake.status(*selection)

    def snapshots(self, asset: str) -> tuple[SnapshotRow, ...]:
        with self.lake() as lake:
            return lake.snapshots(asset)

    def last_run(self) -> RunRecord:
        with self.lake() as lake:
            return lake.runs()[0]

    def partitions_of_last_run(self) -> dict[str, tuple[str, ...]]:
        return {str(step.asset): step.partitions for step in self.last_run().steps if step.partitions}

    def backfill(self, asset: str, first: str | None = None, last: str | None = None, **asked: Any) -> None:
        with self.lake() as lake:
            lake.backfill(asset, between=(first, last), **asked)

    def rows(self, asset: str, columns: str) -> list[Any]:
        with self.lake() as lake:
            return lake.read(asset).project(columns).order("all").fetchall()

    def by_day(self) -> dict[str, int]:
        found = self.rows("silver.sales", "sold::date::text as day, total")
        return {day: sum(total for each, total in found if each == day) for day, _ in found}

    def months(self) -> dict[str, int]:
        return dict(self.rows("gold.months", "strftime(month, '%Y-%m'), total"))

    def partial(self, asset: str) -> str:
        with self.lake() as lake:
            (key,) = lake.select(asset)
            table = lake._world.catalog.load([key])[key]
            return "" if table.published is None else table.published.summary.get("lakeflow.partial", "")
