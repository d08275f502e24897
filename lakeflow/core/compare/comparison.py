"""How two states of one table differ, as values."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Final

from lakeflow.core.compare.columns import Pair, SchemaChange
from lakeflow.core.displayed import Displayed, printable
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Rows
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Side:
    """One of the two states: what somebody called it, and the snapshot that it is. None: nothing was published yet."""

    called: str
    snapshot_id: int | None
    committed_at: datetime | None = None


@dataclass(frozen=True)
class RowCounts:
    """Rows on both sides, and what became of them. Without a key no row is `changed`: it is one removed, one added."""

    before: int = 0
    after: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0

    @property
    def equal(self) -> int:
        return self.after - self.added - self.changed


@dataclass(frozen=True)
class Mean:
    """The mean of a number over the changed rows in which both sides have one."""

    before: float
    after: float

    @property
    def shift(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class ColumnChange:
    """In how many of the rows that both sides have (`of`) the value of a column differs."""

    name: str
    changed: int
    of: int
    mean: Mean | None = None

    @property
    def share(self) -> float:
        return self.changed / self.of if self.of else 0.0


@dataclass(frozen=True)
class Samples:
    """A few rows of each kind, in the columns that both sides have. Of changed rows there are two equally long tables:
    the same row stands in the same place before and after.
    """

    added: Rows
    removed: Rows
    before: Rows
    after: Rows


NO_SAMPLES: Final = Samples(*(Rows((), ()),) * 4)


@dataclass(frozen=True)
class Asked:
    """What is compared, and how much of it is shown: columns in pairs, the key (lower case; empty: rows are told apart
    by all their values), a condition on rows of both sides, and at most so many rows of each kind. Of the columns in
    `personal` (lower case) no mean is told.
    """

    pairs: tuple[Pair, ...]
    key: tuple[str, ...] = ()
    where: str = ""
    samples: int = 0
    personal: frozenset[str] = frozenset()

    @property
    def key_places(self) -> tuple[int, ...]:
        places = {pair.name.lower(): place for place, pair in enumerate(self.pairs)}
        return tuple(places[name] for name in self.key)


@dataclass(frozen=True)
class Compared:
    """What an engine finds of two scans."""

    rows: RowCounts
    columns: tuple[ColumnChange, ...] = ()
    samples: Samples = NO_SAMPLES


@dataclass(frozen=True)
class Comparison(Displayed):
    """How a table differs between two snapshots. `key` is empty where rows are told apart by all their values."""

    asset: AssetKey
    before: Side
    after: Side
    schema: SchemaChange
    rows: RowCounts
    columns: tuple[ColumnChange, ...] = ()
    key: tuple[str, ...] = ()
    samples: Samples = field(default=NO_SAMPLES, repr=False)

    def __repr__(self) -> str:
        rows = self.rows
        counts = f"{rows.before:,} → {rows.after:,} rows, +{rows.added:,} −{rows.removed:,} ~{rows.changed:,}"
        columns = ", ".join(f"{each.name} ~{each.changed:,}" for each in self.columns)
        head = f"{self.asset} {self.before.called}..{self.after.called}: {counts}"
        return printable(f"{head}; {columns}" if columns else head)

    @property
    def changes(self) -> bool:
        """Is anything different, in columns or rows?"""
        return bool(self.schema) or bool(self.rows.added or self.rows.removed or self.rows.changed)
