"""Metrics as SQL: which join the shared scan, and which need a query of their own.

DISTINCT never joins the shared scan (measured: a second for 10 million rows); uniqueness is a GROUP BY … HAVING.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from lakeflow.adapters.expectations.metrics import per_value as pervalue
from lakeflow.adapters.expectations.metrics.keys import Keys, keys
from lakeflow.adapters.expectations.metrics.per_value import PerValue
from lakeflow.adapters.expectations.metrics.plans import MANY, Aggregate, Dated, FromSchema, MetricQuery, ResultShape
from lakeflow.adapters.expectations.sql import distributions, order, outliers
from lakeflow.adapters.expectations.sql.domains import Domain, Metric, Says, domain_of, of_column, rows
from lakeflow.adapters.expectations.sql.literals import naive
from lakeflow.adapters.expectations.sql.predicates import bad_row, members, unsupported
from lakeflow.adapters.expectations.table import Audited, CannotCheck, Operand

UNIQUE: Final = frozenset({"column_values.unique", "compound_columns.unique"})
SHOWN: Final = 5
LONGEST: Final = 200
"""The most characters of a value that are shown."""
_NULLS: Final = frozenset({"column_values.nonnull", "column_values.null"})
_MAP_SUFFIXES: Final = (".unexpected_count", ".filtered_row_count")

Plan = Aggregate | Dated | MetricQuery | Keys | FromSchema | PerValue


def plan(metric: Metric, table: Audited) -> Plan:
    """How to get this metric. CannotCheck for a metric that is not compiled here."""
    if metric.name.startswith("table."):
        return _of_table(metric, table)
    rule = map_rule(metric)
    if rule is not None:
        return _of_rows(metric, rule, table)
    compiler = _COLUMN.get(metric.name)
    if compiler is None:
        raise CannotCheck(unsupported(metric.name))
    return compiler(metric, domain_of(metric, table), table)


def map_rule(metric: Metric) -> str | None:
    """`column_values.between` for `column_values.between.unexpected_count`; None for a metric of no row rule."""
    return next((metric.name.removesuffix(end) for end in _MAP_SUFFIXES if metric.name.endswith(end)), None)


def looked_at(metric: Metric, table: Audited) -> Aggregate | MetricQuery:
    """How many rows a check judges: those for which its rule is TRUE or FALSE, not NULL."""
    domain = domain_of(metric, table)
    rule = map_rule(metric) or ""
    if rule in _NULLS or metric.name == "column.non_null_proportion" or not domain.columns:
        return _all(domain)
    if rule in order.RULES:
        return Aggregate(domain.count(order.placed(domain, table, metric.values)))
    if rule in outliers.RULES:
        return MetricQuery(f"SELECT count(*) {outliers.judged(rule, domain, table, metric.values)}")
    if len(domain.columns) == 1:
        return Aggregate(domain.count(of=domain.columns[0].sql), of_column(Says.VALUES, domain))
    if not rule or rule in UNIQUE or pervalue.needed(rule, metric.values):
        return Aggregate(domain.count())
    return Aggregate(domain.count(f"({bad_row(rule, domain.columns, metric.values)}) IS NOT NULL"))


def bad_alone(metric: Metric, domain: Domain) -> str | None:
    """SQL that is TRUE for a row that breaks the rule, whatever the other rows are; None where other rows matter."""
    rule = map_rule(metric) or ""
    if rule in UNIQUE or rule in order.RULES or rule in outliers.RULES or pervalue.needed(rule, metric.values):
        return None
    return domain.clause(bad_row(rule, domain.columns, metric.values)).removeprefix(" WHERE ")


def failing(metric: Metric, domain: Domain, table: Audited) -> str:
    """The FROM clause of the rows that break a rule about rows."""
    rule = map_rule(metric) or ""
    if rule in order.RULES:
        return order.breaking(rule, domain, table, metric.values)
    if rule in outliers.RULES:
        return outliers.breaking(rule, domain, table, metric.values)
    bad = pervalue.HELD if pervalue.needed(rule, metric.values) else bad_row(rule, domain.columns, metric.values)
    return f"FROM {table.relation}{domain.clause(bad)}"


def _not_null(column: Operand) -> str:
    return f"{column.sql} IS NOT NULL"


def _of_table(metric: Metric, table: Audited) -> Plan:
    fields = table.schema.fields
    if metric.name == "table.row_count":
        if metric.domain.get("table"):
            raise CannotCheck("comparing with another table is not compiled; write it as a bad-row query (.sql check)")
        return _all(domain_of(metric, table))
    if metric.name == "table.columns":
        return FromSchema(list(table.schema.names))
    if metric.name == "table.column_count":
        return FromSchema(len(fields))
    if metric.name == "table.column_types":
        return FromSchema([{"name": field.name, "type": str(field.type)} for field in fields])
    raise CannotCheck(unsupported(metric.name))


def _of_rows(metric: Metric, rule: str, table: Audited) -> Plan:
    domain = domain_of(metric, table)
    if metric.name.endswith(".filtered_row_count"):
        return Aggregate(domain.count())
    if rule in UNIQUE:
        return keys(domain, table)
    if rule in order.RULES or rule in outliers.RULES:
        return MetricQuery(f"SELECT count(*) FROM (SELECT 1 {failing(metric, domain, table)})")
    if pervalue.needed(rule, metric.values):
        return pervalue.plan(metric, rule, domain, table)
    if rule == "column_values.nonnull":
        nulls = f"({domain.count()} - {domain.count(of=domain.columns[0].sql)})"
        return Aggregate(nulls, of_column(Says.NULLS, domain))
    says = _SAID.get(rule)
    hint = of_column(says, domain) if says else None
    return Aggregate(domain.count(bad_row(rule, domain.columns, metric.values)), hint)


_SAID: Final = {"column_values.null": Says.VALUES, "column_values.between": Says.OUTSIDE}


def _all(domain: Domain) -> Aggregate:
    return Aggregate(domain.count(), rows(domain))


Compiler = Callable[[Metric, Domain, Audited], Plan]


def _extreme(function: str) -> Compiler:
    def compile_(_: Metric, domain: Domain, __: Audited) -> Plan:
        column = domain.columns[0]
        if not (column.is_number or column.is_time or column.is_text):
            raise CannotCheck(f"{column.name} is {column.type}, which has no order")
        return Aggregate(naive(_filtered(f"{function}({column.sql})", domain), column), of_column(Says.EXTREME, domain))

    return compile_


def _arithmetic(function: str) -> Compiler:
    def compile_(_: Metric, domain: Domain, __: Audited) -> Plan:
        column = domain.columns[0]
        if not column.is_number:
            raise CannotCheck(f"{column.name} is {column.type}, not a number")
        return Aggregate(_filtered(f"{function}({column.sql})", domain))

    return compile_


def _filtered(aggregate: str, domain: Domain) -> str:
    clause = domain.clause()
    return f"{aggregate} FILTER ({clause.strip()})" if clause else aggregate


def _median(_: Metric, domain: Domain, table: Audited) -> Plan:
    column = domain.columns[0]
    if not column.is_number:
        raise CannotCheck(f"{column.name} is {column.type}, not a number")
    return MetricQuery(f"SELECT median({column.sql}) FROM {table.relation}{domain.clause()}")


def _non_null_proportion(_: Metric, domain: Domain, __: Audited) -> Plan:
    return Aggregate(f"{domain.count(of=domain.columns[0].sql)} / nullif({domain.count()}, 0)")


def _groups(domain: Domain, table: Audited) -> str:
    column = domain.columns[0]
    clause = domain.clause(_not_null(column))
    return f"SELECT {column.sql} AS v, count(*) AS n FROM {table.relation}{clause} GROUP BY 1"


def _distinct_count(_: Metric, domain: Domain, table: Audited) -> Plan:
    return MetricQuery(f"SELECT count(*) FROM ({_groups(domain, table)})")


def _unique_proportion(_: Metric, domain: Domain, table: Audited) -> Plan:
    return MetricQuery(f"SELECT count(*) / nullif(sum(n), 0) FROM ({_groups(domain, table)})")


def _outside(metric: Metric, domain: Domain, table: Audited) -> str:
    column = domain.columns[0]
    allowed = members(column, metric.values)
    more = f"{column.sql} NOT IN ({', '.join(allowed)})" if allowed else None
    return f"SELECT DISTINCT {column.sql} AS v FROM {table.relation}{domain.clause(_not_null(column), more)}"


def _outside_count(metric: Metric, domain: Domain, table: Audited) -> Plan:
    return MetricQuery(f"SELECT count(*) FROM ({_outside(metric, domain, table)})")


def _outside_values(metric: Metric, domain: Domain, table: Audited) -> Plan:
    sql = (
        f"SELECT left(CAST(v AS VARCHAR), {LONGEST}) FROM ({_outside(metric, domain, table)}) ORDER BY v LIMIT {SHOWN}"
    )
    return MetricQuery(sql, ResultShape.COLUMN)


def _missing(metric: Metric, domain: Domain, table: Audited) -> str:
    column = domain.columns[0]
    wanted = members(column, metric.values)
    if not wanted:
        raise CannotCheck("value_set is empty")
    listed = ", ".join(f"({value})" for value in wanted)
    present = f"SELECT {column.sql} FROM {table.relation}{domain.clause(_not_null(column))}"
    return f"SELECT v FROM (VALUES {listed}) AS wanted(v) WHERE v NOT IN ({present})"


def _missing_count(metric: Metric, domain: Domain, table: Audited) -> Plan:
    return MetricQuery(f"SELECT count(*) FROM ({_missing(metric, domain, table)})")


def _missing_values(metric: Metric, domain: Domain, table: Audited) -> Plan:
    return MetricQuery(
        f"SELECT left(CAST(v AS VARCHAR), {LONGEST}) FROM ({_missing(metric, domain, table)}) ORDER BY v",
        ResultShape.COLUMN,
    )


def _quantiles(metric: Metric, domain: Domain, table: Audited) -> Plan:
    return MetricQuery(distributions.quantiles(metric, domain, table))


def _value_counts(_: Metric, domain: Domain, table: Audited) -> Plan:
    return MetricQuery(f"{distributions.counts(domain, table)} LIMIT {MANY + 1}", ResultShape.ROWS)


def _commonest(_: Metric, domain: Domain, table: Audited) -> Plan:
    return MetricQuery(f"{distributions.commonest(domain, table)} LIMIT {MANY + 1}", ResultShape.COLUMN)


def _histogram(metric: Metric, domain: Domain, __: Audited) -> Plan:
    return Aggregate(distributions.histogram(metric, domain))


def _between_count(metric: Metric, domain: Domain, __: Audited) -> Plan:
    return Aggregate(distributions.between(metric, domain))


def _filled_count(_: Metric, domain: Domain, __: Audited) -> Plan:
    return Aggregate(domain.count(of=domain.columns[0].sql))


_COLUMN: Final[Mapping[str, Compiler]] = {
    "column.min": _extreme("min"),
    "column.max": _extreme("max"),
    "column.mean": _arithmetic("avg"),
    "column.sum": _arithmetic("sum"),
    "column.standard_deviation": _arithmetic("stddev_samp"),
    "column.median": _median,
    "column.non_null_proportion": _non_null_proportion,
    "column.quantile_values": _quantiles,
    "column.value_counts": _value_counts,
    "column.most_common_value": _commonest,
    "column.histogram": _histogram,
    "column_values.between.count": _between_count,
    "column_values.nonnull.count": _filled_count,
    "column.distinct_values.count": _distinct_count,
    "column.unique_proportion": _unique_proportion,
    "column.distinct_values.not_in_set.count": _outside_count,
    "column.distinct_values.not_in_set": _outside_values,
    "column.distinct_values.missing_from_column.count": _missing_count,
    "column.distinct_values.missing_from_column": _missing_values,
}
