"""The built-in check of an scd2 table: no two versions of a key are valid at once, and `is_current` marks the current
ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from lakeflow.adapters.expectations.checks.check import NOTHING, Broken, Check, Observation, share
from lakeflow.adapters.expectations.metrics import samples
from lakeflow.adapters.expectations.metrics.answers import Answers
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.metrics.plans import Aggregate
from lakeflow.adapters.expectations.sql.domains import Domain
from lakeflow.adapters.expectations.table import Audited, CannotCheck
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.scd2_columns import ADDED, IS_CURRENT, VALID_FROM, VALID_TO
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.values import dataclass

_ROWS = Aggregate("count(*)")


def versions_check(request: AuditRequest, table: Audited) -> Check:
    """Each version of a key ends no later than its next one begins, so at most one is current: the one that was valid
    when the table was written.
    """
    name = f"history of ({', '.join(request.version_key)})"
    try:
        keys = tuple(table.column(each).sql for each in request.version_key)
        for added in ADDED:
            table.column(added)
    except CannotCheck as error:
        return Check("history", name, Broken(str(error)))
    personal = table.is_personal(request.version_key)
    rule = NoOverlap(table, keys, request.allow_empty, request.marked_at)
    return Check("history", name, rule, personal=personal)


@dataclass(frozen=True)
class NoOverlap:
    table: Audited
    keys: Sequence[str]
    allow_empty: bool
    marked_at: datetime | None
    plans: tuple[Plan, ...] = (_ROWS,)

    def find(self, answers: Answers) -> Observation:
        rows = answers.value(_ROWS)
        if rows == 0 and not self.allow_empty:
            return Observation(Outcome.ERRORED, NOTHING, rows=0)
        failed = answers.ask(f"SELECT count(*) FROM ({self._bad()})").rows[0][0]
        if not failed:
            return Observation(Outcome.PASSED, failed_rows=0, rows=rows)
        domain = Domain((self.table.column(VALID_TO), self.table.column(IS_CURRENT)))
        shown = samples.rows(answers, samples.rows_of(self.table, domain, f"FROM ({self._bad()})"))
        return Observation(Outcome.FAILED, share(failed, rows), failed, rows, shown)

    def _bad(self) -> str:
        """Versions that are valid for no time, that overlap the next one, or whose `is_current` is wrong."""
        following = f"lead({VALID_FROM}) OVER (PARTITION BY {', '.join(self.keys)} ORDER BY {VALID_FROM})"
        overlaps = f"{following} IS NOT NULL AND ({VALID_TO} IS NULL OR {VALID_TO} > {following})"
        bad = f"{VALID_TO} <= {VALID_FROM} OR {IS_CURRENT} IS DISTINCT FROM {self._holds()} OR ({overlaps})"
        return f"SELECT * FROM {self.table.relation} QUALIFY {bad}"

    def _holds(self) -> str:
        """SQL: is the version current? Where nobody knows when the table was written, it is if it has no end, as in
        older releases.
        """
        if self.marked_at is None:
            return f"({VALID_TO} IS NULL)"
        then = f"TIMESTAMPTZ '{self.marked_at.astimezone(UTC).isoformat()}'"
        begin = self.table.column(VALID_FROM).type
        moment = then if str(begin) == "timestamptz" else f"CAST({then} AT TIME ZONE 'UTC' AS {begin})"
        return f"({VALID_FROM} <= {moment} AND ({VALID_TO} IS NULL OR {VALID_TO} > {moment}))"
