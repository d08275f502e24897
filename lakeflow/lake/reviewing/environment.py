"""An environment with what its runs came to, what its checks found, and what the files change against main."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from lakeflow import wap
from lakeflow.core.environments.environment import ref_of
from lakeflow.core.review.environment import EnvironmentReview, failed_checks, last_steps
from lakeflow.core.view.consistency import not_defined, undefined
from lakeflow.lake.reviewing.against import against
from lakeflow.wap.environments.diff import diff_environment
from lakeflow.wap.environments.look import environment

if TYPE_CHECKING:
    from lakeflow.core.compare.comparison import Comparison
    from lakeflow.core.environments.standing import EnvironmentStanding
    from lakeflow.core.review.change import Changes

_MANY_RUNS: Final = 200


def reviewed_environment(world: wap.World, name: str, keep: timedelta, shown: wap.Shown) -> EnvironmentReview:
    """`world` is that of main. UsageError where there is no environment of that name."""
    standing = environment(world, name, keep)
    tables = world.catalog.look(world.catalog.keys()).tables
    rows = {str(key): {id_: each.rows for id_, each in table.snapshots.items()} for key, table in tables.items()}
    with _entered(world, name) as there:
        runs = wap.runs(there.ledger, lambda: there.ledger.runs(_MANY_RUNS))
        held = tuple(_held(there, standing, shown))
    steps = last_steps(runs, lambda table, id_: rows.get(table, {}).get(id_))
    compared = (*diff_environment(world, name, shown), *held)
    return EnvironmentReview(standing, compared, steps, failed_checks(steps), _changes(world))


@contextmanager
def _entered(world: wap.World, name: str) -> Iterator[wap.World]:
    """The world of the environment, with an engine of its own; the database stays the lake's."""
    there = replace(world.within(name), release=lambda: None)
    try:
        yield there
    finally:
        there.close()


def _held(there: wap.World, standing: EnvironmentStanding, shown: wap.Shown) -> Iterator[Comparison]:
    """How what is held differs from what readers of the environment see; what never was there has nothing beside it.
    The environment's main has its own name here.
    """
    known = [key for key in standing.held if key in there.project.assets]
    for key, table in sorted(there.catalog.load(known).items()):
        if table.main is not None:
            found = wap.diff(there, key, "main..held", shown)
            yield replace(found, before=replace(found.before, called=ref_of(standing.name)))


def _changes(world: wap.World) -> Changes:
    catalog = world.catalog
    gone = undefined(catalog.look(not_defined(catalog.keys(), world.project)))
    facts = wap.gather(world, world.project.assets)
    return against(world.project, facts, world.ledger, [each.key for each in gone], ())
