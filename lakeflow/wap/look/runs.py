"""Runs as they are, for readers: who looks repairs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lakeflow.core.model.run import RunRecord, RunState
from lakeflow.core.ports import Ledger
from lakeflow.core.run.leases import died

_DIED: Final = "its process died"


def runs(ledger: Ledger, read: Callable[[], tuple[RunRecord, ...]]) -> tuple[RunRecord, ...]:
    """What `read` finds; a run whose process died is abandoned, whether or not a writer has recorded that yet.

    Leases are looked at between two reads: what runs before and after had one, if it lives.
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
