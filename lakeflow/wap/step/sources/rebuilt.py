"""An scd2 table that is rebuilt because its code or an input changed: it may not lose versions."""

from __future__ import annotations

from typing import Final

from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.scd2_columns import VALID_FROM
from lakeflow.core.plan.facts import published
from lakeflow.core.plan.scd2_rebuilds import ways_out
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.sources.source import Source

_BEFORE: Final = "silver.before"
_AFTER: Final = "silver.after"


@dataclass(frozen=True)
class RebuiltVersions(Source):
    """All rows, in place of the versions on main. Nobody asked for this rebuild by name, so it may lose no version."""

    def lost(self, attempt: Attempt, record: StepRecord) -> str:
        """Say which versions of main are missing from the rebuilt table, and what a person can do; empty when
        none is.
        """
        asset, table = self.declared, attempt.tables[record.asset]
        if table.main is None or record.snapshot_id is None:
            return ""
        sides = {_BEFORE: table.main, _AFTER: record.snapshot_id}
        scans = {name: attempt.world.catalog.scan(table, head) for name, head in sides.items()}
        columns = [*asset.primary_key, VALID_FROM]
        # If one side lacks a column of the key, no version can be matched: all of main's count as lost.
        known = all(scan.schema.find(name) for scan in scans.values() for name in columns)
        quoted = ['"' + name.replace('"', '""') + '"' for name in columns]
        on = " AND ".join(f"b.{name} IS NOT DISTINCT FROM a.{name}" for name in quoted) if known else "false"
        text = f"SELECT count(*) FROM {_BEFORE} AS b ANTI JOIN {_AFTER} AS a ON {on}"
        lost = int(attempt.world.engine.query(text, scans).fetchall()[0][0])
        if not lost:
            return ""
        stands = published(table)
        assert stands is not None, "main is not empty"
        return f"a rebuild would lose {counted(lost, 'version')}; {ways_out(asset, stands)}"
