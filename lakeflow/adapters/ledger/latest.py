"""The latest verdicts on snapshots, kept between looks: of a lake that stays open only what came since is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from threading import Lock
from typing import Any, Final

from lakeflow.adapters.ledger import rows, statements
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import VerdictRecord
from lakeflow.core.ports.database import Connection, Row, Statement
from lakeflow.core.values import dataclass

_MOST: Final = 10_000
"""The most bound values in one statement; SQLite takes 32,766."""
_FEW: Final = 16
Wanted = Mapping[AssetKey, frozenset[int]]
Latest = Mapping[AssetKey, tuple[VerdictRecord, ...]]


@dataclass(frozen=True)
class _SaidOfAsset:
    """What was said of one asset: of which snapshots, and which verdicts."""

    snapshots: frozenset[int]
    verdicts: tuple[VerdictRecord, ...]


@dataclass(frozen=True)
class _VerdictMark:
    """How far the verdicts went: the last of them, and how many there were up to it."""

    ordinal: int
    last: tuple[Any, ...]
    count: int


@dataclass
class LatestVerdicts:
    """Those of the lake, or of an environment. Safe to share between threads.

    Verdicts are added behind all others and are not changed. They go with their environment, or with their table; then
    there are fewer up to the last that was seen, or another stands in its place, and nothing that is kept is believed.
    """

    environment: str
    _kept: dict[AssetKey, _SaidOfAsset] = field(default_factory=dict, repr=False)
    _mark: _VerdictMark | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def read(self, connection: Connection, wanted: Wanted) -> Latest:
        with self._lock:
            self._forget_what_changed(connection)
            asked = {key: ids for key, ids in wanted.items() if not self._holds(key, ids)}
            for key, verdicts in _asked(connection, asked, self.environment).items():
                self._kept[key] = _SaidOfAsset(asked[key], verdicts)
            return {key: self._kept[key].verdicts for key in wanted}

    def _holds(self, key: AssetKey, snapshots: frozenset[int]) -> bool:
        said = self._kept.get(key)
        return said is not None and said.snapshots == snapshots

    def _forget_what_changed(self, connection: Connection) -> None:
        """The mark is older than what is read after it: a verdict that comes meanwhile is read once more."""
        seen = self._mark
        came = connection.execute(*_since(seen)).all()
        if seen is None or not came or tuple(came[0]) != seen.last or _count(connection, seen.ordinal) != seen.count:
            self._kept.clear()
            came = connection.execute(statements.LAST_VERDICT).all() if seen else came
        for row in came[1:]:
            self._kept.pop(AssetKey.parse(row.asset), None)
        last = came[-1] if came else None
        self._mark = _VerdictMark(last.ordinal, tuple(last), _count(connection, last.ordinal)) if last else None


def _since(seen: _VerdictMark | None) -> tuple[Statement, Mapping[str, int]]:
    """The verdict that was seen last and those that came since; the last of all where none was seen."""
    return (statements.VERDICTS_SINCE, {"ordinal": seen.ordinal}) if seen else (statements.LAST_VERDICT, {})


def _count(connection: Connection, until: int) -> int:
    return int(connection.execute(statements.COUNT_VERDICTS, {"ordinal": until}).scalar_one())


def _asked(connection: Connection, wanted: Wanted, environment: str) -> Latest:
    by_name = {str(asset): (ids, list[Row]()) for asset, ids in wanted.items()}
    for group in _groups(wanted):
        ids = sorted({id_ for asset in group for id_ in wanted[asset]})
        for some in batched(ids, _MOST):
            asked = {"environment": environment, "assets": [str(asset) for asset in group], "snapshots": some}
            for row in connection.execute(statements.LATEST_VERDICTS, asked):
                mine, said = by_name[row.asset]
                if row.snapshot_id in mine:
                    said.append(row)
    in_order = {key: sorted(by_name[str(key)][1], key=lambda row: row.ordinal) for key in wanted}
    return {key: tuple(map(rows.verdict, said)) for key, said in in_order.items()}


def _groups(wanted: Wanted) -> Iterator[list[AssetKey]]:
    """Assets that are asked together: a statement each takes a second of a thousand, and one for all of them looks for
    each snapshot in each asset.
    """
    few = [asset for asset, ids in wanted.items() if 0 < len(ids) <= _FEW]
    for start in range(0, len(few), _FEW):
        yield few[start : start + _FEW]
    yield from ([asset] for asset, ids in wanted.items() if len(ids) > _FEW)


def batched(values: Sequence[int], size: int) -> Iterator[list[int]]:
    """What `itertools.batched` does, which came with Python 3.12."""
    for start in range(0, len(values), size):
        yield list(values[start : start + size])
