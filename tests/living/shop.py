"""A shop's lake that is kept for a month: files that drift, come late, come twice or are wrong, and a run an hour.

`Shop` is the lake with its folder of deliveries and its clock. `tables` says in plain Python what readers ought to see.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError

import lakeflow
from lakeflow.lake.lake import Lake
from tests.lake.clock import set_clock
from tests.wap.doubles import dying

BEGIN: Final = datetime(2024, 3, 1, tzinfo=UTC)
"""The first hour of the month."""

_BRONZE: Final = """/*
[source]
folder = "drops"
files = "*.csv"
format = "csv"
columns = {id = "bigint", day = "date", amount = "bigint", seq = "bigint", channel = "string"}
optional = ["channel"]
renames = {amount = "total"}
on_malformed = "quarantine"
*/
select * from source"""
_SILVER: Final = """/*
key = ["id"]
write = "upsert"
keep = "last by seq"
new_rows = ["bronze.orders"]
allow_empty = true
*/
select id, day, amount, seq, channel, CODE as code from bronze.orders"""
_DAYS: Final = """/*
key = ["day"]
partition = "day(day)"
start = "2024-03-01"
allow_empty = true
*/
select day, count(*) as orders, sum(amount)::bigint as amount from silver.orders
where day >= $partition_start and day < $partition_end group by day"""
_CHANNELS: Final = """/*
key = ["channel"]
allow_empty = true
*/
select coalesce(channel, 'shop') as channel, count(*) as orders, max(code) as code from silver.orders group by 1"""
PROJECT: Final = {
    "pyproject.toml": '[tool.lakeflow]\nthreads = 1\nkeep_held = "0s"\n',
    "layers/bronze/orders.sql": _BRONZE,
    "layers/gold/days.sql": _DAYS,
    "layers/gold/channels.sql": _CHANNELS,
    "checks/silver/orders.refunds.sql": "select id from silver.orders where amount < 0",
}
TABLES: Final = {
    "bronze.orders": ("id", "day", "amount", "seq", "channel", "_source_file"),
    "silver.orders": ("id", "day", "amount", "seq", "channel", "code"),
    "gold.days": ("day", "orders", "amount"),
    "gold.channels": ("channel", "orders", "code"),
}
Rows = list[tuple[Any, ...]]
Tables = dict[str, Rows]


class Order(NamedTuple):
    id: int
    day: date
    amount: int
    seq: int
    channel: str | None = None


class Form(Enum):
    """What a delivery's columns are. All of them are versions of one contract."""

    PLAIN = ("id", "day", "amount", "seq")
    OLD = ("id", "day", "total", "seq")
    WIDE = ("id", "day", "amount", "seq", "channel")
    REORDERED = ("channel", "seq", "id", "total", "day")

    @property
    def has_channel(self) -> bool:
        return "channel" in self.value


@dataclass(frozen=True)
class Delivery:
    """A file of the folder: its orders as they are to land, and how many of its lines are no row at all."""

    name: str
    orders: tuple[Order, ...]
    form: Form
    malformed: int = 0

    def text(self) -> str:
        lines = [",".join(self.form.value)]
        for order in self.orders:
            said = {**order._asdict(), "total": order.amount, "channel": order.channel or ""}
            lines.append(",".join(str(said[column]) for column in self.form.value))
        # Each of them has a value too many, behind the rows that are well.
        lines += [",".join(["9"] * (len(self.form.value) + 1))] * self.malformed
        return "\n".join(lines) + "\n"


def merged(landed: Iterable[Delivery]) -> dict[int, Order]:
    """By id the order that was told last."""
    latest: dict[int, Order] = {}
    for order in (order for delivery in landed for order in delivery.orders):
        if order.id not in latest or order.seq > latest[order.id].seq:
            latest[order.id] = order
    return latest


def tables(landed: Sequence[Delivery], silver: dict[int, Order], code: int) -> Tables:
    """What readers see when so much has landed and these orders passed the checks."""
    days: dict[date, list[Order]] = defaultdict(list)
    for order in silver.values():
        days[order.day].append(order)
    channels = Counter(order.channel or "shop" for order in silver.values())
    return {
        "bronze.orders": _sorted((*order, f"drops/{each.name}") for each in landed for order in each.orders),
        "silver.orders": _sorted((*order, code) for order in silver.values()),
        "gold.days": _sorted((day, len(found), sum(order.amount for order in found)) for day, found in days.items()),
        "gold.channels": _sorted((name, count, code) for name, count in channels.items()),
    }


class Shop:
    """The lake in `root`, opened anew where a process would be."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.now = root, BEGIN
        # Each look is a moment later, as with any clock, so that no two snapshots are of one time.
        set_clock(patch, self._clock)
        for name, text in PROJECT.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "drops").mkdir()
        self.write_code(1)
        self.lake = lakeflow.open(root)

    def _clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def write_code(self, code: int) -> None:
        path = self.root / "layers/silver/orders.sql"
        path.parent.mkdir(exist_ok=True)
        path.write_text(_SILVER.replace("CODE", str(code)))

    def deliver(self, delivery: Delivery) -> None:
        (self.root / "drops" / delivery.name).write_text(delivery.text())

    def reopen(self) -> None:
        self.lake.close()
        self.lake = lakeflow.open(self.root)

    @contextmanager
    def dying_at(self, call: int) -> Iterator[Lake]:
        """Opened anew afterwards, as what comes next is another process."""
        try:
            with dying(self.lake, call) as lake:
                yield lake
        finally:
            self.reopen()

    def seen(self) -> Tables:
        """The tables as pyiceberg reads main; of one without main no rows."""
        uri = f"sqlite:///{self.root / '.lakeflow/catalog.db'}"
        catalog = SqlCatalog("lakeflow", uri=uri, warehouse=str(self.root))
        try:
            return {name: _rows(catalog, name, columns) for name, columns in TABLES.items()}
        finally:
            catalog.engine.dispose()

    def branches(self) -> int:
        """How many refs of runs there are in all tables."""
        uri = f"sqlite:///{self.root / '.lakeflow/catalog.db'}"
        catalog = SqlCatalog("lakeflow", uri=uri, warehouse=str(self.root))
        try:
            return sum(
                sum(ref != "main" for ref in catalog.load_table(each).metadata.refs)
                for space in catalog.list_namespaces()
                for each in catalog.list_tables(space)
            )
        finally:
            catalog.engine.dispose()


def _rows(catalog: SqlCatalog, name: str, columns: Sequence[str]) -> Rows:
    try:
        table = catalog.load_table(name)
    except NoSuchTableError:
        return []
    if table.current_snapshot() is None:
        return []
    found = table.scan().to_arrow().to_pylist()
    return _sorted(tuple(row[column] for column in columns) for row in found)


def _sorted(rows: Iterable[tuple[Any, ...]]) -> Rows:
    return sorted(rows, key=repr)
