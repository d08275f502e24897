"""The partitions of one step, and the reasons to build them, on the facts of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.run import Action
from lakeflow.core.plan.in_time.built import Built, spelled_range
from lakeflow.core.plan.in_time.partitions import Backfill, Pending, Today, Upstream, of_backfill, pending, windows
from lakeflow.core.plan.reasons import Cause, Reason
from lakeflow.core.time.timeline import EVER
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from lakeflow.core.plan.planning import PlanRequest


def partitions_of(asked: PlanRequest, asset: Asset) -> tuple[Pending, ...]:
    """The partitions that the plan builds of an asset."""
    if asset.timeline is None:
        return ()
    facts, span = asked.facts, _span(asked, asset)
    # A backfill takes along what came later than `lookback` reaches.
    timeline = replace(asset.timeline, lookback=None) if span else asset.timeline
    followed = sorted(asset.upstreams - facts.by_rows.get(asset.key, frozenset()))
    upstreams = {str(key): above for key in followed if (above := _upstream(asked, key))}
    today = Today(facts.now, asset.code_version, upstreams, facts.touched.get(asset.key, EMPTY))
    found = pending(timeline, _built(asked, asset), today)
    if span is None or is_partitioned_otherwise(asked, asset):
        return found
    return of_backfill(timeline, found, span, facts.now)


def _span(asked: PlanRequest, asset: Asset) -> Backfill | None:
    if asked.backfill and not asked.refreshed:
        return asked.backfill
    return Backfill(EVER) if asked.forced or asked.refreshed or asset.key in asked.below else None


def _built(asked: PlanRequest, asset: Asset) -> Mapping[str, Built]:
    facts = asked.facts
    return {
        name: replace(each, code_version=facts.today(each.code_version))
        for name, each in facts.built.get(asset.key, EMPTY).items()
    }


def is_partitioned_otherwise(asked: PlanRequest, asset: Asset) -> bool:
    """Does the table hold rows without a record of the partitions in which they were built? Then all partitions are
    built again.
    """
    table = asked.facts.tables.get(asset.key)
    return table is not None and table.main is not None and asset.key not in asked.facts.built


def _upstream(asked: PlanRequest, key: AssetKey) -> Upstream | None:
    timeline = asked.project.assets[key].timeline
    if timeline is None:
        return None
    step = asked.running.get(key)
    return Upstream(timeline, asked.facts.built.get(key, EMPTY), windows(step.partitions) if step else ())


def partition_reasons(asked: PlanRequest, asset: Asset, found: Sequence[Pending]) -> list[Reason]:
    """One reason for each word that says why, with the number of its partitions and their range; and one for each input
    that this plan writes, if its rows may touch partitions that are built already.
    """
    by_why: dict[str, list[Pending]] = {}
    for each in found:
        by_why.setdefault(each.why, []).append(each)
    otherwise = is_partitioned_otherwise(asked, asset) and bool(found)
    rebuild = [Reason(Cause.REBUILD, after="its table was not partitioned so")] if otherwise else []
    return [
        *rebuild,
        *(Reason(Cause.PARTITIONS, after=_said(why, some)) for why, some in by_why.items()),
        *_running_inputs(asked, asset, found),
    ]


def _said(why: str, some: Sequence[Pending]) -> str:
    partial = [each.name for each in some if each.partial]
    known = f"; {', '.join(partial)} partial" if partial and len(some) > 1 else ", partial" if partial else ""
    return f"{counted(len(some), 'partition')} {why} ({spelled_range([each.name for each in some])}{known})"


def _running_inputs(asked: PlanRequest, asset: Asset, found: Sequence[Pending]) -> Iterator[Reason]:
    if not asked.facts.built.get(asset.key, EMPTY).keys() - {each.name for each in found} or _span(asked, asset):
        return
    for upstream in sorted(asset.upstreams):
        step = asked.running.get(upstream)
        if step is None or step.action is not Action.WRITE or upstream in asked.facts.broken:
            continue
        told_by_rows = upstream in asked.facts.by_rows.get(asset.key, frozenset())
        known = asked.project.assets[upstream].timeline is not None and not told_by_rows
        if not known or any(reason.cause is Cause.UPSTREAM_RUNS for reason in step.reasons):
            yield Reason(Cause.UPSTREAM_RUNS, upstream=upstream)
