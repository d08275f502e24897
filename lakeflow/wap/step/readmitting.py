"""The part of a step for assets that are written from their quarantine."""

from __future__ import annotations

from dataclasses import replace

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.quarantine import quarantine_key
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.table import Rows, Scan, Table
from lakeflow.core.model.write_mode import ANEW
from lakeflow.core.plan.facts import published
from lakeflow.core.plan.landing import landed_set
from lakeflow.core.plan.planning import Step
from lakeflow.core.plan.readmission import Quarantined, Waiting, position, quarantine_of, readmits, waiting
from lakeflow.core.plan.reasons import Cause
from lakeflow.core.ports import Catalog
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.world import World


def quarantined(world: World, key: AssetKey, limit: int) -> Quarantined:
    """What waits in the quarantine of an asset, as text, unmasked. UsageError when it has none."""
    quarantine = quarantine_of(world.project, key)
    (owner,) = world.project.assets[quarantine].upstreams
    tables = world.catalog.load((owner, quarantine))
    table = tables.get(quarantine)
    found = waiting(tables.get(owner), table) if table else None
    if table is None or found is None:
        return Quarantined(quarantine, 0, Rows((), ()))
    return Quarantined(quarantine, found.rows, world.engine.rows(_scan(world.catalog, table, found), limit))


def is_planned_so(step: Step) -> bool:
    return any(reason.cause is Cause.READMIT for reason in step.reasons)


def opened(attempt: Attempt, record: StepRecord) -> StepRecord:
    """The record of a readmission: main still counts as made by the code and from the inputs that made it, so that a
    change of those still shows.
    """
    table, quarantine = attempt.tables[record.asset], quarantine_key(record.asset)
    stands = published(table, attempt.facts.verdicts.get(record.asset, ()))
    head = attempt.tables[quarantine].main
    assert stands is not None, "a readmission is planned onto a main"
    assert head is not None, "only published rows wait"
    return replace(
        record,
        code_version=attempt.facts.made_by(stands),
        reads_digest=stands.reads_digest,
        inputs={**stands.inputs, str(quarantine): head},
    )


def waiting_rows(attempt: Attempt, key: AssetKey) -> Scan:
    """The rows that wait in the asset's quarantine, pinned as the run found it."""
    table = attempt.tables[quarantine_key(key)]
    found = waiting(attempt.tables.get(key), table)
    assert found is not None, "planned because rows wait"
    return _scan(attempt.world.catalog, table, found)


def with_position(attempt: Attempt, record: StepRecord, made: Provenance) -> Provenance:
    """The provenance with the position up to which the quarantine was read, by this write or before it, also while the
    asset has no quarantine for a time.

    A write that replaces all rows replaces the quarantine too, and the position with it. A readmission does not change
    which files have landed.
    """
    table = attempt.tables.get(record.asset)
    if readmits(record):
        return replace(made, readmitted=record.inputs[str(quarantine_key(record.asset))], landed=landed_set(table))
    begins_anew = made.write == ANEW and quarantine_key(record.asset) in attempt.world.project.assets
    return made if begins_anew else replace(made, readmitted=position(table))


def _scan(catalog: Catalog, table: Table, found: Waiting) -> Scan:
    if found.appends is None:
        return catalog.scan(table, found.head)
    return catalog.scan_added(table, found.head, found.appends)
