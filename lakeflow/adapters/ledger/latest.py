"""The latest verdicts on snapshots, kept between looks: of a lake that stays open only those of assets that got one are
read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import field
from operator import attrgetter
from threading import Lock
from typing import Any, Final, TypeVar

from lakeflow.adapters.ledger import rows, statements
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import VerdictRecord
from lakeflow.core.ports.database import Connection, Row, Statement
from lakeflow.core.values import dataclass

_MOST: Final = 10_000
"""The most bound values in one statement; SQLite takes 32,766."""
_FEW: Final = 16
Wanted = Mapping[AssetKey, frozenset[int]]
Latest = Mapping[AssetKey, Sequence[VerdictRecord]]
Told = tuple[Any, ...]
"""An asset, how many verdicts there are of it, and the greatest of what tells them apart."""
Value = TypeVar("Value")
_ordinal: Final = attrgetter("ordinal")


@dataclass(frozen=True)
class _SaidOfAsset:
    """What was said of one asset: of which snapshots, among which verdicts, and which they are."""

    snapshots: frozenset[int]
    told: Told | None
    verdicts: Sequence[VerdictRecord]


@dataclass
class LatestVerdicts:
    """Those of the lake, or of an environment. Safe to share between threads.

    A verdict is not changed. It comes behind all others, and it goes with its environment or, under another name, with
    its table: then there are others, or another number, of the asset, and what is kept of that one is not believed.
    """

    environment: str
    _kept: dict[AssetKey, _SaidOfAsset] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def read(self, connection: Connection, wanted: Wanted) -> Latest:
        with self._lock:
            told = {row.asset: tuple(row) for row in connection.execute(statements.TOLD_VERDICTS)}
            asked = {key: ids for key, ids in wanted.items() if not self._holds(key, ids, told.get(str(key)))}
            for key, verdicts in _asked(connection, asked, told, self.environment).items():
                self._kept[key] = _SaidOfAsset(asked[key], told.get(str(key)), verdicts)
            return {key: self._kept[key].verdicts for key in wanted}

    def _holds(self, key: AssetKey, snapshots: frozenset[int], told: Told | None) -> bool:
        said = self._kept.get(key)
        return said is not None and (said.snapshots, said.told) == (snapshots, told)


def _asked(connection: Connection, wanted: Wanted, told: Mapping[str, Told], environment: str) -> Latest:
    by_name = {str(asset): (ids, dict[tuple[int, str], Row]()) for asset, ids in wanted.items()}
    for statement, assets, ids in _questions(
        wanted, {key for key in wanted if _is_most(wanted[key], told.get(str(key)))}
    ):
        asked = {"environment": environment, "assets": [str(asset) for asset in assets]}
        for row in connection.execute(statement, asked | ({"snapshots": ids} if ids else {})):
            mine, said = by_name[row.asset]
            if row.snapshot_id in mine:
                about = row.snapshot_id, row.ruling
                if about not in said or said[about].ordinal < row.ordinal:
                    said[about] = row
    in_order = {key: sorted(by_name[str(key)][1].values(), key=_ordinal) for key in wanted}
    return {key: rows.unread(said) for key, said in in_order.items()}


def _is_most(snapshots: frozenset[int], told: Told | None) -> bool:
    """Are there hardly more verdicts of the asset than those that are wanted? Then all are read, and nobody looks for
    each snapshot.
    """
    return bool(snapshots) and told is not None and told[1] <= 2 * len(snapshots)


def _questions(wanted: Wanted, whole: Set[AssetKey]) -> Iterator[tuple[Statement, list[AssetKey], list[int]]]:
    for some in batched(sorted(whole), _MOST):
        yield statements.VERDICTS_OF_ALL, some, []  # to look for the latest in them takes the database as long again
    for group in _groups({key: ids for key, ids in wanted.items() if key not in whole}):
        for ids in batched(sorted({id_ for asset in group for id_ in wanted[asset]}), _MOST):
            yield statements.LATEST_VERDICTS, group, ids


def _groups(wanted: Wanted) -> Iterator[list[AssetKey]]:
    """Assets that are asked together: a statement each takes a second of a thousand, and one for all of them looks for
    each snapshot in each asset.
    """
    few = [asset for asset, ids in wanted.items() if 0 < len(ids) <= _FEW]
    for start in range(0, len(few), _FEW):
        yield few[start : start + _FEW]
    yield from ([asset] for asset, ids in wanted.items() if len(ids) > _FEW)


def batched(values: Sequence[Value], size: int) -> Iterator[list[Value]]:
    """What `itertools.batched` does, which came with Python 3.12."""
    for start in range(0, len(values), size):
        yield list(values[start : start + size])
