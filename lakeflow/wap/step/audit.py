"""Audits a step: runs today's checks on the snapshot that it wrote, or on main."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import is_ours, provenance_of
from lakeflow.core.model.run import Action, StepRecord, StepState
from lakeflow.core.model.table import Scan, Snapshot
from lakeflow.core.run.added_rows import passed_below, verdict_below
from lakeflow.core.run.audits.audit_request import AddedRows, AuditRequest
from lakeflow.core.run.events import Phase, StepEnded
from lakeflow.core.run.verdict import hold_reason, written_as
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.audit_request import audit_request, seen_before


def audit(attempt: Attempt, record: StepRecord) -> StepRecord:
    """Audit the step's snapshot. If its checks hold it, the step ends held; otherwise it waits for the publish (state
    None).
    """
    attempt.tell_phase(record.asset, Phase.AUDITING)
    assert record.snapshot_id is not None
    scan = attempt.world.catalog.scan(attempt.tables[record.asset], record.snapshot_id)
    request = _request(attempt, record, scan)
    checks = attempt.step_lock.release_while(lambda: attempt.world.auditor.audit(request))
    # The publish accepts only snapshots of this set: nothing reaches main that was not audited.
    attempt.audited.add(record.snapshot_id)
    # A dimension may lose a row later and break a check that passes now, so its snapshot is remembered.
    attempt.looked_at[record.asset] = _looked_at(attempt, record.asset)
    digest = attempt.suite(record.asset).digest
    audited = replace(record, checks=checks, checks_digest=digest, state=None, reason="")
    if reason := hold_reason(checks):
        return attempt.end(audited, StepState.HELD, reason)
    attempt.note(audited)
    attempt.tell(StepEnded(attempt.run.id, audited))
    return audited


def _looked_at(attempt: Attempt, key: AssetKey) -> dict[str, int]:
    """The snapshots of other tables that the checks read, under the names by which they read them."""
    suite = attempt.suite(key)
    heads = {str(other): attempt.pinned(other) for other in suite.references - {key}}
    known = ((other, attempt.tables.get(other)) for other in suite.published - {key})
    heads |= {f"published.{other}": table.main for other, table in known if table}
    return {name: head for name, head in heads.items() if head is not None}


def _request(attempt: Attempt, record: StepRecord, scan: Scan) -> AuditRequest:
    """Build the request. Checks read other tables as this run wrote them, and under `published.` as readers saw them
    when it began.
    """
    suite = attempt.suite(record.asset)
    relations = {str(key): found for key, found in attempt.scans(suite.references - {record.asset}).items()}
    others = attempt.published_scans(suite.published - {record.asset})
    relations |= {f"published.{key}": found for key, found in others.items()}
    if record.asset in suite.published:
        relations[f"published.{record.asset}"] = seen_before(attempt.world, attempt.tables[record.asset], scan)
    request = audit_request(attempt.world, attempt.tables[record.asset], scan, relations)
    return replace(
        request,
        expected_rows=_expected_rows(attempt, record),
        resources=attempt.resources(record.asset),
        added_rows=_added_rows(attempt, record),
    )


def _added_rows(attempt: Attempt, record: StepRecord) -> AddedRows | None:
    """The rows a write added, for checks that already passed on the rest. None where every check must look at all
    rows.
    """
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
            return AddedRows(scan, passed, replaced, (base.rows or 0) - replaced, near)
    return None


def _expected_rows(attempt: Attempt, record: StepRecord) -> int | None:
    """How many rows the snapshot must have: the rows that were written, and those of the base that were not replaced.

    None where the rows of the base are unknown: delete files of another engine hide rows that its totals count.
    """
    if record.action is Action.AUDIT or record.rows is None or record.snapshot_id is None:
        return None
    table = attempt.tables[record.asset]
    snapshot = table.snapshots[record.snapshot_id]
    traits = written_as(snapshot).traits
    if snapshot.parent_id is None or traits.replaces:
        return record.rows
    base, made = table.snapshots.get(snapshot.parent_id), provenance_of(snapshot.summary)
    if base is None or base.rows is None or made is None or _hides_rows(base):
        return None
    return traits.rows_after(base.rows, record.rows, made.replaced)


def _hides_rows(base: Snapshot) -> bool:
    """May delete files hide rows of the snapshot? A foreign snapshot that does not say so may have some."""
    return base.summary.get("total-delete-files", "0" if is_ours(base.summary) else "") != "0"
