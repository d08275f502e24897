"""One write: run the code on pinned inputs, and commit its rows to the run's branch."""

from __future__ import annotations

from dataclasses import replace

from lakeflow.core.errors import ConflictError
from lakeflow.core.model.provenance import Provenance, tombstones_of
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.table import Staging, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.events import Phase
from lakeflow.core.run.verdict import Remedy, reconcile
from lakeflow.core.version.fingerprint import ALGORITHM
from lakeflow.core.view.lineage import hidden_columns
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.beside import keep_code, keep_past
from lakeflow.wap.step.compute import compute
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.sources.source import Source


def write(attempt: Attempt, record: StepRecord, source: Source) -> StepRecord:
    """Commit fork and write together: either the branch exists with its rows, or it does not exist."""
    inputs = source.inputs(attempt)
    attempt.tell_phase(record.asset, Phase.WRITING)
    # A later fingerprint algorithm can compute this version anew only if the text behind it is kept.
    attempt.world.ledger.remember_code(source.asset.code_version, ALGORITHM, source.asset.source)
    attempt.clear_branch(record.asset)
    computed = source.without_code(attempt) or compute(attempt, source, inputs)
    made = source.said(attempt, record, computed, _made(attempt, record, source, computed))
    # The quarantine is staged first: a run that dies between the two commits writes both again (`is_whole`).
    source.quarantine.stage(attempt, record, computed, source.asset.write)
    record, staged = _staged(attempt, record, computed, _staging(attempt, record, computed, made))
    attempt.tables[record.asset] = staged
    return attempt.note(replace(record, snapshot_id=staged.refs[attempt.branch], rows=computed.written.rows))


def _made(attempt: Attempt, record: StepRecord, source: Source, computed: Computed) -> Provenance:
    """Say what every snapshot says of its write. The source adds where the rows come from."""
    written = computed.written
    moment = computed.moment if source.declared.write.traits.versioned else None
    return replace(
        attempt.provenance(record),
        write=source.asset.write,
        replaced=written.replaced,
        turns=written.turns,
        moment=moment.isoformat() if moment else "",
        open_versions="" if written.open is None else str(written.open),
        tombstones=_keep_tombstones(attempt, record, computed),
        code=keep_code(attempt, computed.table, source.asset),
        past=keep_past(attempt, computed.table, record.base_id),
    )


def _keep_tombstones(attempt: Attempt, record: StepRecord, computed: Computed) -> str:
    """Name the sidecar of deleted keys; main's own sidecar where its content is the same."""
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


def _staged(attempt: Attempt, record: StepRecord, computed: Computed, staging: Staging) -> tuple[StepRecord, Table]:
    """Commit the write to the branch, on the planned base. If main moved and the publish could simply put the branch on
    top of it, commit on today's main at once; otherwise raise ConflictError.
    """
    catalog = attempt.world.catalog
    try:
        return record, catalog.stage(computed.table, staging)
    except ConflictError:
        table = catalog.load((record.asset,)).get(record.asset)
        if table is None or (table.uuid, table.schema) != (computed.table.uuid, computed.table.schema):
            raise
        # A merge has read the rows of its old base. Only files that do not depend on a base may go on another one.
        if staging.mode.traits.merges or reconcile(table, record.base_id, staging.mode) is not Remedy.RESTAGE:
            raise
        return replace(record, base_id=table.main), catalog.stage(table, replace(staging, base=table.main))
