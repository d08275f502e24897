"""The rows a write added, for checks that have already passed on the rest."""

from __future__ import annotations

from contextlib import suppress

from lakeflow.core.errors import UsageError
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import StepRecord
from lakeflow.core.run.added_rows import passed_below, verdict_below
from lakeflow.core.run.audit_request import Appended
from lakeflow.wap.attempt import Attempt


def appended(attempt: Attempt, record: StepRecord) -> Appended | None:
    """None where every check must look at all rows."""
    table = attempt.tables[record.asset]
    verdict = verdict_below(table, record, attempt.facts.verdicts.get(record.asset, ()))
    if verdict is None or record.snapshot_id is None or record.snapshot_id == table.main:
        return None
    with suppress(UsageError):  # a run that the ledger lost
        if passed := passed_below(attempt.past(verdict.run), verdict):
            scan = attempt.world.catalog.scan_added(table, record.snapshot_id, [record.snapshot_id])
            near = attempt.world.catalog.scan_near(table, record.snapshot_id, attempt.asset(record.asset).primary_key)
            written = table.snapshots[record.snapshot_id]
            made, base = provenance_of(written.summary), table.snapshots[written.parent_id or 0]
            replaced = made.replaced if made else 0
            return Appended(scan, passed, replaced, (base.rows or 0) - replaced, near)
    return None
