"""The checks that every asset gets: its schema, its key, its foreign keys, its row count."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lakeflow.adapters.expectations import samples
from lakeflow.adapters.expectations.answers import Answers
from lakeflow.adapters.expectations.checks import NOTHING, Check, Finding, broken, in_groups, share
from lakeflow.adapters.expectations.domains import Domain
from lakeflow.adapters.expectations.metrics import Aggregate, keys
from lakeflow.adapters.expectations.references import foreign_key
from lakeflow.adapters.expectations.table import Audited, CannotCheck
from lakeflow.adapters.expectations.types import spelled
from lakeflow.core.model import Column, Outcome
from lakeflow.core.ports import AuditRequest
from lakeflow.core.schema import Schema

_ROWS = Aggregate("count(*)")


def built_in(request: AuditRequest, table: Audited) -> tuple[Check, ...]:
    """Schema, key and foreign keys (where declared) and rows (where their number is known), in this order."""
    checks = [Check("schema", "schema", _schema(table, request.columns))]
    if request.primary_key:
        checks += _key(table, request)
    checks += [foreign_key(request, table, foreign) for foreign in request.suite.foreign_keys]
    if request.expected_rows is not None:
        checks.append(Check("rows", "rows", _rows(request.expected_rows), plans={"rows": _ROWS}))
    return tuple(checks)


def _schema(table: Audited, declared: Mapping[str, Column]) -> Callable[[Answers], Finding]:
    def find(answers: Answers) -> Finding:
        read = answers.ask(f"SELECT * FROM {table.relation} LIMIT 0").columns
        faults = [] if read == table.schema.names else [f"the files read as {', '.join(read)}"]
        faults += [fault for name, column in declared.items() if (fault := _fault(table.schema, name, column))]
        if faults:
            return Finding(Outcome.FAILED, "; ".join(faults))
        return Finding(Outcome.PASSED, f"{len(read)} columns")

    return find


def _fault(schema: Schema, name: str, declared: Column) -> str:
    field = schema.find(name)
    if field is None:
        return f"column {name} is declared and missing"
    if declared.type is None or spelled(declared.type) == str(field.type):
        return ""
    return f"column {name} is {field.type}, declared {declared.type}"


def _key(table: Audited, request: AuditRequest) -> tuple[Check, ...]:
    shown = f"key ({', '.join(request.primary_key)})"
    try:
        columns = tuple(table.column(name) for name in request.primary_key)
    except CannotCheck as error:
        return (Check("key", shown, broken(str(error))),)
    personal = table.is_personal(request.primary_key)
    missing = " OR ".join(f"{column.sql} IS NULL" for column in columns)
    kept = f"NOT ({' AND '.join(f'{column.sql} IS NULL' for column in columns)})" if len(columns) > 1 else None
    nulls = Key(table, Domain(columns), request.allow_empty)
    unique = Key(table, Domain(columns, kept=kept), request.allow_empty)
    plans = {"rows": _ROWS, "bad": Aggregate(nulls.domain.count(missing))}
    return (
        Check("key not null", f"{shown} not null", nulls.filled(missing), plans=plans, personal=personal),
        Check("key unique", f"{shown} unique", unique.unique(), plans={"rows": _ROWS}, personal=personal),
    )


class Key:
    """A declared key. Its uniqueness query is worded as the expectation's, so that the two are asked once."""

    def __init__(self, table: Audited, domain: Domain, allow_empty: bool) -> None:
        self.table = table
        self.domain = domain
        self.allow_empty = allow_empty

    def filled(self, missing: str) -> Callable[[Answers], Finding]:
        def find(answers: Answers) -> Finding:
            rows, failed = answers.value(_ROWS), answers.value(Aggregate(self.domain.count(missing)))
            if not failed:
                return self._clean(rows)
            shown = samples.failing_rows(answers, self.table, self.domain, missing)
            return Finding(Outcome.FAILED, share(failed, rows), failed, rows, shown)

        return find

    def unique(self) -> Callable[[Answers], Finding]:
        def find(answers: Answers) -> Finding:
            rows = answers.value(_ROWS)
            failed, groups = answers.repeated(keys(self.domain, self.table))
            if not failed:
                return self._clean(rows)
            shown = samples.repeated_keys(answers, self.table, self.domain)
            return Finding(Outcome.FAILED, in_groups(failed, groups), failed, rows, shown)

        return find

    def _clean(self, rows: int) -> Finding:
        if rows == 0 and not self.allow_empty:
            return Finding(Outcome.ERRORED, NOTHING, rows=0)
        return Finding(Outcome.PASSED, failed_rows=0, rows=rows)


def _rows(expected: int) -> Callable[[Answers], Finding]:
    def find(answers: Answers) -> Finding:
        rows = answers.value(_ROWS)
        outcome = Outcome.PASSED if rows == expected else Outcome.FAILED
        return Finding(outcome, f"expected {expected:,} rows, found {rows:,}", rows=rows)

    return find
