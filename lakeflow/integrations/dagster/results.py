"""What came of a run, as Dagster's events: a materialization only of what readers see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from lakeflow.core.errors import BusyError, CodeError, ConflictError, LakeError, LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, StepState
from lakeflow.integrations.asked import Came
from lakeflow.integrations.dagster.metadata import data_version
from lakeflow.integrations.dagster.names import VERDICT, check_names, dagster_key
from lakeflow.integrations.dagster.specs import SEVERITIES

_LATER = (BusyError, ConflictError, CodeError, LakeError)
"""What may go better when Dagster tries again."""


def events_of(
    came: Iterable[Came], known: Mapping[AssetKey, Mapping[str, Any]], declared: Collection[dg.AssetCheckKey]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """For each asset its checks and the verdict, and a materialization where readers see what was asked for. Only
    checks that Dagster asked for can be told.
    """
    for one in came:
        told = [result for result in _checks_of(one) if _key_of(result) in declared]
        if not one.good:
            yield from told
            continue
        about = dict(known.get(one.asset, {}))
        step = one.step
        if one.run:
            about["lakeflow/run"] = one.run
        if step and step.rows is not None and step.state is StepState.PUBLISHED:
            about["lakeflow/rows_written"] = step.rows
        version = about.get("lakeflow/snapshot_id")
        yield dg.MaterializeResult(
            asset_key=dagster_key(one.asset),
            metadata=about,
            check_results=told,
            data_version=data_version(int(version)) if version else None,
        )


def check_result(key: AssetKey, name: str, check: CheckResult) -> dg.AssetCheckResult:
    """An errored check has not passed: nobody knows whether the data is good."""
    weighs = dg.AssetCheckSeverity.ERROR if check.outcome is Outcome.ERRORED else SEVERITIES[check.severity]
    said: dict[str, Any] = {"lakeflow/outcome": str(check.outcome), "lakeflow/severity": str(check.severity)}
    said |= {} if check.failed_rows is None else {"lakeflow/failed_rows": check.failed_rows}
    said |= {} if check.rows is None else {"lakeflow/rows": check.rows}
    return dg.AssetCheckResult(
        passed=check.outcome is Outcome.PASSED,
        asset_key=dagster_key(key),
        check_name=name,
        severity=weighs,
        description=check.detail or None,
        metadata=said,
    )


def failure_of(came: Iterable[Came]) -> dg.Failure | None:
    """Why the step of Dagster fails: something that was asked for did not reach readers. What did, stays.

    What checks hold does not get better by itself, so Dagster does not try again; code that failed may.
    """
    left = [one for one in came if not one.good]
    if not left:
        return None
    states = {one.step.state if one.step else StepState.HELD for one in left}
    said = "; ".join(f"{one.asset}: {one.why}" for one in left)
    about = {"lakeflow/hint": left[0].hint, "lakeflow/run": left[0].run, "lakeflow/branch": left[0].branch}
    return dg.Failure(said, about, allow_retries=bool(states & {StepState.ERRORED, StepState.CONFLICT}))


def failure_from(error: LakeflowError) -> dg.Failure:
    """An error of ours in Dagster's words, with what to type next."""
    about = {"lakeflow/hint": error.hint or "", "lakeflow/code": error.code}
    return dg.Failure(error.message, about, allow_retries=isinstance(error, _LATER))


def _checks_of(one: Came) -> Iterator[dg.AssetCheckResult]:
    checks = [check for check in (one.step.checks if one.step else ()) if check.outcome is not Outcome.SKIPPED]
    named = check_names(check.name for check in checks)
    for check in checks:
        yield check_result(one.asset, named[check.name], check)
    if one.step or not one.good:
        yield _verdict(one)


def _verdict(one: Came) -> dg.AssetCheckResult:
    said = {"lakeflow/run": one.run}
    if not one.good:
        said |= {"lakeflow/branch": one.branch, "lakeflow/hint": one.hint}
    described = "published" if one.good else one.why
    return dg.AssetCheckResult(
        passed=one.good,
        asset_key=dagster_key(one.asset),
        check_name=VERDICT,
        severity=dg.AssetCheckSeverity.ERROR,
        description=described,
        metadata=said,
    )


def _key_of(result: dg.AssetCheckResult) -> dg.AssetCheckKey:
    assert result.asset_key is not None, "set above"
    assert result.check_name is not None, "set above"
    return dg.AssetCheckKey(result.asset_key, result.check_name)
