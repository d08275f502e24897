"""The only door to Great Expectations: which metrics an expectation needs, and what it says to their values.

`get_validation_dependencies` names the metrics, `_validate` judges them; both are the same from 1.0 to 1.24,
so `mostly`, bounds and set rules are the library's own by construction. Nothing else of it is used: no context,
engine, validator or checkpoint. The import costs 3 to 7 seconds; call `load()` to pay it early.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from lakeflow.adapters.expectations.criteria import Judgement, Values
from lakeflow.adapters.expectations.domains import Metric
from lakeflow.adapters.expectations.literals import instant

_COUNTS_ONLY: Final = {"result_format": {"result_format": "BOOLEAN_ONLY", "partial_unexpected_count": 0}}


@cache
def load() -> Any:
    """The library's expectation classes, imported on first use and with its telemetry off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations.expectations as gxe  # noqa: PLC0415 - seconds, and only audits with a suite need it

    return gxe


def is_expectation(value: Any) -> bool:
    return isinstance(value, load().Expectation)


def is_query(value: Any) -> bool:
    return isinstance(value, load().UnexpectedRowsExpectation)


def metrics_of(expectation: Any) -> Mapping[str, Metric]:
    """The metrics that this expectation asks for, by the names under which it wants them."""
    needs = expectation.get_validation_dependencies(execution_engine=None, runtime_configuration=_configuration())
    return {
        name: Metric(found.metric_name, dict(found.metric_domain_kwargs), dict(found.metric_value_kwargs))
        for name, found in needs.metric_configurations.items()
    }


@dataclass(frozen=True)
class Library:
    """The criterion that no data says: the expectation's own code judges."""

    expectation: Any

    def judge(self, values: Values) -> Judgement:
        timed = any(isinstance(value, dt.datetime) for value in values.values())
        raw = (_on_one_clock(self.expectation) if timed else self.expectation)._validate(  # noqa: SLF001 - the seam
            metrics=dict(values), runtime_configuration=_configuration(), execution_engine=None
        )
        answer = raw if isinstance(raw, dict) else raw.to_json_dict()
        return Judgement(bool(answer["success"]), (answer.get("result") or {}).get("observed_value"))


def _configuration() -> dict[str, Any]:
    return {"result_format": dict(_COUNTS_ONLY["result_format"])}  # the library writes into it


def _on_one_clock(expectation: Any) -> Any:
    """The same expectation with bounds that compare with our observed times: naive, in UTC."""
    bounds = {key: getattr(expectation, key, None) for key in ("min_value", "max_value")}
    given = {key: instant(bound, expectation.column) for key, bound in bounds.items() if bound is not None}
    return expectation.copy(update=given)
