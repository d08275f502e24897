"""What the tables of the lake in `feeds` hold, by plain lists and dicts: no engine, no file, no snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

MONTHS: Final = (1, 2, 3)
"""Of 2020: the partitions in time of `silver.spans`."""


class Sale(NamedTuple):
    seq: int
    k: str
    v: int
    d: date


Said = tuple[bool, int]
"""Does the key hold from that day on, and with which value."""
Line = dict[date, Said]
Version = tuple[str, int, date, date | None]


class Drop(NamedTuple):
    """A file that was put into the folder."""

    name: str
    sales: tuple[Sale, ...]


@dataclass
class Incremental:
    """How many sales an asset has consumed, which it is always given in the order in which they landed."""

    seen: int = 0

    def take(self, sales: list[Sale]) -> list[Sale]:
        new, self.seen = sales[self.seen :], len(sales)
        return new


@dataclass
class Model:
    """The tables, as published. Each verb is one run of the lake."""

    landed: set[tuple[Sale, ...]] = field(default_factory=set)
    sales: list[Sale] = field(default_factory=list)
    positions: dict[str, Incremental] = field(default_factory=dict)
    appended: list[Sale] = field(default_factory=list)
    latest: dict[str, Sale] = field(default_factory=dict)
    months: dict[int, list[Sale]] = field(default_factory=dict)
    history: dict[str, dict[date, Sale]] = field(default_factory=dict)
    members: dict[str, Line] = field(default_factory=dict)
    spans: dict[int, list[Sale]] = field(default_factory=dict)

    def copy(self) -> Model:
        return deepcopy(self)

    def run(self, drops: Iterable[Drop], today: date) -> None:
        """Everything that is not fresh, the partitions that late rows touch too. A content lands once, whatever its
        name.
        """
        for drop in sorted(drops):
            if drop.sales not in self.landed:
                self.landed.add(drop.sales)
                self.sales += drop.sales
        for name in ("appended", "latest", "history"):
            self._consume(name)
        self._overwrite_months()
        self._see_members(today)
        for month in MONTHS:
            self.backfill(month)

    def refresh(self, name: str, today: date) -> None:
        """One asset anew from nothing."""
        if name == "spans":
            for month in MONTHS:
                self.backfill(month)
        elif name == "members":
            self.members = {}
            self._see_members(today)
        elif name == "months":
            self.months = {}
            self._overwrite_months()
        elif name != "totals":
            setattr(self, name, [] if name == "appended" else {})
            self.positions.pop(name, None)
            self._consume(name)

    def backfill(self, month: int) -> None:
        self.spans[month] = [sale for sale in self.sales if sale.d.month == month]

    def _consume(self, name: str) -> None:
        new = self.positions.setdefault(name, Incremental()).take(self.sales)
        match name:
            case "appended":
                self.appended += new
            case "latest":
                for sale in sorted(new):
                    if sale.k not in self.latest or self.latest[sale.k].seq < sale.seq:
                        self.latest[sale.k] = sale
            case "history":
                for sale in sorted(new):
                    line = self.history.setdefault(sale.k, {})
                    if sale.d not in line or line[sale.d].seq < sale.seq:
                        line[sale.d] = sale
                self.history = {key: _changes(line) for key, line in self.history.items()}

    def totals(self) -> list[tuple[object, ...]]:
        """Of all sales that were ever consumed, which is all that landed."""
        found: list[tuple[object, ...]] = []
        for key in {sale.k for sale in self.sales}:
            sales = [sale for sale in self.sales if sale.k == key]
            found.append((len(sales), key, sum(sale.v for sale in sales), max(sale.d for sale in sales)))
        return found

    def _overwrite_months(self) -> None:
        """Now the odd months come, now the even ones; the others stay as they were."""
        for month in {sale.d.month for sale in self.sales if sale.d.month % 2 == len(self.sales) % 2}:
            self.months[month] = [sale for sale in self.sales if sale.d.month == month]

    def _see_members(self, today: date) -> None:
        """A full input: whoever is not in it ends today."""
        here = {sale.k: [(sale.d, sale.v)] for sale in self.latest.values() if sale.v}
        for key, line in self.members.items():
            last = max(line)
            if key not in here and line[last][0] and last < today:
                line[today] = (False, 0)
            if key in here and not line[last][0] and here[key][0][0] < last:
                here[key] = [*here[key], (max(last, today), here[key][0][1])]
        _learn(self.members, here)


def _learn(lines: dict[str, Line], came: dict[str, list[tuple[date, int]]]) -> None:
    """What came is put in its place; what says the same as what stands before it goes."""
    for key, events in came.items():
        line = lines.setdefault(key, {})
        line |= {d: (True, v) for d, v in events}
        before: Said = (False, 0)
        for d in sorted(line):
            if line[d] == before:
                del line[d]
            else:
                before = line[d]


def _changes(line: dict[date, Sale]) -> dict[date, Sale]:
    """The days on which another value began."""
    kept: dict[date, Sale] = {}
    for d in sorted(line):
        if not kept or kept[max(kept)].v != line[d].v:
            kept[d] = line[d]
    return kept


def versions(lines: dict[str, Line]) -> list[Version]:
    """Key, value, first day and the day on which it ends."""
    found: list[Version] = []
    for key, line in lines.items():
        days = sorted(line)
        for d, end in zip(days, [*days[1:], None], strict=True):
            if line[d][0]:
                found.append((key, line[d][1], d, end))
    return sorted(found, key=repr)
