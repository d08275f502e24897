"""Rules that SQL cannot express: Python judges each distinct value once, and the rows with bad values are counted.

DuckDB groups the values (out of core) and gives them in batches, so memory is bounded by one batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from lakeflow.adapters.expectations.library import custom_rules as providers
from lakeflow.adapters.expectations.metrics.text_rules import TextRule, text_rule
from lakeflow.adapters.expectations.sql.domains import Domain, Metric
from lakeflow.adapters.expectations.sql.literals import literal, text
from lakeflow.adapters.expectations.sql.predicates import RULES, only_python_reads, regexes
from lakeflow.adapters.expectations.table import Audited, CannotCheck, Operand, identifier
from lakeflow.core.values import dataclass

SHOWN: Final = 5
HELD: Final = "/* holds a value found */"
_LONG: Final = 1000
"""Characters. Longer values are found again by their digest."""


@dataclass(frozen=True)
class ByLibrary:
    """A rule that a user wrote, which only the library's registry knows; in the library's words."""

    name: str
    domain: Mapping[str, Any]
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class PerValue:
    """`sql` gives the distinct values of `columns` and, last, how many rows hold each."""

    sql: str
    columns: tuple[Operand, ...]
    rule: TextRule | ByLibrary


@dataclass(frozen=True)
class Tally:
    """How many rows break the rule, and a few of the values that do."""

    rows: int
    examples: tuple[tuple[Any, ...], ...]


def needed(rule: str, values: Mapping[str, Any]) -> bool:
    """Does the rule need Python? SQL does not know it, or cannot read its regular expressions."""
    return rule not in RULES or any(only_python_reads(regex) for regex in regexes(values))


def plan(metric: Metric, rule: str, domain: Domain, table: Audited) -> PerValue:
    """The plan of the rule. CannotCheck for a rule about no column, or a rule about text on another type."""
    columns = domain.columns
    if not columns:
        raise CannotCheck(f"{rule!r} is about no column; write it as a bad-row query (.sql check)")
    said = text_rule(rule, metric.values)
    if said and not columns[0].is_text:
        raise CannotCheck(f"{columns[0].name} is {columns[0].type}, not text; cast it in a bad-row query")
    named = ", ".join(f"{column.sql} AS {identifier(column.name)}" for column in columns)
    kept = domain.clause(f"{columns[0].sql} IS NOT NULL") if len(columns) == 1 else domain.clause()
    sql = f"SELECT {named}, count(*) FROM {table.relation}{kept} GROUP BY ALL"
    return PerValue(sql, tuple(columns), said or ByLibrary(rule, _domain(metric.domain, columns), dict(metric.values)))


def _domain(asked: Mapping[str, Any], columns: Sequence[Operand]) -> Mapping[str, Any]:
    """The domain in the library's words, over a frame without the rows that lack values."""
    names = [column.name for column in columns]
    if asked.get("column_A"):
        return {"column_A": names[0], "column_B": names[1], "ignore_row_if": "neither"}
    return {"column_list": names, "ignore_row_if": "never"} if asked.get("column_list") else {"column": names[0]}


def judge(plan: PerValue, batches: Iterable[Any]) -> Tally:
    """The judge of the rule. CannotCheck when the library has no such rule that judges value by value."""
    ask = _asked(plan.rule)
    rows, examples = 0, list[tuple[Any, ...]]()
    for batch in batches:
        *columns, counts = batch.columns
        bad = ask(batch.select(range(len(columns))))
        broken = [place for place, is_bad in enumerate(bad) if is_bad]
        rows += sum(counts[place].as_py() for place in broken)
        shown = broken[: SHOWN - len(examples)]
        examples += [tuple(column[place].as_py() for column in columns) for place in shown]
    return Tally(rows, tuple(examples))


def _asked(rule: TextRule | ByLibrary) -> Callable[[Any], Sequence[bool]]:
    """A function that says for each row of a batch whether it breaks the rule."""
    if isinstance(rule, ByLibrary):
        provider = providers.provider(rule.name, rule.domain, rule.arguments)
        return lambda values: provider.bad(values.to_pandas())
    return lambda values: [not rule.holds(value) for value in values.column(0).to_pylist()]


def holding(query: str, asked: PerValue, found: Tally) -> str:
    """The query with `HELD` replaced by a condition for the rows that hold one of the bad values."""
    held = (
        " AND ".join(_is(column, value) for column, value in zip(asked.columns, values, strict=True))
        for values in found.examples
    )
    return query.replace(HELD, " OR ".join(f"({one})" for one in held) or "FALSE")


def _is(column: Operand, value: Any) -> str:
    if value is None:
        return f"{column.sql} IS NULL"
    if isinstance(value, str) and (len(value) > _LONG or "\0" in value):
        digest = hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()
        return f"md5({column.sql}) = {text(digest)}"
    return f"{column.sql} = {literal(value, column)}"
