"""Bad-row queries: a SELECT of rows that should not exist. Each row that it returns is a failure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lakeflow.adapters.expectations.checks.check import NOTHING, Check, Observation, share
from lakeflow.adapters.expectations.metrics import samples
from lakeflow.adapters.expectations.metrics.answers import Answers
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.metrics.plans import Aggregate
from lakeflow.adapters.expectations.table import Audited
from lakeflow.core.model.check import CheckFile, Outcome, SqlDialect
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

_ROWS = Aggregate("count(*)")


def file_check(file: CheckFile, table: Audited, *, allow_empty: bool) -> Check:
    """The check in `<asset>.<name>.sql`."""
    kind = SparkBadRows if file.dialect is SqlDialect.SPARK else BadRows
    rule = kind(file.text, allow_empty=allow_empty or file.allow_empty, sampled=not table.guarded)
    name = file.name.replace("_", " ") or file.path
    check = Check(file.path, name, rule, file.path, file.severity, personal=table.guarded)
    return replace(check, thresholds=file.thresholds)


def bad_rows(table: Audited, sql: str, *, allow_empty: bool) -> BadRows:
    """The check of a SELECT of bad rows. It shows no sample if any column may be personal: an alias can give a value
    another name.
    """
    return BadRows(sql, allow_empty=allow_empty, sampled=not table.guarded)


@dataclass(frozen=True)
class BadRows:
    """`sampled` says whether some of the rows may be shown."""

    sql: str
    allow_empty: bool
    sampled: bool
    plans: tuple[Plan, ...] = (_ROWS,)

    def find(self, answers: Answers) -> Observation:
        query = answers.select(self.sql)
        rows = answers.value(_ROWS)
        failed = answers.ask(f"SELECT count(*) FROM (\n{query}\n)").rows[0][0]
        bad = f"SELECT {samples.as_text('COLUMNS(*)')} FROM (\n{query}\n)"
        shown = samples.rows(answers, bad) if failed and self.sampled else ()
        return _judged(failed, rows, shown, allow_empty=self.allow_empty)


@dataclass(frozen=True)
class SparkBadRows:
    """The same in Spark SQL, which only Spark reads."""

    sql: str
    allow_empty: bool
    sampled: bool
    plans: tuple[Plan, ...] = (_ROWS,)

    def find(self, answers: Answers) -> Observation:
        rows = answers.value(_ROWS)
        found = answers.bad_rows(self.sql, answers.table.shown if self.sampled else 0)
        shown = tuple(samples.named(found.columns, row) for row in found.rows)
        return _judged(found.failed or 0, rows, shown, allow_empty=self.allow_empty)


def _judged(failed: int, rows: int, shown: tuple[samples.Sample, ...], *, allow_empty: bool) -> Observation:
    if rows == 0 and failed == 0 and not allow_empty:
        return Observation(Outcome.ERRORED, NOTHING, rows=0)
    if not failed:
        return Observation(Outcome.PASSED, failed_rows=0, rows=rows, metrics=_metrics(failed))
    # A query may return more rows than it judges.
    said = share(failed, rows) if failed <= rows else f"{counted(failed, 'row')} returned"
    return Observation(Outcome.FAILED, said, failed, rows, shown, _metrics(failed))


def _metrics(failed: int) -> dict[str, Any]:
    """The metrics of the library's own query expectation, without the rows themselves."""
    return {"unexpected_rows_query.row_count": failed, "unexpected_rows_query.table": []}
