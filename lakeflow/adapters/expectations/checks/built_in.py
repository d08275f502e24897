"""The checks that every asset gets: its schema, its key, its foreign keys, its row count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from lakeflow.adapters.expectations.checks.check import NOTHING, Broken, Check, Observation, in_groups, share
from lakeflow.adapters.expectations.checks.column_types import spelled
from lakeflow.adapters.expectations.checks.foreign_keys import foreign_key
from lakeflow.adapters.expectations.checks.scd2 import versions_check
from lakeflow.adapters.expectations.metrics import samples
from lakeflow.adapters.expectations.metrics.answers import Answers
from lakeflow.adapters.expectations.metrics.keys import Keys, keys
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.metrics.plans import Aggregate
from lakeflow.adapters.expectations.sql.domains import Domain
from lakeflow.adapters.expectations.table import Audited, CannotCheck
from lakeflow.core.model.asset import Column
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import ReadScope
from lakeflow.core.model.schema import Schema, walk
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

_ROWS = Aggregate("count(*)")


def built_in(request: AuditRequest, table: Audited) -> tuple[Check, ...]:
    """Schema, personal data (where a function reads some), key, versions and foreign keys (where declared) and rows
    (where their number is known), in this order.
    """
    below = request.added_rows.below if request.added_rows else 0
    checks = [Check("schema", "schema", SchemaHolds(table, request.columns, request.before))]
    if request.inherited:
        checks.append(Check("personal data", "personal data", NothingPersonal(table, request)))
    if request.primary_key:
        checks += _key(table, request)
    if request.version_key:
        checks.append(versions_check(request, table))
    checks += [foreign_key(request, table, foreign) for foreign in request.suite.foreign_keys]
    if request.expected_rows is not None:
        checks.append(Check("rows", "rows", RowsAccounted(request.expected_rows, below)))
    return tuple(checks)


@dataclass(frozen=True)
class SchemaHolds:
    table: Audited
    declared: Mapping[str, Column]
    before: Schema | None = None
    plans: tuple[Plan, ...] = ()

    def find(self, answers: Answers) -> Observation:
        schema = self.table.schema
        read = answers.ask(f"SELECT * FROM {answers.relation} LIMIT 0").columns
        faults = [] if read == schema.names else [f"the files read as {', '.join(read)}"]
        faults += [fault for name, column in self.declared.items() if (fault := _fault(schema, name, column))]
        if faults:
            return Observation(Outcome.FAILED, "; ".join(faults))
        return Observation(Outcome.PASSED, "; ".join([counted(len(read), "column"), *_drift(self.before, schema)]))


def _drift(before: Schema | None, now: Schema) -> Iterator[str]:
    """What differs from the columns that readers saw before: `+ channel string`, `− fax`, `total int → long`."""
    old, new = (
        {field.name: str(field.type) for field in (schema.fields if schema else ())} for schema in (before, now)
    )
    if before is not None:
        yield from (f"+ {name} {type_}" for name, type_ in new.items() if name not in old)
        yield from (f"− {name}" for name in old if name not in new)
        changed = (name for name in new if name in old and old[name] != new[name])
        yield from (f"{name} {old[name]} → {new[name]}" for name in changed)


@dataclass(frozen=True)
class NothingPersonal:
    """No personal column is stored unmasked. Nobody can tell what a function does with a personal column, so a column
    that keeps its name must be masked.
    """

    table: Audited
    request: AuditRequest
    plans: tuple[Plan, ...] = ()

    def find(self, _: Answers) -> Observation:
        said = {name.lower() for name, column in self.request.columns.items() if column.mask or column.pii is False}
        paths = [path for path, _ in walk(self.table.schema.fields) if path[0].lower() not in said]
        if kept := [".".join(path) for path in paths if path[-1].lower() in self.request.inherited]:
            named = f"{', '.join(kept)}: the name of a personal column that it reads"
            return Observation(
                Outcome.FAILED, f"{named}; declare a mask, or pii = false where it tells nothing of a person"
            )
        return Observation(Outcome.PASSED, "no column has the name of a personal one that it reads")


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
        return (Check("key", shown, Broken(str(error))),)
    personal = table.is_personal(request.primary_key)
    missing = " OR ".join(f"{column.sql} IS NULL" for column in columns)
    kept = f"NOT ({' AND '.join(f'{column.sql} IS NULL' for column in columns)})" if len(columns) > 1 else None
    filled = KeyFilled(table, Domain(columns), missing, request.allow_empty)
    unique = KeyUnique(table, Domain(columns, kept=kept), request.allow_empty)
    return (
        Check("key not null", f"{shown} not null", filled, personal=personal),
        Check("key unique", f"{shown} unique", unique, personal=personal),
    )


@dataclass(frozen=True)
class KeyFilled:
    """No row lacks a part of its key. `missing` is SQL that is TRUE for a row that does."""

    table: Audited
    domain: Domain
    missing: str
    allow_empty: bool

    @property
    def plans(self) -> tuple[Plan, ...]:
        return (_ROWS, self._bad)

    @property
    def _bad(self) -> Aggregate:
        return Aggregate(self.domain.count(self.missing))

    def find(self, answers: Answers) -> Observation:
        rows, failed = answers.value(_ROWS), answers.value(self._bad)
        if not failed:
            return _clean(rows, allow_empty=self.allow_empty)
        shown = samples.rows(answers, samples.failing_rows(self.table, self.domain, self.missing))
        return Observation(Outcome.FAILED, share(failed, rows), failed, rows, shown)


@dataclass(frozen=True)
class KeyUnique:
    """The key is unique. The query has the expectation's words, so that both are asked only once."""

    table: Audited
    domain: Domain
    allow_empty: bool

    @property
    def plans(self) -> tuple[Plan, ...]:
        return (self._judged, self._keys)

    @cached_property
    def _keys(self) -> Keys:
        return keys(self.domain, self.table)

    @property
    def _judged(self) -> Aggregate:
        """The rows that are judged: in a key of one column, NULL is no key."""
        columns = self.domain.columns
        return Aggregate(self.domain.count(of=columns[0].sql) if len(columns) == 1 else self.domain.count())

    def find(self, answers: Answers) -> Observation:
        rows = answers.value(self._judged)
        failed, groups = answers.repeated(self._keys)
        if not failed:
            return _clean(rows, allow_empty=self.allow_empty)
        shown = samples.rows(answers, samples.repeated_keys(self.table, self.domain))
        return Observation(Outcome.FAILED, in_groups(failed, groups), failed, rows, shown)


def _clean(rows: int, *, allow_empty: bool) -> Observation:
    if rows == 0 and not allow_empty:
        return Observation(Outcome.ERRORED, NOTHING, rows=0)
    return Observation(Outcome.PASSED, failed_rows=0, rows=rows)


@dataclass(frozen=True)
class RowsAccounted:
    """The row count is as expected. If only the added rows are read, `below` of the expected rows are counted
    already.
    """

    expected: int
    below: int = 0
    plans: tuple[Plan, ...] = (_ROWS,)

    def find(self, answers: Answers) -> Observation:
        rows = answers.value(_ROWS) + (self.below if answers.scope is ReadScope.ADDED else 0)
        outcome = Outcome.PASSED if rows == self.expected else Outcome.FAILED
        return Observation(outcome, f"expected {counted(self.expected, 'row')}, found {rows:,}", rows=rows)
