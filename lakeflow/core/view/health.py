"""The health of each table for its readers: the worst of its publishes, its freshness and its checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.run import Ruling, RunRecord, RunState, StepState, VerdictRecord
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.verdicts import ruled
from lakeflow.core.view.audited.last_audit import LastAudit, failures, last_verdict, outdated
from lakeflow.core.view.freshness import Deadline
from lakeflow.core.view.rows import AssetState, AssetStatus, Health, Symptom
from lakeflow.core.wording import lateness

_WORST_FIRST: Final = list(Health)
_ENDS: Final = {
    RunState.FAILED: "run {} failed",
    RunState.CONFLICT: "run {} met a conflict",
    RunState.ABANDONED: "run {} was cut off",
}


def with_health(
    statuses: Mapping[AssetKey, AssetStatus],
    facts: Facts,
    deadlines: Mapping[AssetKey, tuple[Deadline, ...]],
    waiting: Sequence[RunRecord],
    audits: Mapping[AssetKey, LastAudit] = EMPTY,
) -> dict[AssetKey, AssetStatus]:
    """The statuses with their symptoms. `waiting` are the runs that left something unpublished, `audits` what is known
    of the last audits of what readers see.

    1. What nobody can read is degraded, and what was never published unknown.
    2. What readers see is degraded where it is late, by a deadline or by a check of its age that passed when it was
       younger, where its last audit failed, and where it was published by force over checks that failed.
    3. It is good, with a warning, where checks that only warn failed, and where something newer waits for somebody.
    """
    ended = _ended(waiting)
    found: dict[AssetKey, AssetStatus] = {}
    for key, status in statuses.items():
        verdicts, audit = facts.verdicts.get(key, ()), audits.get(key)
        symptoms = [
            *_reading(status),
            *(_late(one, facts.now) for one in deadlines.get(key, ()) if one.late or one.fault),
            *(outdated(audit, facts.now) if audit else ()),
            *_checks(status, verdicts, audit),
            *_unpublished(status, verdicts, ended.get(key, ())),
        ]
        symptoms.sort(key=lambda symptom: _WORST_FIRST.index(symptom.health))  # equally bad ones keep their order
        due = deadlines.get(key, ())
        found[key] = replace(status, symptoms=tuple(symptoms), deadlines=due) if symptoms or due else status
    return found


def _reading(status: AssetStatus) -> Iterator[Symptom]:
    if status.state is AssetState.BROKEN:
        yield Symptom(Health.DEGRADED, "; ".join(status.reasons) or "its table cannot be read")
    elif status.snapshot_id is None:
        yield Symptom(Health.UNKNOWN, status.taken_back or "never published")


def _late(deadline: Deadline, now: datetime) -> Symptom:
    """Why the data is late. Only the age of a value is shown: its column is the author's choice, and never a personal
    one.
    """
    said = deadline.freshness
    what = f"newest {said.column}" if said.column else "last publish"
    asked = "due by" if said.by else "due within"
    if deadline.unreadable:
        return Symptom(Health.DEGRADED, f"its rows cannot be read: {deadline.fault}")
    if deadline.fault:
        return Symptom(Health.WARNING, f"freshness is not known: {deadline.fault}")
    if deadline.seen is None:
        return Symptom(Health.DEGRADED, f"late: no value of {said.column}, {asked} {said.text}", late=True)
    words = f"late: {what} {lateness(deadline.seen, now)} ago, {asked} {said.text}"
    return Symptom(Health.DEGRADED, words, deadline.due, late=True)


def _checks(status: AssetStatus, verdicts: Sequence[VerdictRecord], audit: LastAudit | None) -> Iterator[Symptom]:
    """What the last verdict on readers' data says about its checks."""
    last = last_verdict(status.snapshot_id, verdicts)
    if last is None or status.snapshot_id is None:
        return
    failed = last.total - last.passed
    if last.ruling is Ruling.HOLD:
        which = failures(audit) if audit and audit.verdict == last else ""
        said = f"the audit of what readers see failed in run {last.run}"
        yield Symptom(Health.DEGRADED, f"{said}: {which}" if which else said, last.at)
    elif last.ruling is Ruling.FORCED and failed:
        said = f"published by force in run {last.run}, though {failed} of {last.total} checks failed"
        yield Symptom(Health.DEGRADED, said, last.at)
    elif failed:
        yield Symptom(Health.WARNING, f"{failed} of {last.total} checks failed, which only warn", last.at)


def _unpublished(
    status: AssetStatus, verdicts: Sequence[VerdictRecord], ended: Sequence[RunRecord]
) -> Iterator[Symptom]:
    """What was made and did not reach readers: they see older rows, which are good."""
    since = {said.run: said.at for said in ruled(verdicts, {Ruling.HOLD})} if status.held else {}
    for held in status.held:
        yield Symptom(Health.WARNING, f"run {held} waits for a decision", since.get(held))
    for run in ended:
        yield Symptom(Health.WARNING, _ENDS[run.state].format(run.id), run.ended_at or run.started_at)


def _ended(waiting: Sequence[RunRecord]) -> Mapping[AssetKey, Sequence[RunRecord]]:
    """The runs that broke off, by the assets that they were at and left."""
    found: dict[AssetKey, list[RunRecord]] = {}
    for run in waiting:
        for step in run.steps if run.state in _ENDS else ():
            if step.open and step.state is not StepState.SKIPPED:
                found.setdefault(step.asset, []).append(run)
    return found
