"""How an environment differs from main as it was built on."""

from __future__ import annotations

from datetime import timedelta

from lakeflow.core.compare.comparison import Comparison
from lakeflow.core.environments.environment import ref_of
from lakeflow.wap.environments.look import environment
from lakeflow.wap.look.diff import Shown, diff_ref
from lakeflow.wap.ports import World


def diff_environment(world: World, name: str, shown: Shown) -> tuple[Comparison, ...]:
    """One for each table that it has a state of. UsageError where there is no environment of that name."""
    found = environment(world, name, timedelta())
    known = (each for each in found.built if each.asset in world.project.assets)
    return tuple(diff_ref(world, each.asset, each.base, ref_of(name), shown) for each in known)
