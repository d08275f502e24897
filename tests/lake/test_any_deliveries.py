"""Whatever comes in whatever order, the partitions hold what one build of all rows gives, in any zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.table import StaticTable

from tests.explored import explored
from tests.late import BRONZE, Shop, moment

CLEAN = """/*
key = ["id"]
allow_empty = true
write = "{write}"
{more}
*/
select id, sold::timestamptz as sold, total::int as total, op from bronze.sales
qualify row_number() over (partition by id order by _source_file desc) = 1 {also}"""
DAYS = """/*
key = ["id"]
allow_empty = true
partition = "{unit}(sold)"
start = "2024-03-10"
zone = "{zone}"
*/
select id, sold, total from silver.clean where sold >= $partition_start and sold < $partition_end {also}"""
SUMS = """/*
key = ["month"]
allow_empty = true
partition = "month(month)"
start = "2024-03-01"
zone = "{zone}"
*/
select date_trunc('month', sold at time zone '{clock}')::date as month, sum(total)::bigint as total from silver.sales
where sold >= $partition_start and sold < $partition_end group by all"""
WRITES = {
    "replace": ("", "and op <> 'D'", ""),
    "upsert": ('''keep = "last by seen"\ndeleted = "op = 'D'"''', "", ""),
    "scd2": ("""deleted = "op = 'D'" """, "", "and is_current"),
}
BEGIN = moment("2024-03-26T12:00")


@dataclass
class Life:
    """A lake and what should be in it. `sales` holds the newest word on each sale; None: it was taken back."""

    shop: Shop
    zone: str
    unit: str
    sales: dict[str, tuple[datetime, int] | None] = field(default_factory=dict)
    files: int = 0

    def deliver(self, kind: str, hours: int, total: int) -> None:
        """A file with one sale, `hours` ago: a new one, an old one once more, with other values, or taken back."""
        known = sorted(self.sales)
        name = known[hours % len(known)] if known and kind != "new" else f"s{self.files}"
        sold = self.shop.now - timedelta(hours=hours, minutes=total)
        said = self.sales.get(name)
        if kind == "again" and said is not None:
            sold, total = said
        self.files += 1
        op = "D" if kind == "gone" else "I"
        text = f"id,sold,total,op,seen\n{name},{sold:%Y-%m-%dT%H:%M:%S}Z,{total},{op},{self.files}\n"
        (self.shop.root / "in").mkdir(exist_ok=True)
        (self.shop.root / "in" / f"f{self.files:04}.csv").write_text(text)
        self.sales[name] = None if op == "D" else (sold.replace(microsecond=0), total)

    def days(self) -> list[tuple[str, datetime, int]]:
        """What the partitions should hold: sales from the first on, as far as the open one reaches."""
        start, end = self._at(datetime(2024, 3, 10)), self._end()
        found = ((name, *said) for name, said in self.sales.items() if said is not None)
        return sorted(each for each in found if self._floor(start) <= each[1] < end)

    def months(self) -> dict[str, int]:
        sums: dict[str, int] = {}
        for _, sold, total in self.days():
            month = f"{sold.astimezone(self._clock()):%Y-%m}"
            sums[month] = sums.get(month, 0) + total
        return sums

    def _clock(self) -> ZoneInfo:
        return ZoneInfo(self.zone or "UTC")

    def _at(self, wall: datetime) -> datetime:
        return wall.replace(tzinfo=self._clock()).astimezone(UTC)

    def _floor(self, start: datetime) -> datetime:
        return self._at(datetime(2024, 3, 1)) if self.unit == "month" else start

    def _end(self) -> datetime:
        wall = self.shop.now.astimezone(self._clock()).replace(tzinfo=None)
        if self.unit == "month":
            return self._at((wall.replace(day=1, hour=0, minute=0) + timedelta(32)).replace(day=1))
        return self._at(wall.replace(hour=0, minute=0) + timedelta(1))


DELIVERIES = st.tuples(
    st.sampled_from(["new", "new", "new", "again", "changed", "gone"]),
    st.one_of(st.integers(0, 6), st.integers(0, 400)),
    st.integers(1, 59),
)
STEPS = st.one_of(
    DELIVERIES,
    DELIVERIES,
    st.sampled_from([1, 5, 24, 100, 700]),
    st.sampled_from(["", "", "bronze.sales", "+silver.clean", "silver.sales", "backfill", "refresh"]),
)


@pytest.mark.long
@explored(30)
@given(
    st.sampled_from(["", "Europe/Oslo", "Asia/Kolkata", "Australia/Lord_Howe", "America/Los_Angeles"]),
    st.sampled_from(["day", "month"]),
    st.sampled_from(sorted(WRITES)),
    st.lists(STEPS, min_size=3, max_size=10),
)
def test_any_deliveries_give_what_one_build_of_all_rows_gives(
    zone: str, unit: str, write: str, steps: Sequence[tuple[str, int, int] | int | str]
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        life = Life(made(Path(folder), patch, zone, unit, write), zone, unit)
        life.deliver("new", 30, 1)
        for step in (*steps, ""):
            do(life, step)
        agree(life)


@pytest.mark.long
@pytest.mark.parametrize("unit", ["day", "month"])
def test_late_rows_at_both_ends_of_the_day_that_has_23_hours_go_into_it_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    life = Life(made(tmp_path, monkeypatch, "Europe/Oslo", unit, "replace"), "Europe/Oslo", unit)
    life.shop.now = moment("2024-04-02T12:00")
    for sold in ("2024-03-30T22:30", "2024-03-30T23:30", "2024-03-31T21:30", "2024-03-31T22:30"):
        life.deliver("new", int((life.shop.now - moment(sold)).total_seconds() // 3600), 30)
    do(life, "")
    agree(life)
    for sold in ("2024-03-30T23:30", "2024-03-31T21:30"):
        life.deliver("new", int((life.shop.now - moment(sold)).total_seconds() // 3600), 31)
    do(life, "")
    expected = {"day": ("2024-03-31",), "month": ("2024-03",)}[unit]
    assert life.shop.partitions_of_last_run()["silver.sales"] == expected
    agree(life)


def made(root: Path, patch: pytest.MonkeyPatch, zone: str, unit: str, write: str) -> Shop:
    shop = Shop(root, patch)
    shop.now = BEGIN
    more, also, current = WRITES[write]
    columns = '"id", "sold", "total", "op", "seen"'
    shop.write("bronze/sales.sql", BRONZE.replace('"id", "sold", "total"', columns))
    clean = CLEAN.format(write=write, more=more, also=also)
    shop.write("silver/clean.sql", clean.replace("op from", "op, seen::int as seen from"))
    shop.write("silver/sales.sql", DAYS.format(unit=unit, zone=zone, also=current))
    shop.write("gold/months.sql", SUMS.format(zone=zone, clock=zone or "UTC"))
    return shop


def do(life: Life, step: tuple[str, int, int] | int | str) -> None:
    if isinstance(step, tuple):
        life.deliver(*step)
    elif isinstance(step, int):
        life.shop.now += timedelta(hours=step)
    elif step in {"backfill", "refresh"}:
        with life.shop.lake() as lake:
            lake.materialize()
            if step == "refresh":
                lake.materialize("silver.sales", full_refresh=True)
            else:
                lake.backfill("silver.sales", "gold.months", size=100)
    else:
        with life.shop.lake() as lake:
            selection = step.split() if lake.runs() else []
            done = lake.materialize(*selection)
            assert done is None or str(done.state) == "published", [(s.asset, s.reason) for s in done.steps]


def agree(life: Life) -> None:
    """Readers that are not ours see what the model says, and there is nothing to do."""
    rows = read(life.shop, "silver.sales")
    assert sorted((row["id"], row["sold"], row["total"]) for row in rows) == life.days()
    months = {f"{row['month']:%Y-%m}": row["total"] for row in read(life.shop, "gold.months")}
    assert months == life.months()
    assert life.shop.plan() == {}


def read(shop: Shop, asset: str) -> list[dict[str, object]]:
    with shop.lake() as lake:
        (key,) = lake.select(asset)
        place = lake._world.catalog.load([key])[key].version
    found: list[dict[str, object]] = StaticTable.from_metadata(place).scan().to_arrow().to_pylist()
    return found
