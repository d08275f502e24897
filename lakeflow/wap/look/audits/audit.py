"""Today's checks on snapshots that exist. Read-only: nothing is written or recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome, Severity, Suite
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.values import dataclass
from lakeflow.core.view.audited.audits import Inspected, head_of, looked_at, published_with, read_with
from lakeflow.core.view.history import HELD
from lakeflow.wap.look.runs import with_waiting_branches
from lakeflow.wap.ports import World
from lakeflow.wap.step.audit_request import audit_request, seen_before

Tables = Mapping[AssetKey, Table]


@dataclass(frozen=True)
class AuditTarget:
    """One snapshot to audit; `shown` is how many failing rows a check may show."""

    asset: AssetKey
    snapshot_id: int
    shown: int = 5


def audit(world: World, keys: Sequence[AssetKey], ref: str, snapshot: str | None, last: int) -> tuple[Inspected, ...]:
    """What today's checks say of what stands at a ref of these assets, or of one snapshot, or of the `last`
    newest snapshots of main that changed rows.
    """
    looked = world.catalog.look(_around(world, keys))
    broken = {key: looked.broken[key] for key in keys if key in looked.broken}
    sound = {key: looked.tables[key] for key in keys if key in looked.tables}
    if ref == HELD:
        sound = {key: with_waiting_branches(world.ledger, table) for key, table in sound.items()}
    if broken and not sound:
        raise next(iter(broken.values()))
    found = looked_at(sound, ref, snapshot, last)
    audited = _audited(world, looked.tables, [AuditTarget(key, at) for key, at in found])
    return (*audited, *(_unreadable(world, key, error) for key, error in broken.items()))


def _unreadable(world: World, key: AssetKey, error: LakeError) -> Inspected:
    """One damaged table does not stop the others, and is no table that passed."""
    said = f"{error.message} ({error.hint})" if error.hint else error.message
    check = CheckResult("table", Outcome.ERRORED, Severity.CRITICAL, detail=f"it cannot be read: {said}")
    return Inspected(key, 0, None, world.clock(), None, (check,))


def failing(world: World, key: AssetKey, ref: str, snapshot: str | None, limit: int) -> tuple[CheckResult, ...]:
    """What today's checks find of one asset, each with at most `limit` of the rows that fail it."""
    tables = _tables_around(world, (key,))
    found = looked_at({key: tables[key]} if key in tables else {}, ref, snapshot, 1)
    (audited,) = _audited(world, tables, [AuditTarget(key, at, limit) for key, at in found])
    return audited.checks


def audited_now(world: World, key: AssetKey, targets: Sequence[AuditTarget], suite: Suite) -> tuple[Inspected, ...]:
    """What other checks than the asset's own say of its snapshots: the same audit with this suite in their place."""
    like = _with_suite(world, key, suite)
    return _audited(like, _tables_around(like, (key,)), targets)


def audit_around(world: World, target: AuditTarget, suite: Suite) -> AuditRequest:
    """What such an audit of a snapshot would be asked, and may read: for somebody who has other rows to look at."""
    like = _with_suite(world, target.asset, suite)
    tables = _tables_around(like, (target.asset,))
    scan = world.catalog.scan(tables[target.asset], target.snapshot_id)
    world.auditor.start([suite])
    return audit_request(like, tables[target.asset], scan, _relations(like, tables, target, scan))


def _with_suite(world: World, key: AssetKey, suite: Suite) -> World:
    """The world with other checks of an asset. Engine and auditor stay those of the world, which closes them."""
    project = replace(world.project, suites={**world.project.suites, key: suite})
    return replace(world, project=project, make_engine=lambda: world.engine, make_auditor=lambda: world.auditor)


def _tables_around(world: World, keys: Iterable[AssetKey]) -> Tables:
    """The tables of these assets and of all that their checks name, as one catalog read finds them."""
    return world.catalog.load(_around(world, keys))


def _around(world: World, keys: Iterable[AssetKey]) -> set[AssetKey]:
    around = set(keys)
    for key in tuple(around):
        around |= world.project.suite(key).references | world.project.suite(key).published
    return around


def _audited(world: World, tables: Tables, targets: Sequence[AuditTarget]) -> tuple[Inspected, ...]:
    """What today's checks say of each; the checks of old snapshots read what readers saw then.

    At the head of a ref, ages are counted to now; at an older snapshot, to its commit.
    """
    world.auditor.start(world.project.suite(key) for key in {target.asset for target in targets})
    return tuple(_inspected(world, tables, target) for target in targets)


def _inspected(world: World, tables: Tables, target: AuditTarget) -> Inspected:
    table = tables[target.asset]
    snapshot, ref = table.snapshots[target.snapshot_id], head_of(table, target.snapshot_id)
    scan = world.catalog.scan(table, target.snapshot_id)
    request = audit_request(world, table, scan, _relations(world, tables, target, scan))
    request = replace(
        request, at=request.at if ref and ref not in table.tags else snapshot.committed_at, shown=target.shown
    )
    checks = world.auditor.audit(request)
    return Inspected(target.asset, snapshot.id, ref, snapshot.committed_at, snapshot.rows, checks, request.suite.digest)


def _relations(world: World, tables: Tables, target: AuditTarget, scan: Scan) -> dict[str, Scan]:
    table, suite, at = tables[target.asset], world.project.suite(target.asset), target.snapshot_id
    ref = head_of(table, at)
    read: dict[str, tuple[Table, int | None]] = {}
    for key in suite.references & tables.keys() - {target.asset}:
        read[str(key)] = tables[key], read_with(tables[key], table, at, ref)
    for key in suite.published & tables.keys() - {target.asset}:
        read[f"published.{key}"] = tables[key], tables[key].main if ref else published_with(tables[key], table, at)
    found = {name: world.catalog.scan(other, snapshot) for name, (other, snapshot) in read.items() if snapshot}
    if target.asset in suite.published:
        found[f"published.{target.asset}"] = seen_before(world, table, scan)
    return found
