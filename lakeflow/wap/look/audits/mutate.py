"""Audits corrupted copies of a table with its own checks, to tell which faults readers would have seen.

A copy is a few scratch files: no table, no branch and no record of a run knows of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from lakeflow.core.corrupt.choose import ALL, Wish, corruptions
from lakeflow.core.corrupt.corruption import Corruptible, Corruption, CorruptionKind, Dose
from lakeflow.core.corrupt.survival import CorruptionResult, MutationReport, Survival, failing, judged
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.check import CheckFile
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.values import dataclass
from lakeflow.core.view.history import predecessor
from lakeflow.wap.look.audits.audit import AuditTarget, audit_around
from lakeflow.wap.look.audits.suggest import suggest, suggested_file, suggested_path
from lakeflow.wap.ports import World

_NOTHING_CHANGES: Final = "no row would change"


@dataclass(frozen=True)
class MutationRequest:
    """Which corruptions of which share of the rows, and from how many snapshots checks are proposed."""

    share: float = 0.05
    seed: int = 0
    wish: Wish = ALL
    history: int = 6


def mutate(world: World, key: AssetKey, asked: MutationRequest) -> MutationReport:
    """What the checks of an asset say of corrupted copies of what readers see.

    UsageError where nothing was published, for a quarantine, and for a column that is not there.
    """
    if (owner := owner_of(key)) is not None:
        raise UsageError(f"{key} is checked with {owner}", hint=f"`lakeflow mutate {owner}`", asset=key)
    table = world.catalog.load([key]).get(key)
    if table is None or table.main is None:
        raise UsageError(f"{key} was never published", hint=f"`lakeflow materialize +{key}` builds it", asset=key)
    asset, scan = world.project.assets[key], world.catalog.scan(table, table.main)
    dose = Dose(asked.share, asked.seed, tuple(name for name in asset.row_key if scan.schema.find(name)))
    every = corruptions(asset, scan.schema, _identifying(world, asset), asked.wish)
    copied = [each for each in every if each.kind.is_copied]
    found = {each.corruption: each for each in world.engine.corruptible(scan, copied, dose)}
    proposed = _proposed(world, key, asked.history)
    trial = _ComparedAudit(world, table, _request(world, table, scan, proposed), suggested_path(key))
    results = tuple(trial.tried(each, found.get(each), dose) for each in every)
    return MutationReport(key, table.main, dose.share, dose.seed, results, failing(trial.before, trial.proposed))


def _identifying(world: World, asset: Asset) -> frozenset[str]:
    """Lower-case names of the columns that identify something: keys, and what refers to one."""
    foreign = (each.column for each in world.project.suite(asset.key).foreign_keys)
    return frozenset(name.lower() for name in (*asset.row_key, *foreign))


def _proposed(world: World, key: AssetKey, history: int) -> CheckFile | None:
    """The checks that `suggest` proposes, which say what would catch a fault; None where it has none."""
    try:
        found = suggest(world, key, history).proposals
    except UsageError:  # no audit published anything of it
        return None
    return suggested_file(key, found) if found else None


def _request(world: World, table: Table, scan: Scan, proposed: CheckFile | None) -> AuditRequest:
    """The audit of a next write: other tables as they are, and what readers see now as what they saw before it."""
    suite = world.project.suite(table.key)
    asked = replace(suite, files=(*suite.files, proposed)) if proposed else suite
    request = audit_around(world, AuditTarget(table.key, scan.snapshot_id or 0), asked)
    relations: Mapping[str, Scan] = {**request.relations, f"published.{table.key}": scan}
    against = table.key in asked.published
    return replace(
        request,
        relations=relations if against else request.relations,
        statistics=None,
        before=table.schema_of(scan.snapshot_id) if scan.snapshot_id is not None else None,
        at=world.clock(),
    )


class _ComparedAudit:
    """The table's own audit, with which those of its copies are compared. `proposed` is the path of checks that are no
    checks of the asset yet.
    """

    def __init__(self, world: World, table: Table, request: AuditRequest, proposed: str) -> None:
        self._world, self._table, self._request = world, table, request
        self.proposed = proposed
        self.before: Sequence[CheckResult] = world.auditor.audit(request)

    def tried(self, corruption: Corruption, which: Corruptible | None, dose: Dose) -> CorruptionResult:
        """What the checks say of one corrupted copy."""
        if which is not None and not which.rows:
            return CorruptionResult(corruption, Survival.NOT_APPLICABLE, why=_NOTHING_CHANGES)
        with self._copy(corruption, which, dose) as (copy, rows, why):
            if copy is None:
                return CorruptionResult(corruption, Survival.NOT_APPLICABLE, why=why)
            after = self._world.auditor.audit(replace(self._request, scan=copy))
        return judged(corruption, rows, self.before, after, self.proposed)

    @contextmanager
    def _copy(
        self, corruption: Corruption, which: Corruptible | None, dose: Dose
    ) -> Iterator[tuple[Scan | None, int, str]]:
        """The copy and how many rows it changes, or why there is none that differs from the table."""
        scan = self._request.scan
        if corruption.kind is CorruptionKind.EMPTIED:
            empty = replace(scan, files=(), rows=0, bytes=0, deletes=())
            yield (empty, scan.rows, "") if scan.rows else (None, 0, "the table is empty")
        elif corruption.kind is CorruptionKind.STALE:
            yield self._stale()
        else:
            assert which is not None, "what is copied was looked for"
            with self._world.engine.corrupted(scan, which, dose) as copy:
                gone = corruption.kind is CorruptionKind.DROPPED
                rows = which.rows - copy.rows if gone else which.rows
                yield (copy, max(rows, 1), "") if copy.rows or not gone else (None, 0, "all rows are in one of them")

    def _stale(self) -> tuple[Scan | None, int, str]:
        before = predecessor(self._table, self._table.main)
        if before is None or before not in self._table.snapshots:
            return None, 0, "there is no snapshot before"
        scan = self._request.scan
        old = self._world.catalog.scan(self._table, before)
        if old.schema.fields == scan.schema.fields and self._world.engine.equal(old, scan):
            return None, 0, "the snapshot before holds the same rows"
        return old, abs(scan.rows - old.rows), ""
