"""Rows that checks refuse: the write of their asset splits them off and stages them, and a step of their own audits
them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.quarantine import Refusal, quarantine_key, quarantine_mode, quarantine_schema
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.scd2_columns import unversioned
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan, Staging, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.readmission import position, read_by
from lakeflow.core.run.write import RefusedRows, Write
from lakeflow.core.values import dataclass
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.audit_request import audit_request
from lakeflow.wap.step.beside import keep_code, keep_past
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.schema import columns_of, target

Target = tuple[Table, Schema]


@dataclass(frozen=True)
class NoQuarantine:
    """No check of the asset refuses rows: a failing check holds the whole step."""

    def is_whole(self, attempt: Attempt) -> bool:
        """Does the run's branch hold everything that a write of the asset leaves?"""
        return True

    def split(
        self, attempt: Attempt, write: Write, refusals: Callable[[Iterable[Refusal]], tuple[Refusal, ...]]
    ) -> tuple[Write, Target | None]:
        """Add to the write what splits rows off. Also gives the table and the schema that take these rows."""
        return write, None

    def stage(self, attempt: Attempt, record: StepRecord, computed: Computed, mode: WriteMode) -> None:
        """Commit the rows that were split off to the branch of their own table, where their own step audits them."""

    def position(self, table: Table, made: Provenance) -> int:
        """Up to which snapshot of the quarantine an earlier write offered refused rows again. Known also while there is
        no quarantine.
        """
        return position(table)


@dataclass(frozen=True)
class SplitOff:
    """Rows that checks refuse go to the table of the quarantine `asset`, in the same run as those of its `owner`."""

    asset: Asset
    owner: Asset

    def is_whole(self, attempt: Attempt) -> bool:
        return is_staged(attempt, self.asset.key)

    def split(
        self, attempt: Attempt, write: Write, refusals: Callable[[Iterable[Refusal]], tuple[Refusal, ...]]
    ) -> tuple[Write, Target | None]:
        """Ask the auditor which checks refuse rows, as soon as the columns are known."""
        owner, given = self.owner.key, write.schema
        if write.mode.traits.versioned:
            given = Schema(unversioned(given).fields)
        columns = columns_of(self.asset, quarantine_schema(self.owner, given), None)
        table, schema = target(attempt, columns, self.asset)
        request = audit_request(attempt.world, attempt.tables[owner], Scan(owner, None, write.schema), {})
        asked = attempt.step_lock.release_while(lambda: attempt.world.auditor.refusals(request))
        # What a version says of itself is known only after the merge: such a check holds the step.
        later = {name for name in write.schema.names if given.find(name) is None}
        found = [each for each in asked if not any(name in each.bad for name in later)]
        inputs = {name: str(snapshot) for name, snapshot in sorted(read_by(attempt.step(owner)).items())}
        refused = RefusedRows(
            refusals=refusals(found),
            schema=schema,
            directory=attempt.world.catalog.data_directory(table),
            run=attempt.run.id,
            inputs=json.dumps(inputs),
            stood=self._stood(attempt, write, table),
        )
        return replace(write, refused=refused), (table, schema)

    def _stood(self, attempt: Attempt, write: Write, table: Table) -> Scan | None:
        """What was refused before, where a write replaces only some partitions."""
        if not write.mode.traits.by_partition or write.base is None or table.main is None:
            return None
        return attempt.world.catalog.scan(table, table.main)

    def stage(self, attempt: Attempt, record: StepRecord, computed: Computed, mode: WriteMode) -> None:
        if computed.quarantine is None:
            return  # no code ran, so no row was refused
        mode = quarantine_mode(self.owner, mode)
        key, (table, schema) = self.asset.key, computed.quarantine
        attempt.clear_branch(key)
        table = attempt.tables.get(key, table)
        planned = attempt.step(key)
        mine = StepRecord(
            asset=key,
            reasons=planned.reasons,
            attempt=attempt.run.attempt,
            base_id=planned.base_id,
            code_version=self.asset.code_version,
            checks_digest=attempt.suite(key).digest,
            inputs=read_by(record),
        )
        told = replace(
            attempt.provenance(mine),
            write=mode,
            code=keep_code(attempt, table, self.asset),
            past=keep_past(attempt, table, mine.base_id),
        )
        staging = Staging(
            branch=attempt.branch,
            base=mine.base_id,
            mode=mode,
            schema=schema,
            files=computed.written.refused,
            summary=told.summary(),
            pii=self.asset.pii,
        )
        staged = attempt.tables[key] = attempt.world.catalog.stage(table, staging)
        rows = sum(file.rows for file in computed.written.refused)
        attempt.note(replace(mine, snapshot_id=staged.refs[attempt.branch], rows=rows))

    def position(self, table: Table, made: Provenance) -> int:
        """A write that replaces all rows replaces the quarantine as well."""
        replaces = quarantine_mode(self.owner, WriteMode(made.write)).traits.replaces
        return 0 if replaces else position(table)


Quarantine = NoQuarantine | SplitOff


def quarantine_of(attempt: Attempt, asset: Asset) -> Quarantine:
    found = attempt.world.project.assets.get(quarantine_key(asset.key))
    return NoQuarantine() if found is None else SplitOff(found, asset)


def is_staged(attempt: Attempt, key: AssetKey) -> bool:
    """Does the run's branch of this quarantine hold the rows that the run recorded for it?"""
    step, table = attempt.run.step(key), attempt.tables.get(key)
    here = step.snapshot_id if step else None
    return table is not None and here is not None and table.refs.get(attempt.branch) == here
