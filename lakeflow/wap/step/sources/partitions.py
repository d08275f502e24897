"""Partitions in time: decides which of them a write builds, whatever rows it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Self

from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.table import Scan
from lakeflow.core.plan import partitions as partition_plan
from lakeflow.core.plan.late_rows import built_before, having_read
from lakeflow.core.plan.partitions import INPUT_REBUILT, KIND, Built, Pending, Upstream, with_built
from lakeflow.core.plan.planning import Step
from lakeflow.core.ports import Produced
from lakeflow.core.run.code_terms import Terms
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.facts import built
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.sources.source import UNCHANGED_INPUTS, Nothing, Source


@dataclass(frozen=True)
class Partitioned(Source):
    """Rows of the source `rows`, window by window; `pending` are the partitions to build."""

    rows: Source
    pending: tuple[Pending, ...]

    def settled(self, attempt: Attempt) -> Self:
        """Leave out partitions whose upstream ran but did not change what they are made from."""
        before, inputs = _built_on_main(attempt, self.asset.key), _inputs(attempt, self.declared)
        left = (each for each in self.pending if each.why != INPUT_REBUILT or _moved(each, before, inputs))
        return replace(self, rows=self.rows.settled(attempt), pending=tuple(left))

    def nothing(self, attempt: Attempt, step: Step) -> Nothing | None:
        return None if self.pending else UNCHANGED_INPUTS

    @property
    def waits(self) -> str:
        return self.rows.waits

    def inputs(self, attempt: Attempt) -> Mapping[TableKey, Scan]:
        return self.rows.inputs(attempt)

    @property
    def partitions(self) -> tuple[Pending, ...]:
        return self.pending

    def without_code(self, attempt: Attempt) -> Computed | None:
        return self.rows.without_code(attempt)

    def produce(
        self, attempt: Attempt, inputs: Mapping[TableKey, Scan], terms: Terms
    ) -> AbstractContextManager[Produced]:
        return self.rows.produce(attempt, inputs, terms)

    def refusals(self, found: Iterable[Refusal]) -> tuple[Refusal, ...]:
        return self.rows.refusals(found)

    def said(self, attempt: Attempt, record: StepRecord, computed: Computed, made: Provenance) -> Provenance:
        """Name the set of all partitions that are built after this write. Earlier ones stay in it, unless everything is
        built anew.
        """
        timeline = self.declared.timeline
        assert timeline is not None, "only such an asset has partitions"
        before = EMPTY if self.asset.write.traits.replaces else _built_on_main(attempt, record.asset)
        by, inputs = f"{attempt.run.id}/{attempt.run.attempt}", _inputs(attempt, self.declared)
        after = with_built(before, self.pending, self.declared.code_version, by, inputs)
        # An input without partitions is remembered by its snapshot, which shows when late rows have come.
        whole = (str(key) for key in _whole(attempt, self.declared))
        after = having_read(after, by, {name: record.inputs[name] for name in whole if name in record.inputs})
        name = attempt.world.catalog.write_sidecar(computed.table, KIND, partition_plan.to_json(timeline, after))
        return replace(self.rows.said(attempt, record, computed, made), partitions=name)

    def lost(self, attempt: Attempt, record: StepRecord) -> str:
        return self.rows.lost(attempt, record)

    def came_to_nothing(self, attempt: Attempt, record: StepRecord) -> Nothing | None:
        return self.rows.came_to_nothing(attempt, record)

    def tells_news(self, attempt: Attempt, record: StepRecord) -> bool:
        """True when the snapshot says other things of its partitions than main: which are built, by which code, from
        which inputs.
        """
        after = built(attempt.world, attempt.tables[record.asset], record.snapshot_id) or EMPTY
        same = partition_plan.says_the_same(_built_on_main(attempt, record.asset), after)
        return not same or self._reads_anew(attempt, record) or self.rows.tells_news(attempt, record)

    def _reads_anew(self, attempt: Attempt, record: StepRecord) -> bool:
        """Does main say that one of these partitions was built from other rows of an input?"""
        before = _built_on_main(attempt, record.asset)
        ours = {name: before[name] for name in record.partitions if name in before}
        inputs = (attempt.tables.get(key) for key in _whole(attempt, self.declared))
        return any(built_before(ours, table, None) for table in inputs if table is not None)


def _whole(attempt: Attempt, asset: Asset) -> list[AssetKey]:
    """The inputs without partitions."""
    return [key for key in sorted(asset.upstreams) if attempt.asset(key).timeline is None]


def _moved(pending: Pending, before: Mapping[str, Built], inputs: Mapping[str, Upstream]) -> bool:
    was = before.get(pending.name)
    return was is None or any(
        upstream.digest(pending.window) != was.inputs.get(name, "") for name, upstream in inputs.items()
    )


def _built_on_main(attempt: Attempt, key: AssetKey) -> Mapping[str, Built]:
    """The partitions that main had when the run began."""
    return attempt.facts.built.get(key, EMPTY)


def _inputs(attempt: Attempt, asset: Asset) -> Mapping[str, Upstream]:
    """The inputs with partitions, as they are pinned."""
    return {str(key): found for key in sorted(asset.upstreams) if (found := _input(attempt, key))}


def _input(attempt: Attempt, key: AssetKey) -> Upstream | None:
    timeline, table = attempt.asset(key).timeline, attempt.tables.get(key)
    if timeline is None or table is None:
        return None
    return Upstream(timeline, built(attempt.world, table, attempt.pinned(key)) or EMPTY)
