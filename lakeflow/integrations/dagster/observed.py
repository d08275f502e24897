"""What Dagster is told of without running anything: tables of others, and what others than Dagster published.

Annotations are evaluated here: Dagster wants to see the type of a context itself.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import dagster as dg

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import RunRecord, RunState, StepRecord, StepState
from lakeflow.core.plan.reasons import short_id
from lakeflow.integrations.dagster.names import check_names, dagster_key
from lakeflow.integrations.dagster.specs import SEVERITIES

if TYPE_CHECKING:
    from lakeflow.core.view.rows import ExternalUse, LineageNode
    from lakeflow.lake.lake import Lake

_MANY = 200
_Event: TypeAlias = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation


def external_observations(open_lake: Callable[[], "Lake"], assets: Sequence[Asset]) -> list[dg.AssetsDefinition]:
    """The external tables that these assets read, as one observable asset: their data version is their snapshot."""
    keys = sorted({key for asset in assets for key in asset.external})
    if not keys:
        return []

    @dg.multi_observable_source_asset(
        name="lakeflow_external",
        specs=[dg.AssetSpec(dagster_key(key), group_name=key.catalog, kinds={"iceberg"}) for key in keys],
        can_subset=True,
    )
    def observe(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        with open_lake() as lake:
            seen = {use.key: use for node in lake.lineage() for use in _uses(node)}
        for key in (key for key in keys if dagster_key(key) in context.selected_asset_keys):
            use = seen.get(key)
            if use is None or use.now is None:
                raise dg.Failure(f"{key} cannot be read: {use.fault if use else 'nothing reads it'}")
            said = {"lakeflow/snapshot": short_id(use.now)}
            yield dg.ObserveResult(dagster_key(key), metadata=said, data_version=dg.DataVersion(str(use.now)))

    return [observe]


def outside_publishes(open_lake: Callable[[], "Lake"], keys: tuple[AssetKey, ...]) -> dg.SensorDefinition:
    """A sensor that records what was published by others, `serve` or a person, and how stale each asset is. It runs
    nothing, and is off until somebody turns it on.
    """

    @dg.sensor(name="lakeflow_publishes", minimum_interval_seconds=60)
    def publishes(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        with open_lake() as lake:
            new = _new_runs(lake.runs(_MANY), context.cursor)
            events = [event for run in new for event in _told(run, keys)]
            events += [_standing(one.asset, one) for one in lake.status(*map(str, keys)) if one.snapshot_id is not None]
        return dg.SensorResult(asset_events=events, cursor=new[-1].id if new else context.cursor)

    return publishes


def _new_runs(newest_first: Sequence[RunRecord], last: str | None) -> list[RunRecord]:
    """The runs that ended after the one that was told last, oldest first, up to one that is still at work: it may end
    before those that began later, and each is to be told once.
    """
    ids = [run.id for run in newest_first]
    later = list(newest_first[: ids.index(last)] if last in ids else newest_first)[::-1]
    at_work = next((n for n, run in enumerate(later) if run.state is RunState.RUNNING), len(later))
    return later[:at_work]


def _told(run: RunRecord, keys: tuple[AssetKey, ...]) -> Iterator[_Event]:
    if run.actor.startswith("dagster run "):
        return
    for step in run.steps:
        if step.asset not in keys:
            continue
        checks = check_names(check.name for check in step.checks)
        for check in step.checks:
            if check.outcome is not Outcome.SKIPPED:
                yield dg.AssetCheckEvaluation(
                    dagster_key(step.asset),
                    checks[check.name],
                    passed=check.outcome is Outcome.PASSED,
                    severity=SEVERITIES[check.severity],
                    description=check.detail or None,
                )
        if step.state is StepState.PUBLISHED:
            yield from _materializations(run, step)


def _materializations(run: RunRecord, step: StepRecord) -> Iterator[dg.AssetMaterialization]:
    said = {"lakeflow/run": run.id, "lakeflow/actor": run.actor, "lakeflow/snapshot_id": str(step.snapshot_id)}
    for partition in step.partitions or (None,):
        yield dg.AssetMaterialization(
            dagster_key(step.asset),
            metadata=said,
            partition=partition,
            tags={"dagster/data_version": str(step.snapshot_id)},
        )


def _standing(key: AssetKey, status: Any) -> dg.AssetObservation:
    """How an asset stands now: what a run would do, and why."""
    said = {"lakeflow/state": str(status.state), "lakeflow/health": str(status.health)}
    said |= {"lakeflow/reasons": "; ".join(status.reasons)} if status.reasons else {}
    tags = {"dagster/data_version": str(status.snapshot_id)}
    return dg.AssetObservation(dagster_key(key), metadata=said, tags=tags)


def _uses(node: "LineageNode") -> Iterator["ExternalUse"]:
    yield from node.externals
    for above in node.upstreams:
        yield from _uses(above)
