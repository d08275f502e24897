"""One moment of the whole lake: which snapshot each table is read at, so that a question never mixes times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from lakeflow.core.errors import UsageError
from lakeflow.core.log.moments import moment_meant
from lakeflow.core.model.run import RunRecord, StepState
from lakeflow.core.model.table import MAIN, Table
from lakeflow.core.values import dataclass
from lakeflow.core.view.history import BRANCH_PREFIX, HELD, seen_at


@dataclass(frozen=True)
class Instant:
    """What readers of main saw at `moment` (None: now), once version `number` was there where one is named; under a
    run's branch `ref` where a table has it, or what a tag `ref` keeps.
    """

    moment: datetime | None = None
    ref: str = MAIN
    number: int | None = None

    def snapshot(self, table: Table) -> int | None:
        """None where main, or the tag, has none. UsageError when the table was not published then, or that state has
        expired.
        """
        if self.ref in table.refs and self.ref != MAIN:
            return table.refs[self.ref]
        if self.ref != MAIN and not self.ref.startswith(BRANCH_PREFIX):
            return None
        return table.main if self.moment is None else seen_at(table, self.moment, self.number)


def with_ref(ref: str, tables: Iterable[Table]) -> Instant:
    """Main, and over it the tables that have this branch; or what a tag keeps.

    `held` is the branch of the newest run that waits. UsageError when no table has it.
    """
    if ref == MAIN:
        return Instant()
    tables = tuple(tables)
    if ref == HELD:
        heads = [(table.snapshots[head].committed_at, name) for table in tables for name, head in _branches(table)]
        if not heads:
            raise UsageError("nothing is held", hint="leave the ref out to read what readers see")
        return Instant(ref=max(heads)[1])
    if not any(ref in table.refs for table in tables):
        raise UsageError(f"no table has a ref {ref!r}", hint="`lakeflow snapshots ASSET` lists those of an asset")
    return Instant(ref=ref)


def is_tag(name: str, tables: Iterable[Table]) -> bool:
    """Does a tag keep snapshots under that name?"""
    return name != MAIN and not name.startswith(BRANCH_PREFIX) and any(name in table.refs for table in tables)


def after(run: RunRecord, tables: Iterable[Table]) -> Instant:
    """What readers saw once that run had published. UsageError when it published nothing, or that state has expired."""
    wrote = {step.asset: step.snapshot_id for step in run.steps if step.state is StepState.PUBLISHED}
    if not wrote:
        raise UsageError(f"run {run.id} published nothing", hint="`lakeflow runs` lists the runs")
    # All tables of a publish say the same time, so any of them tells the moment.
    times = [at for table in tables for at, snapshot in table.log if snapshot == wrote.get(table.key)]
    if not times:
        raise UsageError(f"what run {run.id} published has expired", hint="`lakeflow runs` lists later runs")
    return Instant(min(times))


def named(said: str, tables: Iterable[Table]) -> Instant:
    """What readers saw once there was what is named: a version (`v12`), a snapshot (`s4411…`), what a run published, or
    what a tag names, of which this is the very state. The tables alone tell it. UsageError when it is none of them, or
    several.
    """
    tables = tuple(tables)
    meant = moment_meant(said, tables)
    return with_ref(said, tables) if is_tag(said, tables) else Instant(meant.at, number=meant.number)


def _branches(table: Table) -> list[tuple[str, int]]:
    return [(name, head) for name, head in table.refs.items() if name.startswith(BRANCH_PREFIX)]
