"""Today's checks on snapshots that exist: a look, which changes nothing and records nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.view.audits import Inspected, head_of, published_with, read_with
from lakeflow.wap.step.audit_request import audit_request, seen_before
from lakeflow.wap.world import World

Tables = Mapping[AssetKey, Table]


@dataclass(frozen=True)
class AuditTarget:
    """One snapshot to look at; `shown` is how many failing rows a check may show."""

    asset: AssetKey
    snapshot_id: int
    shown: int = 5


def tables_around(world: World, keys: Iterable[AssetKey]) -> Tables:
    """The tables of these assets and all that their checks name, as one catalog read finds them."""
    around = set(keys)
    for key in tuple(around):
        around |= world.project.suite(key).references | world.project.suite(key).published
    return world.catalog.load(around)


def inspect(world: World, tables: Tables, looks: Iterable[AuditTarget]) -> Iterator[Inspected]:
    """What today's checks say of each; the checks of old snapshots read what readers saw then.

    Ages are counted to now at the head of a ref, at an older snapshot to its commit.
    """
    wanted = tuple(looks)
    world.auditor.start(world.project.suite(key) for key in {look.asset for look in wanted})
    for look in wanted:
        yield _inspected(world, tables, look)


def _inspected(world: World, tables: Tables, look: AuditTarget) -> Inspected:
    table = tables[look.asset]
    snapshot, ref = table.snapshots[look.snapshot_id], head_of(table, look.snapshot_id)
    scan = world.catalog.scan(table, look.snapshot_id)
    request = audit_request(world, table, scan, _relations(world, tables, look, scan))
    request = replace(request, at=request.at if ref else snapshot.committed_at, shown=look.shown)
    checks = world.auditor.audit(request)
    return Inspected(look.asset, snapshot.id, ref, snapshot.committed_at, snapshot.rows, checks, request.suite.digest)


def _relations(world: World, tables: Tables, look: AuditTarget, scan: Scan) -> dict[str, Scan]:
    table, suite, at = tables[look.asset], world.project.suite(look.asset), look.snapshot_id
    ref = head_of(table, at)
    read: dict[str, tuple[Table, int | None]] = {}
    for key in suite.references & tables.keys() - {look.asset}:
        read[str(key)] = tables[key], read_with(tables[key], table, at, ref)
    for key in suite.published & tables.keys() - {look.asset}:
        read[f"published.{key}"] = tables[key], tables[key].main if ref else published_with(tables[key], table, at)
    found = {name: world.catalog.scan(other, snapshot) for name, (other, snapshot) in read.items() if snapshot}
    if look.asset in suite.published:
        found[f"published.{look.asset}"] = seen_before(world, table, scan)
    return found
