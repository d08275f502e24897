"""Finds rows that refer to a missing key: one rule for declared foreign keys and for expectations about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lakeflow.adapters.expectations.checks.check import NOTHING, Broken, Check, Observation, share
from lakeflow.adapters.expectations.metrics import samples
from lakeflow.adapters.expectations.metrics.answers import Answers
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.metrics.plans import Aggregate
from lakeflow.adapters.expectations.sql.domains import Domain
from lakeflow.adapters.expectations.table import Audited, CannotCheck, identifier
from lakeflow.core.model.check import ForeignKey, Outcome
from lakeflow.core.model.scd2_columns import VALID_FROM, VALID_TO
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.values import dataclass


def orphans(table: Audited, domain: Domain, other: str, keys: Sequence[str], at: str = "") -> str:
    """`FROM …` over the rows of the domain whose columns, all of them set, match no row of the relation `other`. With
    `at`, the domain's last column, they match no version that was valid then.

    An anti join, since `NOT IN` finds nothing as soon as `other` holds one NULL. As in SQL's own foreign keys
    (MATCH SIMPLE) a row with a NULL among its columns refers to nothing.
    """
    names = [identifier(column.name) for column in domain.columns[: len(keys)]]
    same = " AND ".join(f"referring.{name} = referred.{identifier(key)}" for name, key in zip(names, keys, strict=True))
    same += _held(f"referring.{identifier(at)}") if at else ""
    rows = f"SELECT * FROM {table.relation}{refer(domain)}"
    return f"FROM ({rows}) AS referring ANTI JOIN {other} AS referred ON {same}"


def _held(moment: str) -> str:
    """SQL: was the version valid at that time? Intervals are half open, and the open end is NULL."""
    ended = f"referred.{VALID_TO} <= {moment}"
    return f" AND referred.{VALID_FROM} <= {moment} AND ({ended}) IS NOT TRUE"


def relation(name: str) -> str:
    """`layer.name`, or `published.layer.name`, as SQL."""
    return ".".join(map(identifier, name.split(".")))


def refer(domain: Domain) -> str:
    """` WHERE …` over the rows of the domain that refer to anything."""
    return domain.clause(*(f"{column.sql} IS NOT NULL" for column in domain.columns))


def foreign_key(request: AuditRequest, table: Audited, foreign: ForeignKey) -> Check:
    """The built-in check of a declared foreign key, against the dimension as the run leaves it."""
    unit, name = f"foreign key {foreign.column}", f"foreign key {foreign}"
    try:
        own = (foreign.column, foreign.at) if foreign.at else (foreign.column,)
        domain = Domain(tuple(table.column(name) for name in own))
    except CannotCheck as error:
        return Check(unit, name, Broken(str(error)))
    if str(foreign.dimension) not in {str(request.asset), *request.relations}:
        never = f"{foreign.dimension} was never built; `lakeflow materialize {foreign.dimension}` builds it"
        return Check(unit, name, Broken(never))
    secret = foreign.column.lower() in table.pii or foreign.key.lower() in request.pii
    seen = replace(table, pii=table.pii | {foreign.column.lower()}) if secret else table
    return Check(unit, name, _Orphans(seen, domain, foreign, request.allow_empty), personal=secret)


@dataclass(frozen=True)
class _Orphans:
    table: Audited
    domain: Domain
    foreign: ForeignKey
    allow_empty: bool

    @property
    def plans(self) -> tuple[Plan, ...]:
        return (_referring(self.domain),)

    def find(self, answers: Answers) -> Observation:
        rows = answers.value(_referring(self.domain))
        if rows == 0 and not self.allow_empty:
            return Observation(Outcome.ERRORED, NOTHING, rows=0)
        at = self.domain.columns[-1].name if self.foreign.at else ""
        source = orphans(self.table, self.domain, relation(str(self.foreign.dimension)), [self.foreign.key], at)
        failed = answers.ask(f"SELECT count(*) {source}").rows[0][0]
        if not failed:
            return Observation(Outcome.PASSED, failed_rows=0, rows=rows)
        shown = samples.rows(answers, samples.rows_of(self.table, self.domain, source))
        return Observation(Outcome.FAILED, share(failed, rows), failed, rows, shown)


def _referring(domain: Domain) -> Aggregate:
    missing = (f"{column.sql} IS NOT NULL" for column in domain.columns[1:])
    return Aggregate(domain.count(*missing, of=domain.columns[0].sql))
