"""Builds the request to audit one snapshot, in a run or outside of one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from lakeflow.core.model.check import CheckKind
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.view.history import predecessor
from lakeflow.core.view.lineage import personal_columns, personal_inputs
from lakeflow.wap.ports import World


def audit_request(world: World, table: Table, scan: Scan, relations: Mapping[str, Scan]) -> AuditRequest:
    """Request today's checks of the asset on this scan, with these relations to read. Ages are counted to now."""
    asset, suite = world.project.assets[table.key], world.project.suite(table.key)
    # An scd2 table is marked when a run of ours writes it.
    made = (provenance_of(snapshot.summary) for snapshot in table.ancestry(scan.snapshot_id))
    moment = next((each.moment for each in made if each), "")
    # Row checks and built-in checks read the data: only suites can use statistics.
    counted = scan.snapshot_id if any(file.kind is CheckKind.SUITE for file in suite.files) else None
    return AuditRequest(
        asset=table.key,
        scan=scan,
        suite=suite,
        root=world.project.root,
        primary_key=asset.row_key,
        version_key=asset.version_key,
        marked_at=datetime.fromisoformat(moment) if moment else None,
        columns=asset.columns,
        relations=relations,
        allow_empty=asset.allow_empty,
        timeout=world.policy.check_timeout,
        pii=personal_columns(world.project, {table.key} | suite.references | suite.published),
        inherited=personal_inputs(world.project, asset),
        at=world.clock(),
        statistics=None if counted is None else world.catalog.statistics(table, counted),
        before=_columns_before(table, scan.snapshot_id),
        engine=asset.engine,
    )


def _columns_before(table: Table, snapshot_id: int | None) -> Schema | None:
    before = None if snapshot_id is None else predecessor(table, snapshot_id)
    return None if before is None else table.schema_of(before)


def seen_before(world: World, table: Table, scan: Scan) -> Scan:
    """What readers saw of the table before the scanned snapshot; without rows when they saw nothing."""
    before = predecessor(table, scan.snapshot_id)
    return Scan(table.key, None, scan.schema) if before is None else world.catalog.scan(table, before)
