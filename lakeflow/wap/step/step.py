"""One step: write the asset to the run's branch, then audit the very snapshot that was written."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from lakeflow.core.errors import ConflictError, LakeflowError
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.provenance import Provenance, is_ours, provenance_of, tombstones_of
from lakeflow.core.model.quarantine import owner_of, quarantine_key
from lakeflow.core.model.run import Action, Ruling, StepRecord, StepState
from lakeflow.core.model.table import Discard, Scan, Snapshot, Staging, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.facts import published
from lakeflow.core.plan.landing import old_names
from lakeflow.core.plan.partitions import Pending
from lakeflow.core.plan.planning import Step
from lakeflow.core.plan.readmission import readmits
from lakeflow.core.plan.reasons import TO_AUDIT, Cause
from lakeflow.core.run.audit_request import AuditRequest
from lakeflow.core.run.events import Phase, StepEnded
from lakeflow.core.run.verdict import Remedy, hold_reason, reconcile, written_as
from lakeflow.core.version.fingerprint import ALGORITHM
from lakeflow.core.view.lineage import hidden_columns
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.appended import appended
from lakeflow.wap.step.audit_request import audit_request, seen_before
from lakeflow.wap.step.compute import Computed, Order, compute, renames_only
from lakeflow.wap.step.inputs import PinnedInputs, has_no_new_rows, read_inputs
from lakeflow.wap.step.landing import lands_nothing
from lakeflow.wap.step.lost_versions import lost_versions
from lakeflow.wap.step.partitions import built_on_main, keep_built, left_to_build, tells_nothing_new
from lakeflow.wap.step.quarantine import is_staged, stage_refused
from lakeflow.wap.step.readmitting import is_planned_so, with_position
from lakeflow.wap.step.readmitting import opened as as_opened


def carry_out(attempt: Attempt, step: Step) -> None:
    """Bring a step to its end, or to the point where it waits for the common publish (state None).

    An error of the asset ends the step, never the run.
    """
    if owner_of(step.asset) is not None and step.action is Action.WRITE:
        _carry_out_quarantine(attempt, step)
        return
    began = perf_counter()
    record = _opened(attempt, step)
    try:
        _require_readable(attempt, step)
        if blocked := _blocked(attempt, step):
            attempt.end(record, StepState.SKIPPED, blocked)
        elif step.action is Action.AUDIT or _inputs_brought_nothing(attempt, step):
            clear_branch(attempt, record.asset)
            _stay(attempt, step, record)
        elif not readmits(record) and lands_nothing(attempt, record.asset) and not _only_renames(attempt, step):
            clear_branch(attempt, record.asset)
            _keep_main(attempt, step, record)
        else:
            _write_and_audit(attempt, step, record)
    except ConflictError as error:
        attempt.end_by_error(attempt.step(step.asset), StepState.CONFLICT, error)
    except LakeflowError as error:
        attempt.end_by_error(attempt.step(step.asset), StepState.ERRORED, error)
    _clocked(attempt, step.asset, perf_counter() - began)


def audit(attempt: Attempt, record: StepRecord) -> StepRecord:
    """Audit the snapshot of a step. Where its checks hold it, the step ends held; otherwise it waits for the publish
    (state None).
    """
    attempt.tell_phase(record.asset, Phase.AUDITING)
    assert record.snapshot_id is not None
    scan = attempt.world.catalog.scan(attempt.tables[record.asset], record.snapshot_id)
    request = _request(attempt, record, scan)
    checks = attempt.step_lock.release_while(lambda: attempt.world.auditor.audit(request))
    attempt.audited.add(record.snapshot_id)
    others = attempt.suite(record.asset).references - {record.asset}
    attempt.looked_at[record.asset] = {str(key): head for key in others if (head := attempt.pinned(key)) is not None}
    digest = attempt.suite(record.asset).digest
    audited = replace(record, checks=checks, checks_digest=digest, state=None, reason="")
    if reason := hold_reason(checks):
        return attempt.end(audited, StepState.HELD, reason)
    attempt.note(audited)
    attempt.tell(StepEnded(attempt.run.id, audited))
    return audited


def _carry_out_quarantine(attempt: Attempt, step: Step) -> None:
    """Audit the rows that the owner's write refused, which are on the branch already. Without any, the step ends
    unchanged.
    """
    (owner,), record = step.upstreams, attempt.step(step.asset)
    above = attempt.step(owner)
    if above.state in {StepState.ERRORED, StepState.SKIPPED, StepState.CONFLICT}:
        attempt.end(record, StepState.SKIPPED, f"upstream {owner} {above.state}")
    elif is_staged(attempt, step.asset):
        audit(attempt, record)
    else:
        main = attempt.tables[step.asset].main if step.asset in attempt.tables else None
        attempt.end(replace(record, snapshot_id=main), StepState.UNCHANGED, f"{owner} was not written")


def _opened(attempt: Attempt, step: Step) -> StepRecord:
    asset = attempt.asset(step.asset)
    before = attempt.run.step(step.asset)
    opened = StepRecord(
        partitions=tuple(each.name for each in step.partitions),
        asset=step.asset,
        action=step.action,
        reasons=tuple(str(reason) for reason in step.reasons),
        attempt=attempt.run.attempt,
        base_id=step.base_id,
        code_version=asset.code_version,
        checks_digest=attempt.suite(step.asset).digest,
        reads_digest=attempt.facts.reads_digests.get(step.asset, ""),
        inputs=attempt.pinned_inputs(asset),
    )
    opened = as_opened(attempt, opened) if is_planned_so(step) else opened
    if before is not None and _is_kept(attempt, before, opened):
        opened = replace(opened, snapshot_id=before.snapshot_id, rows=before.rows)
    return attempt.update(opened)


def _is_kept(attempt: Attempt, before: StepRecord, now: StepRecord) -> bool:
    """Would writing again give what an earlier attempt left on the branch? Then it is only audited again."""
    table = attempt.tables.get(now.asset)
    stands = (
        table is not None and before.snapshot_id is not None and table.refs.get(attempt.branch) == before.snapshot_id
    )
    same = ("action", "base_id", "code_version", "checks_digest", "reads_digest", "inputs", "partitions")
    whole = quarantine_key(now.asset) not in attempt.world.project.assets or is_staged(
        attempt, quarantine_key(now.asset)
    )
    return stands and whole and all(getattr(before, name) == getattr(now, name) for name in same)


def _require_readable(attempt: Attempt, step: Step) -> None:
    """LakeError when the step's own table cannot be read, or a table that its code or its checks must read."""
    suite = attempt.suite(step.asset)
    others = attempt.asset(step.asset).upstreams | suite.references | suite.published
    attempt.facts.require({step.asset} | {key for key in others if key not in attempt.tables} - step.upstreams)


def _blocked(attempt: Attempt, step: Step) -> str:
    for upstream in sorted(step.upstreams):
        above = attempt.step(upstream)
        if above.state is not None and not above.done:
            return f"upstream {upstream} {above.state}"
    return ""


def _inputs_brought_nothing(attempt: Attempt, step: Step) -> bool:
    if step.partitions:
        return not left_to_build(attempt, step)
    if {reason.cause for reason in step.reasons} - TO_AUDIT != {Cause.UPSTREAM_RUNS}:
        return False
    still = {StepState.UNCHANGED, StepState.AUDITED}
    return all(attempt.step(key).state in still for key in step.upstreams) or has_no_new_rows(attempt, step)


def _stay(attempt: Attempt, step: Step, record: StepRecord) -> None:
    """Nothing has to be written: main stays as it is, and is audited if something asks for that."""
    if _asks_for_audit(attempt, step):
        _audit_main(attempt, replace(record, action=Action.AUDIT))
    else:
        written = step.action is Action.WRITE
        why = "its inputs turned out unchanged" if written else "what its checks refer to stays as it is"
        attempt.end(record, StepState.UNCHANGED, why)


def _asks_for_audit(attempt: Attempt, step: Step) -> bool:
    """Does a reason ask for an audit? A table that the checks refer to counts if this run wrote it and does not hold
    it; otherwise its main has not moved.
    """
    asking = [reason for reason in step.reasons if reason.cause in TO_AUDIT]
    written = {each.asset for each in attempt.steps if each.state is None and attempt.written_here(each.asset)}
    return any(reason.cause is not Cause.REFERENCE_RUNS or reason.upstream in written for reason in asking)


def _audit_main(attempt: Attempt, record: StepRecord) -> None:
    table = attempt.tables[record.asset]
    rows = table.published.rows if table.published else None
    audited = audit(attempt, replace(record, snapshot_id=table.main, rows=rows))
    if audited.state is None:
        attempt.on_main[record.asset] = attempt.verdict(audited, Ruling.PUBLISH, "audited again")
        attempt.end(audited, StepState.AUDITED)


def _only_renames(attempt: Attempt, step: Step) -> bool:
    """Has every file landed, while columns of the table still have the names of an early release?"""
    anew = any(reason.cause is Cause.FULL_REFRESH for reason in step.reasons)
    return not anew and bool(old_names(attempt.tables.get(step.asset)))


def _keep_main(attempt: Attempt, step: Step, record: StepRecord) -> None:
    """Every file has landed, so main stays. From now on it counts as made by today's code, and as checked by today's
    checks if it passes them.
    """
    if _digest_on_main(attempt, record.asset) == record.checks_digest and not _asks_for_audit(attempt, step):
        on_main = replace(record, snapshot_id=attempt.tables[record.asset].main)
        attempt.on_main[record.asset] = attempt.verdict(on_main, Ruling.UNCHANGED, "no new files")
        attempt.end(on_main, StepState.UNCHANGED, "no new files")
    else:
        _audit_main(attempt, replace(record, action=Action.AUDIT))


def _write_and_audit(attempt: Attempt, step: Step, record: StepRecord) -> None:
    if record.snapshot_id is None:
        reading = read_inputs(attempt, step)
        if reading.waits:
            attempt.end(
                record, StepState.HELD, f"{reading.waits}; `lakeflow plan {record.asset}` says what can be done"
            )
            return
        record = _write(attempt, record, reading, left_to_build(attempt, step))
        if reading.guarded and (lost := lost_versions(attempt, record)):
            clear_branch(attempt, record.asset)
            attempt.end(replace(record, snapshot_id=None, rows=None), StepState.HELD, lost)
            return
    forced = any(reason.cause is Cause.FORCED for reason in step.reasons)
    if readmits(record) and not record.rows:
        _leave_in_quarantine(attempt, record)
    elif not forced and _is_equal_to_main(attempt, record):
        _drop_equal(attempt, step, record)
    else:
        audit(attempt, record)


def _write(attempt: Attempt, record: StepRecord, reading: PinnedInputs, partitions: tuple[Pending, ...]) -> StepRecord:
    """Run the code on pinned inputs and commit its rows to the branch: fork and write are one commit."""
    attempt.tell_phase(record.asset, Phase.WRITING)
    world, declared = attempt.world, attempt.asset(record.asset)
    asset = reading.treats(declared)
    world.ledger.remember_code(asset.code_version, ALGORITHM, asset.source)
    clear_branch(attempt, record.asset)
    nothing = asset.files is not None and asset.write.traits.adds and lands_nothing(attempt, asset.key)
    order = Order(declared, asset, reading.scans, partitions)
    computed = renames_only(attempt, asset.key) if nothing else compute(attempt, order)
    made = _made(attempt, record, asset.write, reading, computed)
    if partitions:
        before = EMPTY if reading.rebuilds else built_on_main(attempt, record.asset)
        made = replace(made, partitions=keep_built(attempt, record, computed.table, partitions, before))
    if computed.quarantine:
        clear_branch(attempt, quarantine_key(record.asset))
        stage_refused(attempt, record, computed, asset.write)
    record, staged = _staged(attempt, record, computed, _staging(attempt, record, computed, made))
    attempt.tables[record.asset] = staged
    return attempt.note(replace(record, snapshot_id=staged.refs[attempt.branch], rows=computed.written.rows))


def _staged(attempt: Attempt, record: StepRecord, computed: Computed, staging: Staging) -> tuple[StepRecord, Table]:
    """Commit the write to the branch, on the planned base. Where main moved and the publish would only put the branch
    on top of it, commit on today's main at once; ConflictError where it would not.
    """
    catalog = attempt.world.catalog
    try:
        return record, catalog.stage(computed.table, staging)
    except ConflictError:
        table = catalog.load((record.asset,)).get(record.asset)
        if table is None or (table.uuid, table.schema) != (computed.table.uuid, computed.table.schema):
            raise
        # A merge has read the old base. Only files that do not depend on the base may go on another one.
        if staging.mode.traits.merges or reconcile(table, record.base_id, staging.mode) is not Remedy.RESTAGE:
            raise
        return replace(record, base_id=table.main), catalog.stage(table, replace(staging, base=table.main))


def _made(
    attempt: Attempt, record: StepRecord, mode: WriteMode, reading: PinnedInputs, computed: Computed
) -> Provenance:
    """The provenance of the step's snapshot: where its rows come from."""
    is_history = attempt.asset(record.asset).write.traits.versioned
    moment = computed.moment.isoformat() if is_history and computed.moment else ""
    made = replace(attempt.provenance(record), write=mode, replaced=computed.written.replaced)
    standing = "" if computed.written.open is None else str(computed.written.open)
    made = replace(made, turns=computed.written.turns, moment=moment, open_versions=standing)
    made = replace(made, tombstones=_keep_tombstones(attempt, record, computed))
    return with_position(attempt, record, replace(made, new_rows=reading.since, landed=computed.landed))


def _keep_tombstones(attempt: Attempt, record: StepRecord, computed: Computed) -> str:
    """The name of the sidecar of deleted keys; main's own sidecar where it says the same."""
    text, catalog = computed.written.tombstones, attempt.world.catalog
    before = tombstones_of(computed.table, record.base_id)
    if not text or (before and catalog.read_sidecar(computed.table, before) == text):
        return before if text else ""
    return catalog.write_sidecar(computed.table, "tombstones", text)


def _staging(attempt: Attempt, record: StepRecord, computed: Computed, made: Provenance) -> Staging:
    asset = attempt.asset(record.asset)
    return Staging(
        branch=attempt.branch,
        base=record.base_id,
        mode=WriteMode(made.write),
        schema=computed.schema,
        files=computed.written.files,
        summary=made.summary(),
        removes=computed.written.removes,
        layout=asset.layout,
        pii=hidden_columns(attempt.world.project, asset),
    )


def _leave_in_quarantine(attempt: Attempt, record: StepRecord) -> None:
    """No row is readmitted, so none is refused again either: both tables stay as they are."""
    quarantine = quarantine_key(record.asset)
    clear_branch(attempt, record.asset)
    clear_branch(attempt, quarantine)
    attempt.note(replace(attempt.step(quarantine), snapshot_id=None, rows=None))
    on_main = replace(record, snapshot_id=attempt.tables[record.asset].main)
    attempt.end(on_main, StepState.UNCHANGED, "none of its refused rows passes today's checks")


def clear_branch(attempt: Attempt, key: AssetKey) -> None:
    """Drop what an earlier attempt left on the run's branch, so that this attempt forks from main again."""
    table = attempt.tables.get(key)
    if table is not None and attempt.branch in table.refs:
        stale = Discard(key, attempt.branch, table.refs[attempt.branch])
        attempt.tables |= attempt.world.catalog.commit([stale], lambda _: None)


def _is_equal_to_main(attempt: Attempt, record: StepRecord) -> bool:
    """Did the write give the same rows as main, under the same checks? Then neither main nor what reads it has to move.

    Main moves all the same where new rows were read, for its snapshot says up to where, and where other code built its
    partitions, for its snapshot says by which.
    """
    table = attempt.tables[record.asset]
    if attempt.asset(record.asset).write.traits.adds or table.main is None or record.snapshot_id is None:
        return False
    if (made := provenance_of(table.snapshots[record.snapshot_id].summary)) and made.new_rows:
        return False
    if not tells_nothing_new(attempt, record):
        return False
    if tombstones_of(table, record.snapshot_id) != tombstones_of(table, table.main):
        return False
    digest = _digest_on_main(attempt, record.asset)
    if digest != record.checks_digest or not table.schema_of(record.snapshot_id).same_columns(table.schema):
        return False
    wrote, stands = (attempt.world.catalog.scan(table, each) for each in (record.snapshot_id, table.main))
    return attempt.step_lock.release_while(
        lambda: attempt.world.engine.equal(wrote, stands, attempt.resources(record.asset))
    )


def _digest_on_main(attempt: Attempt, key: AssetKey) -> str:
    stands = published(attempt.tables[key], attempt.facts.verdicts.get(key, ()))
    return stands.checks_digest if stands and not stands.foreign else ""


def _drop_equal(attempt: Attempt, step: Step, record: StepRecord) -> None:
    """Drop the branch and keep main. Main is audited if something asks for that, or if this run wrote a table that its
    checks read.
    """
    clear_branch(attempt, record.asset)
    looks = any(attempt.written_here(key) for key in attempt.suite(record.asset).references)
    if looks or _asks_for_audit(attempt, step):
        _audit_main(attempt, replace(record, action=Action.AUDIT))
        return
    on_main = replace(record, snapshot_id=attempt.tables[record.asset].main)
    attempt.on_main[record.asset] = attempt.verdict(on_main, Ruling.UNCHANGED, "a new write gave the same rows")
    attempt.end(on_main, StepState.UNCHANGED, "the same rows as on main")


def _request(attempt: Attempt, record: StepRecord, scan: Scan) -> AuditRequest:
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
        appended=appended(attempt, record),
    )


def _expected_rows(attempt: Attempt, record: StepRecord) -> int | None:
    """How many rows the snapshot must have: the rows that came, and those of the base that were not replaced.

    None where nobody knows how many the base has: the delete files of another engine hide rows that its totals count.
    """
    if record.action is Action.AUDIT or record.rows is None or record.snapshot_id is None:
        return None
    table = attempt.tables[record.asset]
    snapshot = table.snapshots[record.snapshot_id]
    if snapshot.parent_id is None or written_as(snapshot).traits.replaces:
        return record.rows
    base, made = table.snapshots.get(snapshot.parent_id), provenance_of(snapshot.summary)
    if base is None or base.rows is None or made is None or _hides_rows(base):
        return None
    return written_as(snapshot).traits.rows_after(base.rows, record.rows, made.replaced)


def _hides_rows(base: Snapshot) -> bool:
    """May delete files hide rows of the snapshot? Where its writer says nothing of delete files, it may have some."""
    return base.summary.get("total-delete-files", "0" if is_ours(base.summary) else "") != "0"


def _clocked(attempt: Attempt, key: AssetKey, seconds: float) -> None:
    attempt.run = attempt.run.with_step(replace(attempt.step(key), seconds=round(seconds, 3)))
