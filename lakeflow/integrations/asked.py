"""A run as an orchestrator asks for it: some assets, once, and what came of each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord, StepRecord, branch_of
from lakeflow.core.plan.planning import Held, Plan
from lakeflow.core.run.events import Planned, StepEnded
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from lakeflow.core.run.backfill import BackfillEvent
    from lakeflow.core.time.timeline import Window
    from lakeflow.lake.lake import Lake

WAIT: Final = 600.0
"""So many seconds another run's lease is waited for, where nobody says otherwise."""


@dataclass(frozen=True)
class Came:
    """What came of one asset that was asked for. `good`: readers see what its code, checks and inputs give now.

    `step` is what the run did with it, None where there was nothing to do or a run holds it already; `why` and `hint`
    say what keeps it from readers, and what to type.
    """

    asset: AssetKey
    good: bool
    run: str = ""
    step: StepRecord | None = None
    why: str = ""
    hint: str = ""

    @property
    def wrote(self) -> bool:
        """Did this very run bring it to readers?"""
        return self.good and self.step is not None

    @property
    def branch(self) -> str:
        """Where the rows wait that readers do not see."""
        return "" if self.good or not self.run else branch_of(self.run)


@dataclass(frozen=True)
class AskedRun:
    """What to materialize, for whom. `actor` names the orchestrator's own run: what that has published is not made
    again, however often it asks. `window` is the span of the partitions in time to build; None: what is due.
    """

    assets: tuple[AssetKey, ...]
    actor: str
    window: Window | None = None
    wait: float = WAIT
    told: Callable[[str], None] = field(default=lambda _: None)


def carry_out(lake: Lake, work: AskedRun) -> tuple[Came, ...]:
    """Write, audit and publish, and say of each asset what came of it, upstreams first.

    Whatever `Lake.materialize` raises: these errors are about all of them.
    """
    mine = replace(lake, actor=work.actor)
    with mine:
        runs = [run for run in mine.runs(_MANY) if run.actor == work.actor]
        # Whoever was killed between the publish and its record of it asks again.
        done = {key: run for key in work.assets if (run := _published_by(runs, mine, key, work.window))}
        left = [str(key) for key in work.assets if key not in done]
        plans: list[Plan] = []
        run = _run(mine, left, work, partial(_hear, plans, work.told)) if left else None
        return tuple(
            Came(key, good=True, run=done[key].id, step=done[key].step(key)) if key in done else _came(key, run, plans)
            for key in mine.project.assets
            if key in work.assets
        )


def _run(lake: Lake, left: list[str], work: AskedRun, watch: Callable[[BackfillEvent], None]) -> RunRecord | None:
    """All partitions of a window are written by one run, and published together."""
    if work.window is None:
        return lake.materialize(*left, wait=work.wait, observer=watch)
    span = (work.window.start.isoformat(), work.window.end.isoformat())
    return lake.backfill(*left, between=span, size=_ALL, wait=work.wait, observer=watch).windows[0].run


def _published_by(runs: list[RunRecord], lake: Lake, key: AssetKey, window: Window | None) -> RunRecord | None:
    """The run by which the same asker has brought the asset, or all of its partitions in the window, to readers."""
    timeline = lake.project.assets[key].timeline
    wanted = set[str]()
    if window is not None and timeline is not None:
        wanted = {name for name, each in timeline.touched(window) if window.begins(each)}
    steps = ((run, run.step(key)) for run in runs)
    return next((run for run, step in steps if step and step.done and wanted <= set(step.partitions)), None)


_ALL: Final = 1_000_000
_MANY: Final = 200


def _hear(plans: list[Plan], told: Callable[[str], None], event: BackfillEvent) -> None:
    if isinstance(event, Planned):
        plans.append(event.plan)
        told(event.plan.headline)
    if isinstance(event, StepEnded) and event.step.state is not None:
        step = event.step
        rows = "" if step.rows is None else f", {counted(step.rows, 'row')}"
        told(f"{step.asset} {step.state}{rows}{f': {step.reason}' if step.reason else ''}")


def _came(key: AssetKey, run: RunRecord | None, plans: Iterable[Plan]) -> Came:
    step = run.step(key) if run else None
    if run is not None and step is not None:
        if step.done:
            return Came(key, good=True, run=run.id, step=step)
        why = step.reason or ", ".join(check.name for check in step.checks if check.holds)
        return Came(key, good=False, run=run.id, step=step, why=why or f"it is {step.state}", hint=_hint(run.id))
    held: Mapping[AssetKey, Held] = {one.asset: one for plan in plans for one in plan.held}
    if key in held:
        return Came(key, good=False, run=held[key].run, why=held[key].why, hint=_hint(held[key].run))
    return Came(key, good=True)


def _hint(run: str) -> str:
    return f"`lakeflow runs {run}` shows it; mend it, then `lakeflow retry {run}`, or `lakeflow discard {run}`"
