"""Great Expectations' own result objects, built on demand from what the ledger keeps of a check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

import lakeflow.expectations  # noqa: F401 - registers our own classes
from lakeflow.adapters.expectations.library.library import as_asked
from lakeflow.core.checks.evidence import unpacked
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, ReadScope

RESULT_FORMAT: Final = {"result_format": "SUMMARY", "partial_unexpected_count": 0, "exclude_unexpected_values": True}
"""Counts and shares, and no value of a row."""

_NO_VALUES: Final = ".unexpected_values"


def result_of(check: CheckResult) -> ExpectationValidationResult | None:
    """The library's result of an expectation, judged by its own code from the recorded metrics; None for other checks.

    What could not be judged, or was not looked at, is a result with the reason as its exception. Its `meta` says
    where the figures are not those of all rows: on an append those of the rows added.
    """
    kept = check.evidence.get("expectation")
    if kept is None:
        return None
    result = _result_of(kept, check)
    if check.scope is ReadScope.ADDED:
        result.meta = {**(result.meta or {}), "lakeflow": {"scope": str(check.scope)}}
    return result


def _result_of(kept: Mapping[str, Any], check: CheckResult) -> ExpectationValidationResult:
    configuration = ExpectationConfiguration(**kept)
    if check.outcome is Outcome.ERRORED:
        raised = {"raised_exception": True, "exception_message": check.detail, "exception_traceback": ""}
        return _bare(configuration, check, success=False, exception_info=raised)
    metrics = as_asked({name: unpacked(value) for name, value in check.evidence["metrics"].items()})
    try:
        return _judged(configuration, metrics) if metrics else _bare(configuration, check, success=_passed(check))
    except Exception:  # noqa: BLE001 - a user's own class that is not imported here, or one that wants more
        return _bare(configuration, check, success=_passed(check))


def is_known(result: ExpectationValidationResult) -> bool:
    """Can the class of its expectation be found here? One that a check file defines cannot."""
    try:
        result.expectation_config.to_domain_obj()
    except Exception:  # noqa: BLE001 - it raises what it likes
        return False
    return True


def result_json(check: CheckResult) -> dict[str, Any] | None:
    """The result as the library spells it in JSON."""
    found = result_of(check)
    if found is None:
        return None
    told: dict[str, Any] = json.loads(json.dumps(found.to_json_dict(), default=_of_numpy))
    return told


def _of_numpy(value: Any) -> Any:
    """Some of the library's judgements are numpy's, which its own JSON leaves as they are."""
    return value.item() if hasattr(value, "item") else str(value)


def _passed(check: CheckResult) -> bool:
    return check.outcome in {Outcome.PASSED, Outcome.SKIPPED}


def _judged(configuration: Any, metrics: dict[str, Any]) -> Any:
    expectation = configuration.to_domain_obj()
    for name in [name for name in metrics if name.endswith(".unexpected_count")]:
        metrics.setdefault(name.removesuffix(".unexpected_count") + _NO_VALUES, [])
    raw = expectation._validate(  # noqa: SLF001 - every expectation of the library overrides this method
        metrics=metrics, runtime_configuration={"result_format": dict(RESULT_FORMAT)}, execution_engine=None
    )
    return expectation._build_evr(raw)  # noqa: SLF001 - as above


def _bare(configuration: Any, check: CheckResult, *, success: bool, **more: Any) -> ExpectationValidationResult:
    """A result that says no more than the check did."""
    found = {"observed_value": check.detail} if check.detail and not more else {}
    return ExpectationValidationResult(success=success, expectation_config=configuration, result=found, meta={}, **more)
