"""Commits the rows that checks refuse to the run's branch of the quarantine table."""

from __future__ import annotations

from dataclasses import replace

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.quarantine import quarantine_key
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.table import Staging
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.readmission import read_by
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.compute import Computed


def is_staged(attempt: Attempt, key: AssetKey) -> bool:
    """Does the run's branch of this quarantine hold the rows that the run recorded for it?"""
    step, table = attempt.run.step(key), attempt.tables.get(key)
    here = step.snapshot_id if step else None
    return table is not None and here is not None and table.refs.get(attempt.branch) == here


def stage_refused(attempt: Attempt, of: StepRecord, computed: Computed, mode: WriteMode) -> None:
    """Commit the refused rows to the branch of the quarantine, in the mode in which its owner is written.

    The quarantine's own step finds them there and audits them.
    """
    assert computed.quarantine is not None, "only an asset with a quarantine has rows split off"
    key, (table, schema) = quarantine_key(of.asset), computed.quarantine
    asset, step = attempt.asset(key), attempt.step(key)
    record = StepRecord(
        asset=key,
        reasons=step.reasons,
        attempt=attempt.run.attempt,
        base_id=step.base_id,
        code_version=asset.code_version,
        checks_digest=attempt.suite(key).digest,
        inputs=read_by(of),
    )
    staging = Staging(
        branch=attempt.branch,
        base=record.base_id,
        mode=mode,
        schema=schema,
        files=computed.written.refused,
        summary=replace(attempt.provenance(record), write=mode).summary(),
        pii=asset.pii,
    )
    staged = attempt.world.catalog.stage(attempt.tables.get(key, table), staging)
    attempt.tables[key] = staged
    rows = sum(file.rows for file in computed.written.refused)
    attempt.note(replace(record, snapshot_id=staged.refs[attempt.branch], rows=rows))
