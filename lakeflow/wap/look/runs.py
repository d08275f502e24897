"""Read-only: shows runs whose process died as abandoned, without recording it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import GIVEN_UP, RunRecord, RunState, branch_of
from lakeflow.core.run.leases import died
from lakeflow.core.view.history import BRANCH_PREFIX, open_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakeflow.core.keys import AssetKey
    from lakeflow.core.model.table import Table
    from lakeflow.core.ports.ledger import Ledger

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


def _waits(ledger: Ledger, run: str, key: AssetKey) -> bool:
    """Does that very run wait for a decision about the asset? A branch of an unknown run waits for nobody."""
    try:
        (found,) = runs(ledger, lambda: (ledger.run(run),))
    except UsageError:
        return False
    step = found.step(key)
    given_up = step is not None and step.state in GIVEN_UP
    return found.id == run and found.state is not RunState.RUNNING and not given_up


def waiting_in(ledger: Ledger, table: Table) -> tuple[str, ...]:
    """The runs that have a branch in this table which waits for a decision."""
    return tuple(name for name in open_runs(table) if _waits(ledger, name, table.key))


def with_waiting_branches(ledger: Ledger, table: Table) -> Table:
    """The table without branches that nobody decides about any more: what `held` may mean."""
    kept = {branch_of(name) for name in waiting_in(ledger, table)}
    refs = {ref: head for ref, head in table.refs.items() if not ref.startswith(BRANCH_PREFIX) or ref in kept}
    return replace(table, refs=refs)
