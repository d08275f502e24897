"""Decides which assets are late, by the clock at the moment when somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project, downstreams
from lakeflow.core.model.run import Ruling
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.verdicts import ruled
from lakeflow.core.time.freshness import Freshness
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Newest:
    """The newest value of an asset's `fresh_column`, in UTC, without values in the future; None: it has none.

    `fault` says why the column could not be read: the table is `unreadable`, or the column is missing or tells no time.
    """

    at: datetime | None = None
    fault: str = ""
    unreadable: bool = False


@dataclass(frozen=True)
class Deadline:
    """One demand on an asset's freshness, and how it stands.

    `declared_by` is the asset that makes the demand: the asset itself, or one made from it. `seen` is its last publish
    or, with `column`, the newest value of that column. `due` is the time until which that is fresh; None where nothing
    was seen. `fault` and `unreadable` are those of the newest value.
    """

    freshness: Freshness
    declared_by: AssetKey
    seen: datetime | None = None
    due: datetime | None = None
    late: bool = False
    fault: str = ""
    unreadable: bool = False


Demands: TypeAlias = tuple[tuple[AssetKey, Freshness], ...]


def demands(project: Project) -> Mapping[AssetKey, Demands]:
    """What each asset must meet: its own declaration, otherwise all demands of what is made from it.

    An inherited demand is about publishes: a column of a downstream asset says nothing about its upstreams.
    """
    below = downstreams({key: asset.upstreams for key, asset in project.assets.items()})
    found: dict[AssetKey, Demands] = {}
    # Assets come upstreams first: in reverse order, what is below an asset is known before it.
    for key in reversed(tuple(project.assets)):
        own = project.assets[key].freshness
        if own is not None:
            found[key] = () if own.is_off else ((key, own),)
        else:
            found[key] = tuple(dict.fromkeys(each for child in sorted(below[key]) for each in found[child]))
    return found


def deadlines(
    project: Project, facts: Facts, newest: Mapping[AssetKey, Newest]
) -> Mapping[AssetKey, tuple[Deadline, ...]]:
    """How each asset that readers see stands to its demands; an asset that was never published has none."""
    shown = {key: table.published for key, table in facts.tables.items() if table.published}
    return {
        key: tuple(_judged(key, by, freshness, facts, newest) for by, freshness in asked)
        for key, asked in demands(project).items()
        if asked and key in shown
    }


def columns_asked(project: Project) -> Mapping[AssetKey, str]:
    """The column that tells each asset's freshness, where a column tells it."""
    return {key: said.column for key, asset in project.assets.items() if (said := asset.freshness) and said.column}


def _judged(
    key: AssetKey, by: AssetKey, freshness: Freshness, facts: Facts, newest: Mapping[AssetKey, Newest]
) -> Deadline:
    if not freshness.column or by != key:
        return _against(Deadline(freshness, by, confirmed(key, facts)), facts.now)
    found = newest.get(key, Newest(fault="it was not looked at"))
    if found.fault:
        return Deadline(freshness, by, fault=found.fault, unreadable=found.unreadable)
    return _against(Deadline(freshness, by, found.at), facts.now)


def _against(deadline: Deadline, now: datetime) -> Deadline:
    if deadline.seen is None:
        return Deadline(deadline.freshness, deadline.declared_by, late=True)
    due = deadline.freshness.due(deadline.seen)
    return Deadline(deadline.freshness, deadline.declared_by, deadline.seen, due, late=now > due)


def confirmed(key: AssetKey, facts: Facts) -> datetime | None:
    """When the rows that readers see were written, or were last written again and found equal.

    Neither a new audit nor a compaction makes rows newer. A clock that ran ahead does not make them fresh either.
    """
    same = facts.tables[key].same_rows
    if not same:
        return None
    ids = {snapshot.id for snapshot in same}
    again = (one.at for one in ruled(facts.verdicts.get(key, ()), {Ruling.UNCHANGED}, ids) if one.at <= facts.now)
    return max((min(same[-1].committed_at, facts.now), *again))
