"""The beginning of a run: what is planned decides whether there is one at all. Where there is nothing to do, no code is
imported that does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakeflow.core.run.events import Planned
from lakeflow.wap.run import plan as plans
from lakeflow.wap.run.plan import Request

if TYPE_CHECKING:
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.model.run import RunRecord
    from lakeflow.wap.attempt import Observer
    from lakeflow.wap.ports import World


def materialize(world: World, request: Request, observer: Observer) -> RunRecord | None:
    """Write, audit, decide, publish. None when there is nothing to do."""
    # Planned without leases first: where there is nothing to do, nobody has to wait for anybody.
    first = plans.plan(world, request)
    if not first.steps:
        observer(Planned(first))
        return None
    from lakeflow.wap.run.materialize import carry_out_planned  # noqa: PLC0415 - as said above

    return carry_out_planned(world, request, first, observer)


def readmit(world: World, key: AssetKey, wait: float, observer: Observer) -> RunRecord | None:
    """A run that writes an asset from its own quarantine. None when no row waits there."""
    return materialize(world, Request((key,), (str(key),), wait=wait, readmits=True), observer)
