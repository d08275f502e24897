"""Partitions in time: decides which of them a write builds, whatever rows it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Self

from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.table import Scan
from lakeflow.core.plan.in_time.built import KIND, Built, says_the_same, to_json
from lakeflow.core.plan.in_time.late_rows import brought_up
from lakeflow.core.plan.in_time.partitions import INPUT_REBUILT, Pending, Today, Upstream, pending, with_built
from lakeflow.core.plan.planning import Step
from lakeflow.core.ports.engine import Produced
from lakeflow.core.run.code_terms import Terms
from lakeflow.core.time.timeline import EVER, Window
from lakeflow.core.values import dataclass
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.facts import built
from lakeflow.wap.late import Inputs, inputs_of, touched
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.sources.source import UNCHANGED_INPUTS, Nothing, Source


@dataclass(frozen=True)
class Partitioned(Source):
    """Rows of the source `rows`, window by window; `pending` are the partitions to build. More may be found `within` a
    span of time, once the inputs are pinned.
    """

    rows: Source
    pending: tuple[Pending, ...]
    within: Window

    def settled(self, attempt: Attempt) -> Self:
        """Decide again what follows only from the inputs: an upstream may have ended unchanged, or got late rows."""
        found = {each.name: each for each in self._due(attempt)}
        kept = {each.name: each for each in self.pending if each.why != INPUT_REBUILT}
        left = sorted({**found, **kept}.values(), key=lambda each: each.window)
        return replace(self, rows=self.rows.settled(attempt), pending=tuple(left))

    def _due(self, attempt: Attempt) -> Iterator[Pending]:
        """What the pinned inputs ask for."""
        asset, built_ = self.declared, _built_on_main(attempt, self.asset.key)
        assert asset.timeline is not None, "only such an asset has partitions"
        is_all = self.within != EVER
        timeline = replace(asset.timeline, lookback=None) if is_all else asset.timeline
        now = attempt.facts.now
        changed = touched(attempt.world, asset, built_, _pinned(attempt, asset), now)
        by_rows = map(str, attempt.facts.by_rows.get(asset.key, ()))
        followed = {name: above for name, above in _inputs(attempt, asset).items() if name not in set(by_rows)}
        for each in pending(timeline, built_, Today(now, asset.code_version, followed, changed)):
            if (each.is_late or each.why == INPUT_REBUILT) and self.within.begins(each.window):
                yield each

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
        """Name the set of all partitions that are built after this write, and those of them that are not over. Earlier
        ones stay in it, unless everything is built anew.
        """
        asset = self.declared
        assert asset.timeline is not None, "only such an asset has partitions"
        before = EMPTY if self.asset.write.traits.replaces else _built_on_main(attempt, record.asset)
        inputs = _pinned(attempt, asset)
        wrote = Built(asset.code_version, f"{attempt.run.id}/{attempt.run.attempt}", read=inputs.read)
        changed = touched(attempt.world, asset, before, inputs, attempt.facts.now)
        stay = brought_up(before, changed, inputs.read)
        after = with_built(stay, self.pending, wrote, _inputs(attempt, asset))
        name = attempt.world.catalog.write_sidecar(computed.table, KIND, to_json(asset.timeline, after))
        partial = ",".join(sorted(name for name, each in after.items() if each.partial))
        return replace(self.rows.said(attempt, record, computed, made), partitions=name, partial=partial)

    def lost(self, attempt: Attempt, record: StepRecord) -> str:
        return self.rows.lost(attempt, record)

    def came_to_nothing(self, attempt: Attempt, record: StepRecord) -> Nothing | None:
        return self.rows.came_to_nothing(attempt, record)

    def tells_news(self, attempt: Attempt, record: StepRecord) -> bool:
        """True when the snapshot says other things of its partitions than main: which are built, by which code, from
        which inputs.
        """
        after = built(attempt.world, attempt.tables[record.asset], record.snapshot_id) or EMPTY
        same = says_the_same(_built_on_main(attempt, record.asset), after)
        return not same or self._reads_anew(attempt, record) or self.rows.tells_news(attempt, record)

    def _reads_anew(self, attempt: Attempt, record: StepRecord) -> bool:
        """Does main say that one of these partitions was built from other rows of an input?"""
        before = _built_on_main(attempt, record.asset)
        changed = touched(attempt.world, self.declared, before, _pinned(attempt, self.declared), attempt.facts.now)
        return any(
            (touch := changed.get(upstream, EMPTY).get(since)) and touch.has(each.name)
            for each in self.pending
            if each.name in before
            for upstream, since in before[each.name].read.items()
        )


def _pinned(attempt: Attempt, asset: Asset) -> Inputs:
    """The inputs without partitions, as they are pinned."""
    heads = {key: head for key in asset.upstreams if (head := attempt.pinned(key)) is not None}
    return inputs_of(attempt.world, asset, replace(attempt.facts, tables=attempt.tables), heads)


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
