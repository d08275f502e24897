"""The assets of a lake as Dagster's definitions, and their materialization by runs of the lake.

Annotations are evaluated here: Dagster wants to see the type of a context itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

import dagster as dg

import lakeflow
from lakeflow.core.errors import LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.check import DeclaredCheck
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.time.timeline import Timeline
from lakeflow.core.values import dataclass
from lakeflow.integrations.asked import WAIT, AskedRun, carry_out
from lakeflow.integrations.dagster.metadata import metadata_of
from lakeflow.integrations.dagster.names import VERDICT, asset_of, check_names
from lakeflow.integrations.dagster.observed import external_observations, outside_publishes
from lakeflow.integrations.dagster.partitions import partitions_of, window_of
from lakeflow.integrations.dagster.results import check_result, events_of, failure_from, failure_of
from lakeflow.integrations.dagster.specs import check_specs, spec_of

_Events = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]


def definitions(
    path: str | Path = ".",
    *selection: str,
    exclude: str = "",
    settings: Mapping[str, str] | None = None,
    wait: float = WAIT,
    retry_policy: dg.RetryPolicy | None = None,
) -> dg.Definitions:
    """The selected assets of the lake around `path` as one multi-asset, and one more for each way in which assets are
    partitioned in time; their checks as asset checks; external tables as observable assets; and a sensor that tells
    Dagster of what others publish.

    A run of Dagster is a run of the lake: what passes its checks is published in one commit and materialized, what is
    held is a failed check and no materialization. `wait` is how many seconds to wait for another run. ProjectError and
    ConfigError as of `lakeflow.open`, SelectionError when nothing is meant.
    """
    place = _DagsterLake(str(Path(path).absolute()), dict(settings or {}), wait)
    with place.open() as lake:
        keys = [key for key in lake.select(*selection, exclude=exclude) if owner_of(key) is None]
        checks = lake.checks(*map(str, keys))
        assets = [lake.project.assets[key] for key in keys]
    made = [
        _multi_asset(place, name, group, {each.key: checks[each.key] for each in group}, retry_policy)
        for name, group in _grouped(assets).items()
    ]
    externals = external_observations(place.open, assets)
    return dg.Definitions(assets=[*made, *externals], sensors=[outside_publishes(place.open, tuple(keys))])


@dataclass(frozen=True)
class _DagsterLake:
    """Where the lake is, and how to open it: each process of Dagster does so for itself."""

    path: str
    settings: Mapping[str, str] = field(repr=False)
    wait: float

    def open(self) -> lakeflow.Lake:
        return lakeflow.open(self.path, settings=self.settings)


def _grouped(assets: Sequence[Asset]) -> Mapping[str, list[Asset]]:
    """Assets by how they are partitioned: a run of Dagster is about one span of time, or about none."""
    timelines: list[Timeline | None] = list(dict.fromkeys([None, *(asset.timeline for asset in assets)]))
    found: dict[str, list[Asset]] = {}
    for number, timeline in enumerate(timelines):
        if group := [asset for asset in assets if asset.timeline == timeline]:
            found["lakeflow" if timeline is None else f"lakeflow_by_{timeline.unit}_{number}"] = group
    return found


def _multi_asset(
    place: _DagsterLake,
    name: str,
    assets: Sequence[Asset],
    checks: Mapping[AssetKey, Sequence[DeclaredCheck]],
    retry_policy: dg.RetryPolicy | None,
) -> dg.AssetsDefinition:
    timeline = assets[0].timeline

    @dg.multi_asset(
        name=name,
        specs=[spec_of(asset) for asset in assets],
        check_specs=[spec for key, mine in checks.items() for spec in check_specs(key, mine)],
        can_subset=True,
        partitions_def=partitions_of(timeline) if timeline else None,
        # One run of the lake builds the whole range and publishes it at once.
        backfill_policy=dg.BackfillPolicy.single_run() if timeline else None,
        retry_policy=retry_policy,
    )
    def materialize(context: dg.AssetExecutionContext) -> _Events:
        yield from _in_dagsters_words(lambda: _materialized(place, context))

    return materialize


def _in_dagsters_words(events: Callable[[], _Events]) -> _Events:
    try:
        yield from events()
    except LakeflowError as error:
        raise failure_from(error) from error


def _materialized(place: _DagsterLake, context: dg.AssetExecutionContext) -> _Events:
    asked = context.selected_asset_check_keys
    keys = tuple(sorted(map(asset_of, context.selected_asset_keys)))
    if keys:
        actor = f"dagster run {_first_run(context.run)}"
        work = AskedRun(keys, actor, window_of(context), place.wait, context.log.info)
        came = carry_out(place.open(), work)
        with place.open() as lake:
            known = metadata_of(lake, tuple(one.asset for one in came if one.good))
        yield from events_of(came, known, asked)
    else:
        came = ()
    alone = {asset_of(key.asset_key) for key in asked} - set(keys)
    if alone:
        yield from _audited(place, tuple(sorted(alone)), asked)
    if failure := failure_of(came):
        raise failure


def _first_run(run: dg.DagsterRun) -> str:
    """The run that was asked for, of which this one may be the next try."""
    again = run.root_run_id if "dagster/retry_number" in run.tags else None
    return again or run.run_id


def _audited(place: _DagsterLake, keys: tuple[AssetKey, ...], asked: frozenset[dg.AssetCheckKey] | Any) -> _Events:
    """Checks alone: today's, on what readers see. Nothing is written."""
    with place.open() as lake:
        for one in lake.audit(*map(str, keys)):
            named = check_names(check.name for check in one.checks)
            results = [check_result(one.asset, named[check.name], check) for check in one.checks]
            verdict = next((check for check in one.checks if check.holds), None)
            results.append(
                dg.AssetCheckResult(
                    passed=verdict is None,
                    asset_key=results[0].asset_key,
                    check_name=VERDICT,
                    description="what readers see passes" if verdict is None else f"{verdict.name} does not pass",
                )
            )
            for result in results:
                assert result.asset_key is not None, "set above"
                if dg.AssetCheckKey(result.asset_key, result.check_name or "") in asked:
                    yield result
