"""Rows that come late for partitions in time: told by the snapshots that each of these was built from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.table import Table
from lakeflow.core.plan.facts import moved, published
from lakeflow.core.plan.partitions import Built, spelled_range
from lakeflow.core.plan.reasons import Cause, Reason, short_id
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from lakeflow.core.plan.planning import PlanRequest


def having_read(built: Mapping[str, Built], by: str, read: Mapping[str, int]) -> Mapping[str, Built]:
    """The set with what the write `by` read of inputs that have no partitions."""
    return {name: replace(each, read=read) if each.by == by else each for name, each in built.items()}


def built_before(built: Mapping[str, Built], table: Table, since: int | None) -> Mapping[str, int]:
    """The partitions that were built from other rows of an input than are published, each with the snapshot that it
    read; `since` where a set of before does not tell it.
    """
    read = {name: each.read.get(str(table.key), since) for name, each in built.items()}
    stale = {id_ for id_ in set(read.values()) if id_ is not None and moved(table, id_)}
    return {name: id_ for name, id_ in read.items() if id_ is not None and id_ in stale}


def late_warnings(asked: PlanRequest) -> Iterator[str]:
    """Warnings of rows that came late for a partition that is fresh, so that no plan builds it again."""
    for key in asked.selected:
        asset = asked.project.assets[key]
        if asset.timeline is None or key in asked.running:
            continue
        for upstream in sorted(asset.upstreams):
            table = asked.facts.tables.get(upstream)
            if asked.project.assets[upstream].timeline is None and table is not None:
                yield from _of_input(asked, key, table)


def _of_input(asked: PlanRequest, key: AssetKey, table: Table) -> Iterator[str]:
    stands = published(asked.facts.tables.get(key), asked.facts.verdicts.get(key, ()))
    built = asked.facts.built.get(key, EMPTY)
    before = built_before(built, table, stands.inputs.get(str(table.key)) if stands else None)
    for since in sorted(set(before.values())):
        if not (shift := moved(table, since)):
            continue
        names = sorted(name for name, id_ in before.items() if id_ == since)
        came = Reason(Cause.INPUT_MOVED, table.key, short_id(since), short_id(shift[0].id), shift[1])
        yield f"{key}: {came}, {_again(key, names, of_all=len(names) == len(built))}"


def _again(key: AssetKey, names: list[str], *, of_all: bool) -> str:
    if of_all:
        return f"and none of its partitions is due; `lakeflow backfill {key}` builds them again"
    span = f"--from {names[0]} --to {names[-1]}"
    which = f"{counted(len(names), 'partition')} ({spelled_range(names)})"
    return f"and {which} built before; `lakeflow backfill {key} {span}` builds again"
