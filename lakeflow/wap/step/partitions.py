"""The part of a step for assets that are built by partitions in time."""

from __future__ import annotations

from collections.abc import Mapping

from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.table import Table
from lakeflow.core.plan import partitions as partition_plan
from lakeflow.core.plan.late_rows import built_before, having_read
from lakeflow.core.plan.partitions import INPUT_REBUILT, KIND, Built, Pending, Upstream, with_built
from lakeflow.core.plan.planning import Step
from lakeflow.wap.attempt import Attempt


def left_to_build(attempt: Attempt, step: Step) -> tuple[Pending, ...]:
    """The planned partitions, without those whose upstream ran and did not change what they read."""
    before, inputs = built_on_main(attempt, step.asset), _inputs(attempt, attempt.asset(step.asset))
    return tuple(each for each in step.partitions if each.why != INPUT_REBUILT or _moved(each, before, inputs))


def keep_built(
    attempt: Attempt, record: StepRecord, table: Table, partitions: tuple[Pending, ...], before: Mapping[str, Built]
) -> str:
    """The name of the set of built partitions: these, and those built before that stay."""
    asset = attempt.asset(record.asset)
    assert asset.timeline is not None
    by = f"{attempt.run.id}/{attempt.run.attempt}"
    after = with_built(before, partitions, asset.code_version, by, _inputs(attempt, asset))
    read = {str(key): record.inputs[str(key)] for key in _whole(attempt, asset) if str(key) in record.inputs}
    after = having_read(after, by, read)
    return attempt.world.catalog.write_sidecar(table, KIND, partition_plan.to_json(asset.timeline, after))


def tells_nothing_new(attempt: Attempt, record: StepRecord) -> bool:
    """Does main's set of partitions say the same as the set of the step's snapshot? True for assets without
    partitions.
    """
    table = attempt.tables[record.asset]
    after = attempt.world.built(table, record.snapshot_id) or EMPTY
    return partition_plan.says_the_same(built_on_main(attempt, record.asset), after) and not _reads_anew(
        attempt, record
    )


def _reads_anew(attempt: Attempt, record: StepRecord) -> bool:
    """Does the set on main say of one of its partitions that it was built from other rows of an input?"""
    before = built_on_main(attempt, record.asset)
    ours = {name: before[name] for name in record.partitions if name in before}
    inputs = (attempt.tables.get(key) for key in _whole(attempt, attempt.asset(record.asset)))
    return any(built_before(ours, table, None) for table in inputs if table is not None)


def _whole(attempt: Attempt, asset: Asset) -> list[AssetKey]:
    """The inputs that have no partitions."""
    return [key for key in sorted(asset.upstreams) if attempt.asset(key).timeline is None]


def _moved(pending: Pending, before: Mapping[str, Built], inputs: Mapping[str, Upstream]) -> bool:
    was = before.get(pending.name)
    return was is None or any(
        upstream.digest(pending.window) != was.inputs.get(name, "") for name, upstream in inputs.items()
    )


def built_on_main(attempt: Attempt, key: AssetKey) -> Mapping[str, Built]:
    """The partitions that were built on main when the run began."""
    return attempt.facts.built.get(key, EMPTY)


def _inputs(attempt: Attempt, asset: Asset) -> Mapping[str, Upstream]:
    """The partitioned inputs as they are pinned."""
    return {str(key): found for key in sorted(asset.upstreams) if (found := _input(attempt, key))}


def _input(attempt: Attempt, key: AssetKey) -> Upstream | None:
    timeline, table = attempt.asset(key).timeline, attempt.tables.get(key)
    if timeline is None or table is None:
        return None
    return Upstream(timeline, attempt.world.built(table, attempt.pinned(key)) or EMPTY)
