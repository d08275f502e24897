"""Which moment of the lake a person names: the tables tell it, and of runs that they do not know the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.log.moments import SNAPSHOT, VERSION
from lakeflow.core.model.run import RunRecord
from lakeflow.core.model.table import Table
from lakeflow.core.time.moments import StillToComeError, moment
from lakeflow.core.view.instant import Instant, after, is_tag, named
from lakeflow.wap.ports import World


def instant_named(world: World, said: str, tables: Iterable[Table]) -> Instant:
    """What readers saw at a time, once a version, a snapshot or what a run published was there, or as a tag keeps it.
    UsageError when nothing of that name is known, or more than one thing, and for a time that is still to come.
    """
    tables = tuple(tables)
    if (then := time_said(world, said)) is not None:
        return Instant(then)
    run = None if _names_no_run(said, tables) else _run(world, said)
    try:
        return named(run.id if run else said, tables)
    except UsageError:
        if run is None:
            raise
    return after(run, tables)


def time_said(world: World, said: str) -> datetime | None:
    """The time, if it is one that people type: `7d`, `2026-01-31`. UsageError for one that is still to come."""
    try:
        return moment(said, world.clock())
    except StillToComeError as error:
        raise UsageError(str(error), hint="leave it out to ask what readers see now") from None
    except ValueError:
        return None


def _names_no_run(said: str, tables: Iterable[Table]) -> bool:
    return bool(is_tag(said, tables) or VERSION.fullmatch(said) or SNAPSHOT.fullmatch(said))


def _run(world: World, said: str) -> RunRecord | None:
    """The run, so that one that published nothing is told as such. None where the ledger's tables are gone."""
    try:
        return world.ledger.run(said)
    except LakeError:
        return None
