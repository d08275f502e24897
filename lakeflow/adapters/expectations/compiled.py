"""One expectation, made ready: the metrics that it needs as SQL, and its answer as a finding of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lakeflow.adapters.expectations import conditions, domains, names, samples, seam
from lakeflow.adapters.expectations.answers import Answers
from lakeflow.adapters.expectations.checks import NOTHING, Check, Finding, broken, in_groups, share
from lakeflow.adapters.expectations.domains import Metric, domain_of
from lakeflow.adapters.expectations.literals import EXACT, text
from lakeflow.adapters.expectations.metrics import UNIQUE, Plan, Query, first, keys, looked_at, map_rule, plan
from lakeflow.adapters.expectations.predicates import bad_row, regexes
from lakeflow.adapters.expectations.rows import query_check
from lakeflow.adapters.expectations.table import Audited, CannotCheck
from lakeflow.adapters.expectations.types import type_check
from lakeflow.core.errors import AssetError
from lakeflow.core.model import Outcome, Severity

LOOKED: Final = "lakeflow.looked_at"
_FOR_SCHEMA: Final = ("ExpectColumnValuesToBeOfType", "ExpectColumnTypeToBe", "ExpectColumnValuesToBeInTypeList")


@dataclass(frozen=True)
class Source:
    """Where an expectation stands: its file, its place in it, and whether an empty table is fine."""

    path: str
    place: int
    allow_empty: bool

    @property
    def unit(self) -> str:
        return f"{self.path}#{self.place}"


def compile_expectation(expectation: Any, table: Audited, source: Source) -> Check:
    """Never raises: an expectation that cannot be compiled is a check that is errored, with the reason."""
    if not seam.is_expectation(expectation):
        reason = f"{type(expectation).__name__} is no Great Expectations expectation"
        return Check(source.unit, f"expectation {source.place + 1}", broken(reason), source.path)
    severity, personal = _severity(expectation), table.is_personal(_columns(expectation))
    try:
        name = names.name_of(expectation)
        allowed = source.allow_empty or bool(_options(expectation).get("allow_empty"))
        return _compile(expectation, table, Draft(source, name, severity, allow_empty=allowed))
    except CannotCheck as error:
        return Check(source.unit, name, broken(str(error)), source.path, severity)
    except Exception as error:  # noqa: BLE001 - the boundary to the library and to users' own expectation classes
        said = f"{type(error).__name__}: {error}"
        return Check(source.unit, type(expectation).__name__, broken(said), source.path, severity, personal=personal)


@dataclass(frozen=True)
class Draft:
    """What is known of a check before its SQL."""

    source: Source
    name: str
    severity: Severity
    allow_empty: bool


def _compile(expectation: Any, table: Audited, draft: Draft) -> Check:
    source = draft.source
    if seam.is_query(expectation):
        sql = _batch_query(expectation, table)
        check = query_check(table, sql, draft.allow_empty)
        return Check(
            source.unit, draft.name, check.find, source.path, draft.severity, check.plans, personal=table.guarded
        )
    if any(base.__name__ in _FOR_SCHEMA for base in type(expectation).__mro__):
        return Check(source.unit, draft.name, type_check(expectation, table), source.path, draft.severity)
    metrics = seam.metrics_of(expectation)
    plans = {name: plan(metric, table) for name, metric in metrics.items()}
    judged = _judged(metrics)
    if judged is not None:
        plans[LOOKED] = looked_at(judged, table)
    compiled = Compiled(expectation, table, metrics, plans, draft.allow_empty)
    personal = table.is_personal(_columns(expectation))
    return Check(source.unit, draft.name, compiled.find, source.path, draft.severity, plans, personal)


@dataclass(frozen=True)
class Compiled:
    """An expectation with the SQL of its metrics."""

    expectation: Any
    table: Audited
    metrics: Mapping[str, Metric]
    plans: Mapping[str, Plan]
    allow_empty: bool

    def find(self, answers: Answers) -> Finding:
        """AssetError when the engine cannot answer; CannotCheck when the check makes no sense here."""
        self._prove_regexes(answers)
        looked = answers.value(self.plans[LOOKED]) if LOOKED in self.plans else None
        if looked == 0:
            return self._nothing()
        values = self._values(answers)
        judgement = seam.judge(self.expectation, values)
        outcome = Outcome.PASSED if judgement.success else Outcome.FAILED
        rule = self._rule()
        if rule is None:
            return Finding(outcome, self._found(judgement.observed, values), rows=looked)
        failed = next(values[name] for name in values if name == f"{map_rule(rule)}.unexpected_count")
        detail = share(failed, looked or 0) if failed else ""
        shown = self._samples(answers, rule) if failed and outcome is Outcome.FAILED else ()
        return Finding(outcome, self._annotated(detail, answers, rule, failed), failed, looked, shown)

    def _values(self, answers: Answers) -> dict[str, Any]:
        """All metrics; which values are wrong is asked only once it is known that some are."""
        values: dict[str, Any] = {}
        for name in sorted(self.metrics, key=lambda name: not name.endswith(".count")):
            none = values.get(f"{name}.count") == 0
            values[name] = [] if none else answers.value(self.plans[name])
        return values

    def _nothing(self) -> Finding:
        if self.allow_empty:
            return Finding(Outcome.PASSED, "nothing to look at, which is allowed", rows=0)
        return Finding(Outcome.ERRORED, NOTHING, rows=0)

    def _rule(self) -> Metric | None:
        """The row rule of the expectation, if it has one: not the count of NULLs that goes with every rule."""
        rules = [metric for metric in self.metrics.values() if metric.name.endswith(".unexpected_count")]
        others = [metric for metric in rules if map_rule(metric) != "column_values.nonnull"]
        return next(iter(others or rules), None)

    def _samples(self, answers: Answers, rule: Metric) -> tuple[Mapping[str, str | None], ...]:
        domain, kind = domain_of(rule, self.table), map_rule(rule) or ""
        if kind in UNIQUE:
            return samples.repeated_keys(answers, self.table, domain)
        return samples.failing_rows(answers, self.table, domain, bad_row(kind, domain.columns, rule.values))

    def _annotated(self, detail: str, answers: Answers, rule: Metric, failed: int) -> str:
        if failed and map_rule(rule) in UNIQUE:
            _, groups = answers.repeated(keys(domain_of(rule, self.table), self.table))
            detail = in_groups(failed, groups)
        return "; ".join(part for part in (detail, _rounded(rule.values)) if part)

    def _found(self, observed: Any, values: Mapping[str, Any]) -> str:
        if self.table.is_personal(_columns(self.expectation)):
            return "what was found is withheld: the column holds personal data"
        outside = values.get("column.distinct_values.not_in_set") or ()
        missing = values.get("column.distinct_values.missing_from_column") or ()
        parts = [f"found {names.listed(outside)} besides"] if outside else []
        parts += [f"missing {names.listed(missing)}"] if missing else []
        if not parts and observed is not None:
            parts = [f"found {names.listed(observed) if isinstance(observed, (list, set)) else names.value(observed)}"]
        return "; ".join(parts)

    def _prove_regexes(self, answers: Answers) -> None:
        for metric in self.metrics.values():
            for regex in regexes(metric.values):
                _prove_regex(answers, regex)


def _prove_regex(answers: Answers, regex: str) -> None:
    try:
        answers.value(Query(f"SELECT regexp_matches('', {text(regex)})", first))
    except AssetError as error:
        raise CannotCheck(
            f"the engine's regular expressions (RE2: no look-around, no back-references) refuse /{regex}/: "
            f"{error.message}; say it in a bad-row query"
        ) from None


def _judged(metrics: Mapping[str, Metric]) -> Metric | None:
    """The metric whose rows a check judges; None for one about the table as such (its columns, its row count)."""
    about_rows = [metric for metric in metrics.values() if domains.names(metric.domain)]
    others = [metric for metric in about_rows if map_rule(metric) not in (None, "column_values.nonnull")]
    return next(iter(others or about_rows), None)


def _rounded(values: Mapping[str, Any]) -> str:
    bounds = (values.get("min_value"), values.get("max_value"))
    if any(isinstance(bound, float) and EXACT <= abs(bound) < float("inf") for bound in bounds):
        return "a bound above 2^53 is rounded: Great Expectations keeps bounds as floats"
    return ""


def _columns(expectation: Any) -> tuple[str, ...]:
    """Every column that an expectation names, its row condition's too."""
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
