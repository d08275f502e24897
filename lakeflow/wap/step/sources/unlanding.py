"""Landed files that are taken out again: the rows of these files go, all others stay, and new files land with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from lakeflow.core.column_names import FILE, OLD_NAMES
from lakeflow.core.keys import EMPTY, TableKey
from lakeflow.core.model.asset import Asset, SqlCode
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.planning import Step
from lakeflow.core.values import dataclass
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.compute import compute
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.quarantine import NoQuarantine
from lakeflow.wap.step.sources.files import Files
from lakeflow.wap.step.sources.source import Nothing, Source


@dataclass(frozen=True)
class Unlanding(Files):
    """The landing without the files `gone`, and what becomes of the data files that hold their rows."""

    gone: tuple[str, ...]

    def nothing(self, attempt: Attempt, step: Step) -> Nothing | None:
        return None

    def without_code(self, attempt: Attempt) -> Computed | None:
        """Write the rows again that stay of the data files which hold such rows, and land what is new beside them."""
        table = attempt.tables[self.asset.key]
        touched = self._touched(attempt, table)
        rows = _Staying(self.declared, self._staying(table), NoQuarantine(), touched)
        stays = compute(attempt, rows, rows.inputs(attempt))
        written = replace(stays.written, removes=touched.files, replaced=self._count(attempt, touched, ""))
        if not self.landing.new or self.landing.faults:
            return replace(stays, written=written)
        landed = compute(attempt, Files(self.declared, self.asset, self.quarantine, self.landing), {})
        self._refuse_other_counts(landed)
        both = replace(
            written,
            files=(*written.files, *landed.written.files),
            rows=written.rows + landed.written.rows,
            refused=landed.written.refused,
        )
        return replace(landed, written=both, schema=landed.schema)

    def said(self, attempt: Attempt, record: StepRecord, computed: Computed, made: Provenance) -> Provenance:
        """Name the set without these files, and say that files were replaced: such a write never goes on top of another
        main as it is.
        """
        self._refuse_changed(attempt)
        return self.named(attempt, record, computed, replace(made, write=WriteMode.PARTITION))

    def _touched(self, attempt: Attempt, table: Table) -> Scan:
        """Main's data files that hold rows of these files."""
        scan = attempt.world.catalog.scan(table, table.main)
        hold = [file for file in scan.files if self._count(attempt, _only(scan, (file,)), self._condition(table))]
        return _only(scan, tuple(hold))

    def _count(self, attempt: Attempt, scan: Scan, condition: str) -> int:
        if not scan.files:
            return 0
        where = f" WHERE {condition}" if condition else ""
        text = f"SELECT count(*) FROM {self.asset.key}{where}"
        query = attempt.world.engine.query
        found = attempt.step_lock.release_while(lambda: query(text, {str(self.asset.key): scan}).fetchall())
        return int(found[0][0])

    def _condition(self, table: Table) -> str:
        """What is true of a row of these files."""
        old = {now: was for was, now in OLD_NAMES.items()}[FILE]
        column = FILE if FILE in table.schema.names else old
        names = ", ".join("'" + name.replace("'", "''") + "'" for name in self.gone)
        return f'"{column}" IN ({names})'

    def _staying(self, table: Table) -> Asset:
        """The asset as a SELECT of its own rows that stay. They are masked already."""
        columns = ", ".join('"' + name.replace('"', '""') + '"' for name in table.schema.names)
        text = f"select {columns} from {self.asset.key} where ({self._condition(table)}) is not true"
        return replace(
            self.asset,
            code=SqlCode(text, self.asset.code.path, self.asset.code.line),
            inputs={str(self.asset.key): self.asset.key},
            externals=EMPTY,
            files=None,
            columns={name: replace(column, mask=None) for name, column in self.asset.columns.items()},
        )


@dataclass(frozen=True)
class _Staying(Source):
    """Rows of main that are written again as they are."""

    rows: Scan

    def inputs(self, attempt: Attempt) -> Mapping[TableKey, Scan]:
        return {self.rows.key: self.rows}

    def refusals(self, found: Iterable[Refusal]) -> tuple[Refusal, ...]:
        return ()


def _only(scan: Scan, files: tuple[str, ...]) -> Scan:
    return replace(scan, files=files)
