"""Publish everything that passed in ONE commit. Where main moved meanwhile, audit again what would be published."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from lakeflow.core.errors import ConflictError
from lakeflow.core.intents.intent import RunNote
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, Pin, Publish
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import (
    Action,
    MoveNote,
    Ruling,
    RunRecord,
    RunState,
    StepRecord,
    StepState,
    VerdictRecord,
    end_state,
)
from lakeflow.core.model.table import Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.order import run_order
from lakeflow.core.plan.readmission import read_by
from lakeflow.core.run.events import Phase, StepEnded
from lakeflow.core.run.left_out import leaves_out, left_out
from lakeflow.core.run.verdict import Remedy, Verdict, decide, reconcile, written_as
from lakeflow.core.wording import counted
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.entry import RunEntry
from lakeflow.wap.run.needed import needed_by_others
from lakeflow.wap.run.supersede import superseded_by
from lakeflow.wap.step.audit import audit
from lakeflow.wap.step.step import carry_out

ROUNDS: Final = 5
"""How often main may move between our look at it and our commit before the run gives up as a conflict."""


def publish_passed(attempt: Attempt) -> RunRecord:
    """Decide, publish what passed, and end the run; ledger and tables change in the same transaction.

    1. What was written on a main that has moved since is put on today's, and audited there, or ends as a conflict.
    2. What passed, with all that it needs, is published in one commit. Where nothing passed the run only ends.
    3. Where a main moved between our look and our commit, all of this is done again, a few times.
    """
    refusal = ""
    for _ in range(ROUNDS):
        try:
            # Main may have moved while the steps ran: what is published must stand on the main of now.
            _settle(attempt)
            candidates, ended = _decided(attempt)
            return _commit(attempt, candidates, ended) if candidates else _finish(attempt, ended)
        except ConflictError as error:
            # Another writer was faster, and nothing was committed: look again, and decide again.
            refusal = error.message
            attempt.tables |= attempt.world.catalog.load(step.asset for step in _waiting(attempt))
    return _refused(attempt, [step.asset for step in _waiting(attempt)], refusal)


def publish_forced(attempt: Attempt, chosen: Sequence[AssetKey], reason: str) -> RunRecord:
    """Publish the held snapshots of these assets whatever their checks say; never over a moved main."""
    steps = {key: replace(attempt.step(key), state=StepState.PUBLISHED, reason=f"forced: {reason}") for key in chosen}
    ended = replace(attempt.run, steps=tuple(steps.get(step.asset, step) for step in attempt.steps))
    try:
        return _commit(attempt, tuple(steps.values()), ended, forced=reason)
    except ConflictError as error:
        return _refused(attempt, chosen, error.message)


def _settle(attempt: Attempt) -> None:
    """Bring each waiting branch up to today's main, or end its step, before anything is published.

    1. A branch whose main moved in a harmless way is put on top of main and audited there; in any other way, its step
       is a conflict.
    2. What was made from a snapshot that changed so is made again.
    3. What was only checked against such a snapshot is audited again.
    """
    superseded: set[AssetKey] = set()
    for key in run_order(attempt.world.project, [step.asset for step in _waiting(attempt)]):
        step, table = attempt.step(key), attempt.tables[key]
        remedy = reconcile(table, step.base_id, _mode(attempt, step))
        if remedy is Remedy.CONFLICT:
            # Its rows rest on others than stand there now: to publish them would lose somebody's rows.
            attempt.end(step, StepState.CONFLICT, _moved(table))
        elif remedy is Remedy.REWRITE or _is_outdated(attempt, step, superseded):
            # It was merged with rows, or made from a snapshot, that nobody will see: only its code can say more.
            _write_again(attempt, key)
            superseded.add(key)
        elif remedy is Remedy.RESTAGE:
            # Its files stand alone, so the same files go on top of what came meanwhile.
            _restage(attempt, step)
            superseded.add(key)
        elif attempt.suite(key).references & superseded or step.snapshot_id not in attempt.audited:
            # It stays as it is; what its checks looked into does not, or an attempt died before it was audited.
            audit(attempt, step)


def _write_again(attempt: Attempt, key: AssetKey) -> None:
    """On today's main and inputs, where the run has a plan; a decision about a held snapshot never runs code."""
    step, planned = attempt.step(key), attempt.planned.get(key)
    if planned is None:
        why = "an input that this run wrote was written again, or stands on top of a moved main now"
        attempt.end(step, StepState.CONFLICT, f"{why}; `lakeflow retry {attempt.run.id}` makes it again")
        return
    main = attempt.tables[key].main
    attempt.update(replace(step, base_id=main, snapshot_id=None))
    carry_out(attempt, replace(planned, base_id=main))


def _is_outdated(attempt: Attempt, step: StepRecord, superseded: set[AssetKey]) -> bool:
    """Was the step made from a snapshot of this run that will not be published?

    An attempt that died may have written its input again, and not the step itself.
    """
    written = {str(each.asset): each.snapshot_id for each in _waiting(attempt)}
    inputs = attempt.asset(step.asset).upstreams - {owner_of(step.asset)}
    read = {str(key): step.inputs.get(str(key)) for key in inputs}
    return bool(inputs & superseded) or any(written.get(name, snapshot) != snapshot for name, snapshot in read.items())


def _mode(attempt: Attempt, step: StepRecord) -> WriteMode:
    """The mode in which the snapshot was written: the asset may declare another one by now."""
    snapshot = attempt.tables[step.asset].snapshots.get(step.snapshot_id or 0)
    return attempt.asset(step.asset).write if snapshot is None else written_as(snapshot)


def _restage(attempt: Attempt, step: StepRecord) -> None:
    table = attempt.world.catalog.restage(attempt.tables[step.asset], attempt.branch, step.base_id)
    attempt.tables[step.asset] = table
    audit(attempt, replace(step, base_id=table.main, snapshot_id=table.refs[attempt.branch]))


def _waiting(attempt: Attempt) -> list[StepRecord]:
    return [step for step in attempt.steps if step.state is None and step.action is Action.WRITE]


def _moved(table: Table) -> str:
    head = table.published
    what = f"{head.operation} of {counted(head.added_rows, 'row')}" if head else "main was removed"
    return f"main moved since this step was planned ({what}); `lakeflow retry` writes it again from today's main"


def _decided(attempt: Attempt) -> tuple[tuple[StepRecord, ...], RunRecord]:
    """The steps to publish, and the run as it ends if that succeeds."""
    verdicts = decide(
        {step.asset: step for step in attempt.steps}, attempt.needs, all_or_nothing=attempt.run.all_or_nothing
    )
    conflict = next((step for step in attempt.steps if step.state is StepState.CONFLICT), None)
    if conflict is not None:
        why = f"{conflict.asset} is in conflict: nothing of this run is published"
        verdicts |= {key: Verdict(publish=False, reason=why) for key, verdict in verdicts.items() if verdict.publish}
    steps = tuple(_ended(attempt, step, verdicts[step.asset]) for step in attempt.steps)
    waiting = {step.asset for step in _waiting(attempt)}
    candidates = tuple(step for step in steps if step.state is StepState.PUBLISHED and step.asset in waiting)
    return candidates, replace(attempt.run, steps=steps)


def _ended(attempt: Attempt, step: StepRecord, verdict: Verdict) -> StepRecord:
    if step.state not in {None, StepState.AUDITED}:
        return step
    if not verdict.publish:
        return replace(step, state=StepState.HELD, reason=verdict.reason)
    if step.state is StepState.AUDITED:
        return step
    if step.snapshot_id not in attempt.audited:
        return replace(step, state=StepState.HELD, reason="not audited")
    return replace(step, state=StepState.PUBLISHED)


def _commit(
    attempt: Attempt, candidates: Sequence[StepRecord], ended: RunRecord, forced: str | None = None
) -> RunRecord:
    """One transaction: pointers, refs, schemas, proofs, the run and its verdicts."""
    # The one rule, where nothing can come in between any more.
    assert all(step.snapshot_id in attempt.audited for step in candidates), "not audited"
    ruling = Ruling.PUBLISH if forced is None else Ruling.FORCED
    final = _closed(attempt, ended)
    published = {step.asset: attempt.verdict(step, ruling, forced or "") for step in candidates}
    verdicts = (*published.values(), *_holds(attempt, final), *_on_main(attempt, final))
    for step in candidates:
        attempt.tell_phase(step.asset, Phase.PUBLISHING)
    # Asked last: what others count on by now must outlive the commit that lets old snapshots go.
    needed = needed_by_others(attempt, candidates)
    moves = (_change(attempt, step, published[step.asset], needed) for step in candidates)
    changes: list[Change] = [*moves, *_pins(candidates)]
    others = map(RunNote, (*superseded_by(attempt, final), *_left_out(attempt, final)))
    # The catalog asserts every change as it records the run: all of it happens, or nothing.
    entry = RunEntry(attempt.world, attempt.lease, changes, (RunNote(final, verdicts), *others))
    attempt.tables |= attempt.world.catalog.commit(changes, entry)
    return _told(attempt, final)


def _left_out(attempt: Attempt, final: RunRecord) -> list[RunRecord]:
    """The run that this one leaves out, whose rows go in the commit that publishes it."""
    names = leaves_out(final) if final.state is RunState.PUBLISHED else ()
    return [left_out(attempt.past(name), final) for name in names]


def _change(attempt: Attempt, step: StepRecord, verdict: VerdictRecord, needed: frozenset[int]) -> Publish:
    assert step.snapshot_id is not None
    table, retention = attempt.tables[step.asset], attempt.retention(step.asset)
    return Publish(
        key=step.asset,
        uuid=table.uuid,
        branch=attempt.branch,
        base=step.base_id,
        snapshot_id=step.snapshot_id,
        proof=proof_text(step, verdict),
        keep=retention.snapshots,
        needed=needed,
        since=retention.since(table, attempt.world.clock()),
        note=MoveNote(
            verdict.ruling, verdict.run, verdict.actor, verdict.reason, step.reasons, verdict.passed, verdict.total
        ),
    )


def _pins(candidates: Sequence[StepRecord]) -> list[Pin]:
    """Inputs that this commit does not publish itself: the snapshot that was read must still be part of their main.

    A table of another catalog is only recorded: no transaction of ours can keep its main from moving.
    """
    mine = {(step.asset, step.snapshot_id) for step in candidates}
    read = {
        (key, snapshot)
        for step in candidates
        for name, snapshot in read_by(step).items()
        if (key := AssetKey.find(name))
    }
    return [Pin(key, snapshot) for key, snapshot in sorted(read - mine)]


def proof_text(step: StepRecord, verdict: VerdictRecord) -> str:
    """The evidence of the audit that is stored with the snapshot. It holds no sample of rows."""
    checks = [
        {"name": c.name, "outcome": c.outcome, "severity": c.severity, "failed_rows": c.failed_rows, "rows": c.rows}
        for c in step.checks
    ]
    return json.dumps(
        {
            "format": "lakeflow.proof/1",
            "asset": str(step.asset),
            "snapshot_id": str(step.snapshot_id),
            "ruling": verdict.ruling,
            "reason": verdict.reason,
            "actor": verdict.actor,
            "at": verdict.at.isoformat(),
            "run": verdict.run,
            "attempt": verdict.attempt,
            "code_version": step.code_version,
            "checks_digest": step.checks_digest,
            "inputs": {table: str(snapshot) for table, snapshot in step.inputs.items()},
            "checks": checks,
        }
    )


def _holds(attempt: Attempt, run: RunRecord) -> list[VerdictRecord]:
    held = [s for s in run.steps if s.state in {StepState.HELD, StepState.CONFLICT} and s.attempt == run.attempt]
    return [attempt.verdict(step, Ruling.HOLD, step.reason) for step in held if step.snapshot_id is not None]


def _on_main(attempt: Attempt, run: RunRecord) -> list[VerdictRecord]:
    """Verdicts on snapshots that stay main, if everything that they rest on is visible to readers."""
    unseen = {(str(s.asset), s.snapshot_id) for s in run.steps if not s.done and s.action is Action.WRITE}
    found = [said for step in run.steps if step.done and (said := attempt.on_main.get(step.asset))]
    return [said for said in found if not unseen & said.inputs.items()]


def _finish(attempt: Attempt, ended: RunRecord) -> RunRecord:
    """End a run that has nothing to publish."""
    final = _closed(attempt, ended)
    attempt.save(final, [*_holds(attempt, final), *_on_main(attempt, final)], superseded_by(attempt, final))
    return _told(attempt, final)


def _closed(attempt: Attempt, ended: RunRecord) -> RunRecord:
    now = attempt.world.clock()
    # Steps whose end was only decided now; those of earlier attempts keep their time.
    new = {step.asset for step in ended.steps if step.state and step.ended_at is None and step.attempt == ended.attempt}
    steps = tuple(replace(step, ended_at=now) if step.asset in new else step for step in ended.steps)
    state = end_state(step.state for step in steps)
    why = (step.reason for step in steps if step.state is StepState.SUPERSEDED)
    reason = next(why) if state is RunState.SUPERSEDED else ended.reason
    return replace(ended, steps=steps, state=state, reason=reason, ended_at=now)


def _told(attempt: Attempt, final: RunRecord) -> RunRecord:
    before: Mapping[AssetKey, StepRecord] = {step.asset: step for step in attempt.steps}
    attempt.run = final
    for step in final.steps:
        if before[step.asset].state is None:
            attempt.tell(StepEnded(final.id, step))
    return final


def _refused(attempt: Attempt, keys: Sequence[AssetKey], reason: str) -> RunRecord:
    for key in keys:
        attempt.end(attempt.step(key), StepState.CONFLICT, reason)
    return _finish(attempt, _decided(attempt)[1])
