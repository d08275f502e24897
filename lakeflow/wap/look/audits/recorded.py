"""Looks up what the last audits of readers' data found, where a status must know it."""

from __future__ import annotations

from collections.abc import Mapping

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord
from lakeflow.core.plan.facts import Facts
from lakeflow.core.view.audited.last_audit import LastAudit, audits_asked
from lakeflow.wap.ports import World


def last_audits(world: World, facts: Facts) -> Mapping[AssetKey, LastAudit]:
    """The audits that failed and those whose checks may age, each with its results. Runs are read once each."""
    runs: dict[str, RunRecord | None] = {}
    found: dict[AssetKey, LastAudit] = {}
    for key, verdict in audits_asked(world.project, facts).items():
        if verdict.run not in runs:
            runs[verdict.run] = _run(world, verdict.run)
        run = runs[verdict.run]
        step = run.step(key) if run else None
        known = step is not None and step.snapshot_id == verdict.snapshot_id
        found[key] = LastAudit(verdict, step.checks if step and known else ())
    return found


def _run(world: World, run: str) -> RunRecord | None:
    try:
        return world.ledger.run(run)
    except UsageError:  # a database that was made again knows verdicts without their runs
        return None
