"""One step from its beginning to its end: write the asset to the run's branch, then audit the very snapshot written.

What kind of step it is, is asked once (`source_of`). The story below asks the answer, and no other question of kind.
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Final

from lakeflow.core.care.set_aside import held_since, holds, repeated
from lakeflow.core.errors import ConflictError, LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import tombstones_of
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import Action, Ruling, StepRecord, StepState
from lakeflow.core.plan.facts import HeldStep, published
from lakeflow.core.plan.planning import Step
from lakeflow.core.plan.reasons import TO_AUDIT, Cause
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.audit import audit
from lakeflow.wap.step.quarantine import is_staged
from lakeflow.wap.step.sources.choose import source_of
from lakeflow.wap.step.sources.source import Nothing, Source
from lakeflow.wap.step.write import write

_SAME_ROWS: Final = "a new write gave the same rows"


def carry_out(attempt: Attempt, step: Step) -> None:
    """Bring a step to its end, or to the point where it waits for the common publish (state None).

    1. A step whose upstream did not succeed is skipped.
    2. A step that has nothing to write leaves main as it is, and audits main where a reason asks for it.
    3. A step that would only repeat what another run holds is left to that run.
    4. Any other step is written and audited. Where an earlier attempt left the same write on the branch, it is only
       audited.

    An error of the asset ends the step, never the run.
    """
    # The owner's write has already split off the quarantine's rows: there is nothing to compute here.
    if owner_of(step.asset) is not None and step.action is Action.WRITE:
        _carry_out_quarantine(attempt, step)
        return
    began = perf_counter()
    source, before = source_of(attempt, step), attempt.run.step(step.asset)
    record = _opened(attempt, step, source)
    try:
        _require_readable(attempt, step)
        if blocked := _blocked(attempt, step):
            attempt.end(record, StepState.SKIPPED, blocked)
        else:
            # Only now is it known which of the steps above ended unchanged, so the source is asked again.
            source = source.settled(attempt)
            record = _settled(attempt, before, record, source)
            if nothing := source.nothing(attempt, step):
                _keep_main(attempt, step, record, nothing)
            elif held := _repeated(attempt, record):
                attempt.repeated[step.asset] = held.step.snapshot_id
                attempt.end(record, StepState.SKIPPED, held_since(held, attempt.facts.now))
            else:
                _write_and_audit(attempt, step, record, source)
    # Main moved in a way that forbids this write: the same command may work next time, so it is no error of the asset.
    except ConflictError as error:
        attempt.end_by_error(attempt.step(step.asset), StepState.CONFLICT, error)
    except LakeflowError as error:
        attempt.end_by_error(attempt.step(step.asset), StepState.ERRORED, error)
    attempt.run = attempt.run.with_step(replace(attempt.step(step.asset), seconds=round(perf_counter() - began, 3)))


def skip(attempt: Attempt, step: Step) -> None:
    """End a step that does not begin any more, because another one was held or errored."""
    attempt.end(attempt.step(step.asset), StepState.SKIPPED, f"the run stops at the first: {attempt.stopped_by}")


def _repeated(attempt: Attempt, record: StepRecord) -> HeldStep | None:
    """The held step of another run that this one would only repeat. The plan could not tell where a step above had to
    run first.
    """
    facts = replace(attempt.facts, tables=attempt.tables)
    found = repeated(attempt.world.project, facts, record, attempt.repeated)
    return found if found and holds(found) else None


def _carry_out_quarantine(attempt: Attempt, step: Step) -> None:
    """Audit the refused rows, which the owner's write has already put on the branch. Without any, the step ends
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
        why = f"no row of {owner} was put apart" if attempt.written_here(owner) else f"{owner} was not written"
        attempt.end(replace(record, snapshot_id=main), StepState.UNCHANGED, why)


def _opened(attempt: Attempt, step: Step, source: Source) -> StepRecord:
    """Record the step as it begins. Where an earlier attempt left a snapshot that this one would write again, the
    record takes that snapshot over.
    """
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
    opened = source.opened(attempt, opened)
    # A retry after a failed audit or a crash need not compute the same rows twice.
    if before is not None and _is_kept(attempt, before, opened) and source.quarantine.is_whole(attempt):
        opened = replace(opened, snapshot_id=before.snapshot_id, rows=before.rows)
    return attempt.update(opened)


def _settled(attempt: Attempt, before: StepRecord | None, record: StepRecord, source: Source) -> StepRecord:
    """The record with the partitions that are built after all."""
    names = tuple(each.name for each in source.partitions)
    if names == record.partitions:
        return record
    now = replace(record, partitions=names, snapshot_id=None, rows=None)
    if before is not None and _is_kept(attempt, before, now) and source.quarantine.is_whole(attempt):
        now = replace(now, snapshot_id=before.snapshot_id, rows=before.rows)
    return attempt.update(now)


def _is_kept(attempt: Attempt, before: StepRecord, now: StepRecord) -> bool:
    """Would writing again give what an earlier attempt left on the branch? Then it is only audited again."""
    table = attempt.tables.get(now.asset)
    if table is None or before.snapshot_id is None or table.refs.get(attempt.branch) != before.snapshot_id:
        return False
    same = ("action", "base_id", "code_version", "checks_digest", "reads_digest", "inputs", "partitions")
    return all(getattr(before, name) == getattr(now, name) for name in same)


def _require_readable(attempt: Attempt, step: Step) -> None:
    """LakeError when the step's own table cannot be read, or a table that its code or its checks must read."""
    suite = attempt.suite(step.asset)
    others = attempt.asset(step.asset).upstreams | suite.references | suite.published
    attempt.facts.require({step.asset} | {key for key in others if key not in attempt.tables} - step.upstreams)


def _blocked(attempt: Attempt, step: Step) -> str:
    """Name the step above that did not succeed; empty when all did. Nothing is made from held rows."""
    for upstream in sorted(step.upstreams):
        above = attempt.step(upstream)
        if above.state is not None and not above.done:
            return f"upstream {upstream} {above.state}"
    return ""


def _keep_main(attempt: Attempt, step: Step, record: StepRecord, nothing: Nothing) -> None:
    """Publish nothing: main stays as it is, and is audited when a reason asks for it."""
    attempt.clear_branch(record.asset)
    # A verdict says that main passes today's checks. If they have not run on main yet, they run first.
    unknown = bool(nothing.verdict) and _digest_on_main(attempt, record.asset) != record.checks_digest
    if unknown or _asks_for_audit(attempt, step):
        _audit_main(attempt, replace(record, action=Action.AUDIT))
        return
    stays = record if nothing.main is None else replace(record, snapshot_id=nothing.main)
    if nothing.verdict:
        attempt.on_main[record.asset] = attempt.verdict(stays, Ruling.UNCHANGED, nothing.verdict)
    attempt.end(stays, StepState.UNCHANGED, nothing.why)


def _asks_for_audit(attempt: Attempt, step: Step) -> bool:
    """Does a reason ask for an audit? The table that a foreign key or check refers to counts only if this run wrote it
    and does not hold it; otherwise its main has not moved.
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


def _write_and_audit(attempt: Attempt, step: Step, record: StepRecord, source: Source) -> None:
    # Without a snapshot that an earlier attempt left, the rows have to be written now.
    if record.snapshot_id is None:
        if source.waits:
            hint = f"`lakeflow plan {record.asset}` says what can be done"
            attempt.end(record, StepState.HELD, f"{source.waits}; {hint}")
            return
        record = write(attempt, record, source)
        # An audit seldom keeps all cores busy, and waits between its queries: the next step begins beside it.
        attempt.ease(record.asset)
        # A check sees only the new rows, so it cannot notice versions that were lost: a person decides.
        if lost := source.lost(attempt, record):
            attempt.clear_branch(record.asset)
            attempt.end(replace(record, snapshot_id=None, rows=None), StepState.HELD, lost)
            return
    # A write with no effect is dropped here, so that neither main nor its readers' steps run again for it.
    if nothing := source.came_to_nothing(attempt, record):
        _keep_main(attempt, step, record, nothing)
    elif _is_equal_to_main(attempt, step, record, source):
        _drop_equal(attempt, step, record)
    else:
        audit(attempt, record)


def _is_equal_to_main(attempt: Attempt, step: Step, record: StepRecord, source: Source) -> bool:
    """A write that leaves main's very rows under main's checks need not move main, nor what reads it.

    Cheap questions come first, and rows are compared last. Main moves in spite of equal rows where the new snapshot
    records what main's does not: how far new rows were read, or which code built the partitions.
    """
    table = attempt.tables[record.asset]
    if any(reason.cause is Cause.FORCED for reason in step.reasons):
        return False
    if source.declared.write.traits.adds or table.main is None or record.snapshot_id is None:
        return False
    if source.tells_news(attempt, record):
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
    """Keep main. Audit it where this run wrote a table that its checks refer to."""
    if any(attempt.written_here(key) for key in attempt.suite(record.asset).references):
        attempt.clear_branch(record.asset)
        _audit_main(attempt, replace(record, action=Action.AUDIT))
    else:
        main = attempt.tables[record.asset].main
        _keep_main(attempt, step, record, Nothing("the same rows as on main", main, _SAME_ROWS))
