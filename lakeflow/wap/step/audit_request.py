"""Builds the request to audit one snapshot, in a run or outside of one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from lakeflow.core.model.check import CheckKind
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.table import Scan, Statistics, Table
from lakeflow.core.run.audit_request import AuditRequest
from lakeflow.core.view.history import predecessor
from lakeflow.core.view.lineage import personal_columns, personal_inputs
from lakeflow.wap.ports import World


def audit_request(world: World, table: Table, scan: Scan, relations: Mapping[str, Scan]) -> AuditRequest:
    """Today's checks of the asset on this scan of its table, reading these relations; ages are counted to now."""
    asset, suite = world.project.assets[table.key], world.project.suite(table.key)
    return AuditRequest(
        asset=table.key,
        scan=scan,
        suite=suite,
        root=world.project.root,
        primary_key=asset.row_key,
        version_key=asset.version_key,
        marked_at=_marked_at(table, scan),
        columns=asset.columns,
        relations=relations,
        allow_empty=asset.allow_empty,
        timeout=world.policy.check_timeout,
        pii=personal_columns(world.project, {table.key} | suite.references | suite.published),
        inherited=personal_inputs(world.project, asset),
        at=world.clock(),
        statistics=_statistics(world, table, scan),
    )


def _marked_at(table: Table, scan: Scan) -> datetime | None:
    """When a run of ours last wrote the scd2 table that is scanned."""
    made = (provenance_of(snapshot.summary) for snapshot in table.ancestry(scan.snapshot_id))
    moment = next((each.moment for each in made if each), "")
    return datetime.fromisoformat(moment) if moment else None


def _statistics(world: World, table: Table, scan: Scan) -> Statistics | None:
    """The snapshot's statistics. None where it has none, and where no check can use them: row checks and built-in
    checks read the data.
    """
    asked = any(file.kind is CheckKind.SUITE for file in world.project.suite(table.key).files)
    return world.catalog.statistics(table, scan.snapshot_id) if asked and scan.snapshot_id is not None else None


def seen_before(world: World, table: Table, scan: Scan) -> Scan:
    """What readers saw of the table before the scanned snapshot; no rows when there was nothing."""
    before = predecessor(table, scan.snapshot_id)
    return Scan(table.key, None, scan.schema) if before is None else world.catalog.scan(table, before)
