"""Compiles one expectation: the SQL of its metrics, how they are judged, and the text of the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lakeflow.adapters.expectations.checks import names, own_kinds
from lakeflow.adapters.expectations.checks.bad_rows import BadRows, bad_rows
from lakeflow.adapters.expectations.checks.check import Broken, Check, Rule, Stated
from lakeflow.adapters.expectations.checks.column_types import type_check
from lakeflow.adapters.expectations.checks.expectation import BadOnes, ExpectationRule
from lakeflow.adapters.expectations.compile.check_file import refuse_open
from lakeflow.adapters.expectations.compile.criterion_of import criterion_of
from lakeflow.adapters.expectations.library import library
from lakeflow.adapters.expectations.metrics import samples
from lakeflow.adapters.expectations.metrics.keys import keys
from lakeflow.adapters.expectations.metrics.metrics import UNIQUE, Plan, bad_alone, failing, looked_at, map_rule, plan
from lakeflow.adapters.expectations.metrics.per_value import PerValue
from lakeflow.adapters.expectations.sql import conditions, domains
from lakeflow.adapters.expectations.sql.domains import Metric, domain_of
from lakeflow.adapters.expectations.sql.literals import EXACT
from lakeflow.adapters.expectations.sql.predicates import regexes
from lakeflow.adapters.expectations.table import Audited, CannotCheck
from lakeflow.core.model.check import Outcome, Severity, Thresholds, read_thresholds
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.values import dataclass

_FOR_SCHEMA: Final = ("ExpectColumnValuesToBeOfType", "ExpectColumnTypeToBe", "ExpectColumnValuesToBeInTypeList")


@dataclass(frozen=True)
class ExpectationSource:
    """Where an expectation comes from: its file, its place in it, and whether an empty table is allowed."""

    path: str
    place: int
    allow_empty: bool

    @property
    def unit(self) -> str:
        return f"{self.path}#{self.place}"


def compile_expectation(expectation: Any, table: Audited, source: ExpectationSource) -> Check:
    """The check of an expectation. Never raises: an expectation that cannot be compiled becomes an errored check that
    says why.
    """
    if not library.is_expectation(expectation):
        reason = f"{type(expectation).__name__} is no Great Expectations expectation"
        return Check(source.unit, f"expectation {source.place + 1}", Broken(reason), source.path)
    name, severity = type(expectation).__name__, _severity(expectation)
    personal = table.is_personal(_columns(expectation))
    refusal = limits = None
    try:
        refuse_open(expectation)
        with library.one_configuration(expectation):
            name = names.name_of(expectation, _words(expectation))
            rule = _rule(expectation, table, source)
            refusal, limits = _refusal(expectation, table), _thresholds(expectation, rule)
        personal = table.guarded if _may_read_others(expectation) else personal
    except CannotCheck as error:
        rule = Stated(Outcome.ERRORED, str(error))
    except Exception as error:  # noqa: BLE001 - the boundary to the library and to users' own expectation classes
        rule = Broken(f"{type(error).__name__}: {error}")
    configuration = library.configuration_of(expectation)
    return Check(source.unit, name, rule, source.path, severity, personal, configuration, refusal, limits)


def _thresholds(expectation: Any, rule: Rule) -> Thresholds | None:
    """`warn` and `hold` among its options. CannotCheck where they repeat another option, or mean nothing."""
    options = _options(expectation)
    found = read_thresholds(options.get("warn"), options.get("hold"))
    if isinstance(found, str):
        raise CannotCheck(found)
    if found is None:
        return None
    if "severity" in expectation.__fields_set__ or getattr(expectation, "mostly", 1) not in {None, 1}:
        raise CannotCheck("warn and hold say what severity and mostly say; give either these or those")
    counts = isinstance(rule, BadRows) or (isinstance(rule, ExpectationRule) and rule.bad is not None)
    if not counts:
        raise CannotCheck("warn and hold need a check that counts bad rows")
    return found


def _refusal(expectation: Any, table: Audited) -> Refusal | None:
    """The refusal of an expectation whose failing rows go to quarantine, otherwise None. CannotCheck where
    one row alone cannot fail it.
    """
    options = _options(expectation)
    if (wanted := options.get("on_fail")) is None:
        return None
    if wanted != "quarantine":
        raise CannotCheck(f"on_fail is {wanted!r}; it can be 'quarantine'")
    share = options.get("max_fraction", 1.0)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise CannotCheck("max_fraction is no number from 0 to 1")
    plain = not (library.own_of(expectation) or library.is_query(expectation))
    rule = _row_rule(library.metrics_of(expectation)) if plain else None
    bad = None if rule is None else bad_alone(rule, domain_of(rule, table))
    if bad is None:
        raise CannotCheck("on_fail quarantine needs a check that judges each row by itself, in SQL")
    return Refusal("", bad, float(share))


def _words(expectation: Any) -> str:
    """The name of one of lakeflow's own expectations; empty for others, which are named by their class."""
    own = library.own_of(expectation)
    return own_kinds.name_of(own) if own else ""


def _may_read_others(expectation: Any) -> bool:
    return library.is_query(expectation) or library.own_of(expectation) is not None


def _rule(expectation: Any, table: Audited, source: ExpectationSource) -> Rule:
    allowed = source.allow_empty or bool(_options(expectation).get("allow_empty"))
    if own := library.own_of(expectation):
        return own_kinds.rule_of(own, table, allow_empty=allowed)
    if library.is_query(expectation):
        return bad_rows(table, _batch_query(expectation, table), allow_empty=allowed)
    if any(base.__name__ in _FOR_SCHEMA for base in type(expectation).__mro__):
        return type_check(expectation, table)
    metrics = library.metrics_of(expectation)
    plans = {name: plan(metric, table) for name, metric in metrics.items()}
    rule, judged = _row_rule(metrics), _judged(metrics)
    return ExpectationRule(
        metrics=plans,
        criterion=criterion_of(expectation, metrics, plans, table),
        looked=None if judged is None else looked_at(judged, table),
        bad=None if rule is None else _bad_ones(rule, table),
        regexes=_engine_s_regexes(metrics, plans),
        allow_empty=allowed,
        note="" if rule is None else _rounded(rule.values),
        withheld=table.is_personal(_columns(expectation)),
    )


def _engine_s_regexes(metrics: Mapping[str, Metric], plans: Mapping[str, Plan]) -> tuple[str, ...]:
    asked = (metric for name, metric in metrics.items() if not isinstance(plans[name], PerValue))
    return tuple(regex for metric in asked for regex in regexes(metric.values))


def _row_rule(metrics: Mapping[str, Metric]) -> Metric | None:
    """The row rule of the expectation, if it has one; the count of NULLs that goes with every rule is none."""
    rules = [metric for metric in metrics.values() if metric.name.endswith(".unexpected_count")]
    others = [metric for metric in rules if map_rule(metric) != "column_values.nonnull"]
    return next(iter(others or rules), None)


def _judged(metrics: Mapping[str, Metric]) -> Metric | None:
    """The metric whose rows a check judges; None for a check about the table as a whole (its columns, its row
    count).
    """
    about_rows = [metric for metric in metrics.values() if domains.names(metric.domain)]
    others = [metric for metric in about_rows if map_rule(metric) not in (None, "column_values.nonnull")]
    return next(iter(others or about_rows), None)


def _bad_ones(rule: Metric, table: Audited) -> BadOnes:
    domain, kind = domain_of(rule, table), map_rule(rule) or ""
    if kind in UNIQUE:
        return BadOnes(rule.name, samples.repeated_keys(table, domain), keys(domain, table))
    return BadOnes(rule.name, samples.rows_of(table, domain, failing(rule, domain, table)))


def _rounded(values: Mapping[str, Any]) -> str:
    bounds = (values.get("min_value"), values.get("max_value"))
    if any(isinstance(bound, float) and EXACT <= abs(bound) < float("inf") for bound in bounds):
        return "a bound above 2^53 is rounded: Great Expectations keeps bounds as floats"
    return ""


def _columns(expectation: Any) -> tuple[str, ...]:
    """Every column that an expectation names, including those in its row condition."""
    single = (getattr(expectation, key, None) for key in ("column", "column_A", "column_B"))
    many = getattr(expectation, "column_list", None) or ()
    named = (name for name in (*single, *many) if isinstance(name, str))
    return (*named, *conditions.columns(getattr(expectation, "row_condition", None)))


def _severity(expectation: Any) -> Severity:
    given = getattr(expectation, "severity", None)
    return Severity(str(getattr(given, "value", given or "critical")).lower())


def _options(expectation: Any) -> Mapping[str, Any]:
    meta = getattr(expectation, "meta", None) or {}
    options = meta.get("lakeflow", {})
    return options if isinstance(options, dict) else {}


def _batch_query(expectation: Any, table: Audited) -> str:
    where = conditions.where(getattr(expectation, "row_condition", None), table)
    batch = f"(SELECT * FROM {table.relation} WHERE {where})" if where else table.relation
    return str(expectation.unexpected_rows_query).replace("{batch}", batch)
