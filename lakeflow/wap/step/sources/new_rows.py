"""The new rows of incremental inputs: those added since main was written, told by snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lakeflow.core.keys import TableKey
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.plan.increments import Consumption, Increment, positions
from lakeflow.core.ports.catalog import Catalog
from lakeflow.core.values import dataclass
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.sources.source import Source


@dataclass(frozen=True)
class NewRows(Source):
    """The rows added to the incremental inputs since main was written, and all rows of the other inputs."""

    came: Consumption

    @property
    def is_empty(self) -> bool:
        return self.came.is_empty

    def inputs(self, attempt: Attempt) -> Mapping[TableKey, Scan]:
        new: dict[TableKey, Scan] = {
            key: new_rows(attempt.world.catalog, attempt.tables[key], increment, self.asset.new_keys.get(key, ()))
            for key, increment in self.came.increments.items()
        }
        return {**attempt.inputs(self.asset, frozenset(self.came.increments)), **new}

    def said(self, attempt: Attempt, record: StepRecord, computed: Computed, made: Provenance) -> Provenance:
        since = {str(key): increment.since for key, increment in self.came.increments.items()}
        return super().said(attempt, record, computed, replace(made, new_rows=since))

    def tells_news(self, attempt: Attempt, record: StepRecord) -> bool:
        """True when the inputs were read further than main says, even if that gave no rows."""
        return bool(self.came.increments)


@dataclass(frozen=True)
class GoesOn(Source):
    """All rows of inputs that were rewritten, merged with main's rows, because somebody asked to go on.

    The snapshot must record that they were read, even if the rows are equal to main's.
    """

    def said(self, attempt: Attempt, record: StepRecord, computed: Computed, made: Provenance) -> Provenance:
        before = positions(attempt.tables.get(self.asset.key))
        since = {str(key): before.get(str(key), 0) for key in self.asset.new_rows}
        return super().said(attempt, record, computed, replace(made, new_rows=since))

    def tells_news(self, attempt: Attempt, record: StepRecord) -> bool:
        return True


def new_rows(catalog: Catalog, table: Table, increment: Increment, by: tuple[str, ...]) -> Scan:
    """The new rows of an input; with `by`, all rows of the keys that have new ones."""
    added = catalog.scan_added(table, increment.head, tuple(snapshot.id for snapshot in increment.appends))
    if not by:
        return added
    return replace(catalog.scan(table, increment.head), among=added, by=by)
