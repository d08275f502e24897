"""Read-only: shows runs whose process died as abandoned, without recording it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lakeflow.core.model.run import RunRecord, RunState
from lakeflow.core.ports import Ledger
from lakeflow.core.run.leases import died

_DIED: Final = "its process died"


def runs(ledger: Ledger, read: Callable[[], tuple[RunRecord, ...]]) -> tuple[RunRecord, ...]:
    """What `read` finds, with dead runs shown as abandoned, whether or not a writer has recorded that yet.

    The leases are read between two reads of the runs: a run that is running in both of them held a lease in between, if
    it lives.
    """
    found = read()
    before = {run.id for run in found if run.state is RunState.RUNNING}
    if not before:
        return found
    standing = ledger.standing()
    return tuple(
        replace(run, state=RunState.ABANDONED, reason=_DIED) if run.id in before and died(run, standing) else run
        for run in read()
    )
