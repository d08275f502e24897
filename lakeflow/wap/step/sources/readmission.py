"""Refused rows that go back into their asset: the code reads the asset's quarantine instead of its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Self

from lakeflow.core.keys import TableKey
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.quarantine import Refusal, quarantine_key
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.table import Scan
from lakeflow.core.plan.landing import Landing, landed_set
from lakeflow.core.plan.readmission import as_readmission, as_recorded, waiting
from lakeflow.core.values import dataclass
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.sources.source import Nothing, Source
from lakeflow.wap.waiting import scan_waiting


@dataclass(frozen=True)
class Readmission(Source):
    """The rows that wait in the asset's quarantine, pinned when the run began."""

    waiting: Scan | None = None

    def opened(self, attempt: Attempt, record: StepRecord) -> StepRecord:
        return as_recorded(attempt.facts, attempt.tables, record)

    def settled(self, attempt: Attempt) -> Self:
        """Replace the asset's code by a SELECT of the columns that asset and quarantine share."""
        own, quarantine = attempt.tables[self.declared.key], attempt.tables[quarantine_key(self.declared.key)]
        found = waiting(own, quarantine)
        assert found is not None, "planned because rows wait"
        rows = scan_waiting(attempt.world.catalog, quarantine, found)
        out = attempt.facts.landings.get(self.declared.key, Landing()).out
        asset = as_readmission(self.declared, rows.schema, own.schema, tuple(each.name for each in out))
        return replace(self, asset=asset, waiting=rows)

    def inputs(self, attempt: Attempt) -> Mapping[TableKey, Scan]:
        assert self.waiting is not None, "asked once it is settled"
        return {self.waiting.key: self.waiting}

    def refusals(self, found: Iterable[Refusal]) -> tuple[Refusal, ...]:
        """Rows refused earlier have no limit on refusals."""
        return tuple(replace(each, max_fraction=1.0) for each in found)

    def said(self, attempt: Attempt, record: StepRecord, computed: Computed, made: Provenance) -> Provenance:
        """Say up to where the quarantine was read. A readmission does not change which files have landed."""
        table, quarantine = attempt.tables.get(record.asset), str(quarantine_key(record.asset))
        return replace(made, readmitted=record.inputs[quarantine], landed=landed_set(table))

    def came_to_nothing(self, attempt: Attempt, record: StepRecord) -> Nothing | None:
        """If no row passes, none is refused anew either, so both tables stay as they are."""
        if record.rows:
            return None
        quarantine = quarantine_key(record.asset)
        attempt.clear_branch(quarantine)
        attempt.note(replace(attempt.step(quarantine), snapshot_id=None, rows=None))
        return Nothing("none of its refused rows passes today's checks", attempt.tables[record.asset].main)
