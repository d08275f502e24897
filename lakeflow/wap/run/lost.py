"""A table that was published and that the catalog does not hold any more is not begun anew behind anybody's back."""

from __future__ import annotations

from collections.abc import Iterator

from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import VerdictRecord
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.planning import Plan
from lakeflow.core.view.consistency import published_last
from lakeflow.wap.ports import World


def refuse_lost(world: World, facts: Facts, plan: Plan) -> None:
    """LakeError names a table that another program dropped, or whose row the catalog lost: what was appended to it,
    and the versions of its rows, come back from its folder alone.
    """
    for key, last in _lost(world, [step.asset for step in plan.steps], facts):
        raise LakeError(
            f"{key}: run {last.run} published it, and the catalog has no such table any more",
            hint=f"`lakeflow adopt {key} --from FOLDER` takes it back as its folder in the warehouse holds it; "
            f"`lakeflow materialize --force {key}` begins it anew, without its history",
            asset=key,
        )


def _lost(world: World, keys: list[AssetKey], facts: Facts) -> Iterator[tuple[AssetKey, VerdictRecord]]:
    absent = [key for key in keys if key not in facts.tables and key not in facts.broken]
    if not absent:
        return
    ruled = world.ledger.verdicts(absent)
    # In an environment some are of runs on main, which its ledger does not list; what those took back they ruled on.
    states = world.ledger.states() if any(ruled.values()) else {}
    for key, verdicts in sorted(ruled.items()):
        if last := published_last(verdicts, states):
            yield key, last
