"""The state of each asset against its plan: what waits for a decision, what is stale, what was never built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.quarantine import owner_of, quarantine_key
from lakeflow.core.model.run import Ruling
from lakeflow.core.plan.facts import Facts, taken_back
from lakeflow.core.plan.in_time.partitions import Pending
from lakeflow.core.plan.planning import Plan, Step
from lakeflow.core.plan.readmission import waiting_now
from lakeflow.core.plan.reasons import TO_AUDIT, Cause, Reason
from lakeflow.core.view.audited.last_audit import last_verdict
from lakeflow.core.view.rows import AssetState, AssetStatus

_URGENCY: Final = list(AssetState)


def asset_states(plan: Plan, facts: Facts, held: Mapping[AssetKey, tuple[str, ...]]) -> dict[AssetKey, AssetStatus]:
    """The state of every asset of the plan. `held` names the runs that wait for a decision, by asset."""
    statuses: dict[AssetKey, AssetStatus] = {}
    for step in plan.steps:
        reasons = tuple(reason for reason in step.reasons if _counts(reason, statuses))
        statuses[step.asset] = _status(step.asset, facts, _of_step(step, reasons), reasons, step.partitions)
    for key in plan.fresh:
        statuses[key] = _status(key, facts, AssetState.FRESH, ())
    return {key: _with_held(status, held.get(key, ())) for key, status in statuses.items()}


def by_urgency(statuses: Sequence[AssetStatus]) -> tuple[AssetStatus, ...]:
    """Put what needs a decision first; equally urgent assets keep their order."""
    return tuple(sorted(statuses, key=lambda status: _URGENCY.index(status.state)))


def modified(project: Project, facts: Facts) -> frozenset[AssetKey]:
    """The assets whose code or checks differ from what is published, including those never published."""
    return frozenset(key for key in project.assets if _differs(project, facts, key))


def _differs(project: Project, facts: Facts, key: AssetKey) -> bool:
    stands = facts.stands(key)
    if stands is None:
        return True
    now = (project.assets[key].code_version, project.suite(key).digest)
    return now != (facts.made_by(stands), stands.checks_digest)


def _counts(reason: Reason, above: Mapping[AssetKey, AssetStatus]) -> bool:
    """Does a reason make an asset stale? Not that a root always runs, nor what follows only from that; a table that the
    checks refer to counts once it has run.
    """
    if reason.cause is Cause.UPSTREAM_RUNS and isinstance(reason.upstream, AssetKey):
        return above[reason.upstream].state is not AssetState.FRESH
    return reason.cause not in {Cause.NO_FINGERPRINT, Cause.REFERENCE_RUNS}


def _of_step(step: Step, reasons: Sequence[Reason]) -> AssetState:
    if any(reason.cause is Cause.BROKEN for reason in step.reasons):
        return AssetState.BROKEN
    if step.base_id is None:
        return AssetState.NEVER_BUILT
    if not reasons:
        return AssetState.FRESH
    return AssetState.UNAUDITED if all(reason.cause in TO_AUDIT for reason in reasons) else AssetState.STALE


def _status(
    key: AssetKey, facts: Facts, state: AssetState, reasons: Sequence[Reason], due: Sequence[Pending] = ()
) -> AssetStatus:
    table = facts.tables.get(key)
    main = table.published if table else None
    # The run that ruled last on what readers see may hold it: readers see it all the same.
    seen = main.id if main else None
    said = facts.verdicts.get(key, ())
    last = last_verdict(seen, said)
    return AssetStatus(
        asset=key,
        state=state,
        reasons=tuple(str(reason) for reason in reasons),
        snapshot_id=main.id if main else None,
        rows=main.rows if main else None,
        published_at=table.same_rows[-1].committed_at if table and main else None,
        skipped=facts.landings[key].skipped if key in facts.landings else (),
        quarantined=_quarantined(key, facts),
        partitions_due=tuple(each.name for each in due),
        taken_back=taken_back(table, said),
        failed_audit=last.run if last and last.ruling is Ruling.HOLD else "",
    )


def _quarantined(key: AssetKey, facts: Facts) -> int | None:
    """How many refused rows wait. None where the asset has no quarantine, or nobody can tell which went back."""
    table = facts.tables.get(quarantine_key(key)) if owner_of(key) is None else None
    try:
        found = waiting_now(facts, key) if table else None
    except LakeError:
        return None
    return found.rows if found else None if table is None else 0


def _with_held(status: AssetStatus, held: tuple[str, ...]) -> AssetStatus:
    if not held and not status.failed_audit:
        return status
    return replace(status, state=min(status.state, AssetState.HELD, key=_URGENCY.index), held=held)


def with_rests(
    states: Mapping[AssetKey, AssetStatus], rests: Mapping[tuple[str, int], str]
) -> dict[AssetKey, AssetStatus]:
    """The statuses; what readers see and what was built on rows that a rollback took says so among its reasons."""
    told = {key: rests.get((str(key), one.snapshot_id or 0)) for key, one in states.items()} if rests else {}
    marked = {key: replace(states[key], reasons=(*states[key].reasons, said)) for key, said in told.items() if said}
    return {**states, **marked}
