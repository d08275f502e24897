"""The only door to Great Expectations: which metrics an expectation needs, and its judgement of their values.

`get_validation_dependencies` names the metrics, `_validate` judges them. Both are the same from 1.0 to 1.24, so
`mostly`, bounds and set rules are exactly the library's own. Nothing else of it is used: no context, engine, validator
or checkpoint. The import takes 3 to 7 seconds; call `load()` to begin it early.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from lakeflow.adapters.expectations.library.criteria import Judgement, Values
from lakeflow.adapters.expectations.library.signatures import StandIn
from lakeflow.adapters.expectations.sql import order
from lakeflow.adapters.expectations.sql.domains import Metric
from lakeflow.adapters.expectations.sql.literals import instant
from lakeflow.adapters.expectations.table import CannotCheck
from lakeflow.core.values import dataclass

_COUNTS_ONLY: Final = {"result_format": {"result_format": "BOOLEAN_ONLY", "partial_unexpected_count": 0}}


@cache
def load() -> Any:
    """The library's expectation classes, imported on first use and with its telemetry off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations.expectations as gxe  # noqa: PLC0415 - seconds, and only audits with a suite need it

    return gxe


@contextmanager
def one_configuration(expectation: Any) -> Iterator[None]:
    """While this is open, the library makes the configuration of an expectation once. Otherwise it makes it 30 times
    during compilation, which takes half of that time. For one thread at a time.
    """
    if isinstance(expectation, StandIn):
        yield
        return
    base = load().Expectation
    made = base.configuration
    found = expectation.configuration
    base.configuration = property(lambda asked: found if asked is expectation else made.fget(asked))
    try:
        yield
    finally:
        base.configuration = made


@dataclass(frozen=True)
class OwnKind:
    """One of lakeflow's own expectations as data. `overridden` means that a subclass judges by rules that are not known
    here.
    """

    kind: str
    args: Mapping[str, Any]
    overridden: bool = False


def own_of(expectation: Any) -> OwnKind | None:
    """The expectation as one of lakeflow's own kinds; None for an expectation of the library, or of a user."""
    kind = getattr(expectation, "lakeflow_kind", "")
    if not kind:
        return None
    given = expectation.configuration.kwargs
    args = {name: getattr(expectation, name) for name in expectation.success_keys}
    judge = type(expectation)._validate  # noqa: SLF001 - the seam: every expectation overrides this method
    return OwnKind(
        kind,
        {**args, "row_condition": given.get("row_condition")},
        not judge.__module__.startswith("lakeflow.expectations."),
    )


def configuration_of(expectation: Any) -> Mapping[str, Any] | None:
    """The expectation as JSON, from which the library makes it again; None where an argument has no JSON."""
    try:
        found: dict[str, Any] = json.loads(json.dumps(expectation.configuration.to_json_dict(), allow_nan=False))
    except Exception:  # noqa: BLE001 - the library raises whatever it likes here, and the check runs without
        return None
    return found


def is_expectation(value: Any) -> bool:
    return isinstance(value, StandIn) or _is_of_the_library(value)


def _is_of_the_library(value: Any) -> bool:
    return isinstance(value, load().Expectation)


def is_query(value: Any) -> bool:
    return not isinstance(value, StandIn) and isinstance(value, load().UnexpectedRowsExpectation)


def metrics_of(expectation: Any) -> Mapping[str, Metric]:
    """The metrics that this expectation asks for, by the library's names.

    CannotCheck, with what to use instead, for an expectation that is not computed here or that could never fail.
    """
    reason = unsupported(expectation)
    if reason is not None:
        raise CannotCheck(reason)
    needs = expectation.get_validation_dependencies(execution_engine=None, runtime_configuration=_configuration())
    return {
        name: Metric(found.metric_name, _domain(found, expectation), _arguments(found, expectation))
        for name, found in needs.metric_configurations.items()
    }


def _domain(found: Any, expectation: Any) -> dict[str, Any]:
    """The rows that the expectation is about. The library forgets some row conditions (those of
    ExpectColumnPairValuesToBeInSet, and of users' rules that do not declare the key); here they are kept.
    """
    return {"row_condition": getattr(expectation, "row_condition", None), **found.metric_domain_kwargs}


def _arguments(found: Any, expectation: Any) -> dict[str, Any]:
    """The arguments of a metric. The library knows only the order in which rows arrive; here an author names columns
    for it.
    """
    arguments = dict(found.metric_value_kwargs or {})
    if any(found.metric_name.startswith(rule) for rule in order.RULES):
        options = (expectation.meta or {}).get("lakeflow") or {}
        arguments[order.ORDER_BY] = options.get(order.ORDER_BY)
    return arguments


@dataclass(frozen=True)
class LibraryCriterion:
    """The criterion of an expectation whose rule is not data: its own code judges."""

    expectation: Any

    def judge(self, values: Values) -> Judgement:
        asked = as_asked(values)
        timed = any(map(_is_time, asked.values()))
        raw = (_on_one_clock(self.expectation) if timed else self.expectation)._validate(  # noqa: SLF001 - the seam
            metrics=asked, runtime_configuration=_configuration(), execution_engine=None
        )
        answer = raw if isinstance(raw, dict) else raw.to_json_dict()
        observed = (answer.get("result") or {}).get("observed_value")
        return Judgement(bool(answer["success"]), observed["values"] if isinstance(observed, dict) else observed)


def as_asked(values: Values) -> dict[str, Any]:
    """The metrics in the form that the library's code expects."""
    counted = values.get("column.value_counts")
    if counted is None:
        return dict(values)
    import pandas as pd  # noqa: PLC0415 - the library has imported it

    series = pd.Series([count for _, count in counted], index=[held for held, _ in counted], name="count")
    return {**values, "column.value_counts": series}


def _is_time(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dt.datetime)


def _configuration() -> dict[str, Any]:
    return {"result_format": dict(_COUNTS_ONLY["result_format"])}  # the library writes into it


def _on_one_clock(expectation: Any) -> Any:
    """The expectation with bounds that compare with observed times: naive, in UTC."""
    bounds = {key: getattr(expectation, key, None) for key in ("min_value", "max_value")}
    given: dict[str, Any] = {key: instant(one, expectation.column) for key, one in bounds.items() if one is not None}
    if getattr(expectation, "value_set", None):
        given["value_set"] = [instant(one, expectation.column) for one in expectation.value_set]
    return expectation.copy(update=given)


INSTEAD: Final[Mapping[str, str]] = {
    "ExpectMulticolumnValuesToBeUnique": (
        "the library has withdrawn it; use ExpectSelectColumnValuesToBeUniqueWithinRecord (different in each row) "
        "or ExpectCompoundColumnsToBeUnique (unique in the table)"
    ),
    "ExpectQueryResultsToMatchComparison": (
        "it needs a second data source; write a row check (.sql) that selects the rows of one query that the other "
        "one lacks: `select … from silver.a except select … from silver.b`"
    ),
    "ExpectTableRowCountToEqualOtherTable": (
        "a suite sees one table; write a row check (.sql) that names both: "
        "`select 1 where (select count(*) from silver.a) <> (select count(*) from silver.b)`"
    ),
}


CANNOT_FAIL: Final = "so it could not fail"


def unsupported(expectation: Any) -> str | None:
    """Why this expectation is not computed, and what to use instead; None when it is computed."""
    names = [base.__name__ for base in type(expectation).__mro__]
    if "ExpectColumnKLDivergenceToBeLessThan" in names:
        return _about_divergence(expectation)
    return next((INSTEAD[name] for name in names if name in INSTEAD), None)


def _about_divergence(expectation: Any) -> str | None:
    """Why an expectation about divergence cannot be judged: the library lets it pass without a threshold, and compares
    data with itself without a partition.
    """
    if expectation.threshold is None:
        return f"threshold is not given, {CANNOT_FAIL}; give one, such as 0.1"
    if not expectation.partition_object:
        return (
            f"partition_object is not given, {CANNOT_FAIL}: nothing is compared; give the expected shares, such as "
            '{"values": ["a", "b"], "weights": [0.7, 0.3]}'
        )
    return None
