"""A few failing rows as text: the key first, then the columns of the check, never a personal value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lakeflow.adapters.expectations.metrics.answers import Answers
from lakeflow.adapters.expectations.metrics.keys import distinct_domain
from lakeflow.adapters.expectations.metrics.metrics import LONGEST, SHOWN
from lakeflow.adapters.expectations.sql.domains import Domain
from lakeflow.adapters.expectations.table import HIDDEN, Audited, identifier

Sample = Mapping[str, str | None]


def failing_rows(table: Audited, domain: Domain, bad: str) -> str:
    """The query of the rows for which `bad` is TRUE."""
    return rows_of(table, domain, f"FROM {table.relation}{domain.clause(bad)}")


def rows_of(table: Audited, domain: Domain, source: str) -> str:
    """The query of the rows of `source`, a FROM clause that gives columns of the table."""
    names = (*table.primary_key, *(column.name for column in domain.columns))
    shown = tuple(dict.fromkeys(names)) or table.schema.names[:SHOWN]
    listed = ", ".join(_spelled(table, name) for name in shown)
    return f"SELECT {listed} {source}"


def repeated_keys(table: Audited, domain: Domain) -> str:
    """The query of the keys that occur more than once, with the number of their rows (`×`)."""
    names = tuple(column.name for column in domain.columns)
    listed = ", ".join(_spelled(table, name) for name in names)
    keys = ", ".join(column.sql for column in domain.columns)
    quoted = ", ".join(f"any_value({identifier(name)}) AS {identifier(name)}" for name in names)
    groups = (
        f"SELECT {quoted}, count(*) AS n FROM {table.relation}{distinct_domain(domain)}"
        f" GROUP BY {keys} HAVING count(*) > 1"
    )
    return f'SELECT {listed}, CAST(n AS VARCHAR) AS "×" FROM ({groups}) ORDER BY n DESC'


def rows(answers: Answers, sql: str) -> tuple[Sample, ...]:
    """As many of the rows as the audit may show."""
    answer = answers.ask(f"{sql} LIMIT {answers.table.shown}")
    return tuple(named(answer.columns, row) for row in answer.rows)


def named(columns: Sequence[str], row: Sequence[str | None]) -> Sample:
    return {name: value and _cut(value) for name, value in zip(columns, row, strict=True)}


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"


def _spelled(table: Audited, name: str) -> str:
    column = identifier(table.column(name).name)
    return f"'{HIDDEN}' AS {column}" if name.lower() in table.pii else f"{as_text(column)} AS {column}"


def as_text(expression: str) -> str:
    """As much of a value as is shown, and one character more if the value is longer."""
    return f"left(CAST({expression} AS VARCHAR), {LONGEST + 1})"
