"""Bad-row queries: a SELECT of the rows that should not be; each row that it returns is a failure."""

from __future__ import annotations

from lakeflow.adapters.expectations import samples
from lakeflow.adapters.expectations.answers import Answers
from lakeflow.adapters.expectations.checks import NOTHING, Check, Finding, share
from lakeflow.adapters.expectations.metrics import SHOWN, Aggregate
from lakeflow.adapters.expectations.table import Audited
from lakeflow.core.model import CheckFile, Outcome

_ROWS = Aggregate("count(*)")


def file_check(file: CheckFile, table: Audited, *, allow_empty: bool) -> Check:
    """The check in `<asset>.<name>.sql`."""
    query = query_check(table, file.text, allow_empty or file.allow_empty)
    name = file.name.replace("_", " ") or file.path
    return Check(file.path, name, query.find, file.path, file.severity, query.plans, personal=table.guarded)


def query_check(table: Audited, sql: str, allow_empty: bool) -> Check:
    """A nameless check around the query, to be given its name and place."""

    def find(answers: Answers) -> Finding:
        query = answers.select(sql)
        rows = answers.value(_ROWS)
        failed = answers.ask(f"SELECT count(*) FROM (\n{query}\n)").rows[0][0]
        if rows == 0 and failed == 0 and not allow_empty:
            return Finding(Outcome.ERRORED, NOTHING, rows=0)
        if not failed:
            return Finding(Outcome.PASSED, failed_rows=0, rows=rows)
        return Finding(Outcome.FAILED, _detail(failed, rows), failed, rows, _shown(answers, table, query))

    return Check("", "", find, plans={"rows": _ROWS})


def _detail(failed: int, rows: int) -> str:
    return share(failed, rows) if failed <= rows else f"{failed:,} rows returned"


def _shown(answers: Answers, table: Audited, query: str) -> tuple[samples.Sample, ...]:
    """No sample where any column may be personal: an alias can carry its value under another name."""
    if table.guarded:
        return ()
    return samples.rows(answers, f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (\n{query}\n) LIMIT {SHOWN}")
