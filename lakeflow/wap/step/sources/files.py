"""Outside files that land, each once: files that main's history does not name yet are new, and all of their rows are
read.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

from lakeflow.core.column_names import OLD_NAMES
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.plan.landing import KIND, LandedSet, Landing, landed_set, old_names, to_json
from lakeflow.core.plan.planning import Step
from lakeflow.core.ports.engine import Produced
from lakeflow.core.run.code_terms import Terms
from lakeflow.core.run.write import WriteResult
from lakeflow.core.values import dataclass
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.ports import World
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.schema import stored_schema
from lakeflow.wap.step.sources.source import Nothing, Source


@dataclass(frozen=True)
class Files(Source):
    """The files that a landing found new. Changed code reads no file again, so without a new file nothing is
    written.
    """

    landing: Landing

    def nothing(self, attempt: Attempt, step: Step) -> Nothing | None:
        """Without a file there is only one reason to write: columns that still have the names of an early release."""
        table = attempt.tables.get(self.asset.key)
        if not self._lands_nothing(attempt) or (not self.asset.write.traits.replaces and old_names(table)):
            return None
        return Nothing("no new files", table.main if table else None, "no new files")

    def without_code(self, attempt: Attempt) -> Computed | None:
        """Write no row and no file; only give the columns of an early release their present names."""
        if not self._only_renames(attempt):
            return None
        table = attempt.tables[self.asset.key]
        columns = tuple(replace(field, name=OLD_NAMES.get(field.name, field.name)) for field in table.schema.fields)
        return Computed(table, stored_schema(table, Schema(columns), self.asset.write), WriteResult())

    def produce(
        self, attempt: Attempt, inputs: Mapping[TableKey, Scan], terms: Terms
    ) -> AbstractContextManager[Produced]:
        return land_new(attempt.world, self.asset, self.landing, terms)

    def said(self, attempt: Attempt, record: StepRecord, computed: Computed, made: Provenance) -> Provenance:
        """Name the set of all files that have landed once this write is published.

        AssetError when a file changed while it was read, or when not exactly the rows that were counted were written.
        """
        if self._only_renames(attempt):
            return super().said(attempt, record, computed, replace(made, landed=landed_set(computed.table)))
        self._refuse_changed(attempt)
        self._refuse_other_counts(computed)
        return self.named(attempt, record, computed, made)

    def named(self, attempt: Attempt, record: StepRecord, computed: Computed, made: Provenance) -> Provenance:
        """Write the set of landed files and name it."""
        landed, landing = computed.landed, self.landing
        undeclared = {**landing.undeclared, **landed.undeclared}
        text = to_json(LandedSet((*landing.before, *landed.files), undeclared, landing.out))
        name = attempt.world.catalog.write_sidecar(computed.table, KIND, text)
        return super().said(attempt, record, computed, replace(made, landed=name))

    def _only_renames(self, attempt: Attempt) -> bool:
        return not self.asset.write.traits.replaces and self._lands_nothing(attempt)

    def _lands_nothing(self, attempt: Attempt) -> bool:
        table = attempt.tables.get(self.asset.key)
        born = table is not None and table.main is not None
        return born and not self.landing.new and not self.landing.faults

    def _refuse_changed(self, attempt: Attempt) -> None:
        if changed := attempt.step_lock.release_while(lambda: attempt.world.changed_files(self.landing.new)):
            raise AssetError(
                f"{self.asset.key}: {', '.join(changed)} changed while it was read",
                hint="let its writer finish (write under another name, then rename), then run it again",
                asset=self.asset.key,
            )

    def _refuse_other_counts(self, computed: Computed) -> None:
        counted = sum(file.rows for file in computed.landed.files)
        written = sum(file.rows for file in (*computed.written.files, *computed.written.refused))
        if counted != written:
            raise AssetError(
                f"{self.asset.key}: the files hold {counted:,} rows and its code gives {written:,}",
                hint="bronze lands every row once; filter, fold and unnest in a silver asset",
                asset=self.asset.key,
            )


def land_new(world: World, asset: Asset, landing: Landing, terms: Terms) -> AbstractContextManager[Produced]:
    """Run the asset's code on the rows of the new files. AssetError when one of them may not land."""
    _refuse(asset, landing)
    return world.engine.land(asset, landing.delivery, world.clock(), terms)


def _refuse(asset: Asset, landing: Landing) -> None:
    if landing.faults:
        more = f", and {len(landing.faults) - 1} more" if len(landing.faults) > 1 else ""
        raise AssetError(
            f"{asset.key}: {landing.faults[0]}{more}",
            hint="every content lands once: restore the file, or deliver the new content under a new name",
            asset=asset.key,
        )
    if not landing.matched and not landing.before:
        globs = ", ".join(asset.outside)
        raise AssetError(
            f"{asset.key}: no file matches {globs}",
            hint="paths start at the project's root; a first load needs at least one file",
            asset=asset.key,
        )
