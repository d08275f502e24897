"""What of a lake needs somebody: runs that wait for a decision first, then what is late, broken, or piles up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lakeflow.core.glance.row import standing
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.quarantine import owner_of, quarantine_key
from lakeflow.core.model.run import CheckResult, RunRecord, StepRecord, StepState, waiting
from lakeflow.core.serve.view import Outlook
from lakeflow.core.values import dataclass
from lakeflow.core.view.rows import AssetState, AssetStatus, Health
from lakeflow.core.wording import counted

_BAD: Final = frozenset({Outcome.FAILED, Outcome.ERRORED})


@dataclass(frozen=True)
class OpenStep:
    """A step that did not reach readers. `status` is what they see meanwhile, None where no file defines the asset any
    more.
    """

    run: RunRecord
    step: StepRecord
    status: AssetStatus | None

    @property
    def bad(self) -> tuple[CheckResult, ...]:
        """The checks that did not pass, those that hold it first."""
        found = [check for check in self.step.checks if check.outcome in _BAD]
        return tuple(sorted(found, key=lambda check: not check.holds))


@dataclass(frozen=True)
class Notice:
    """Something about one asset that is not well and that no run waits with; `command` is what to type."""

    asset: AssetKey
    word: str
    look: str
    text: str
    command: tuple[str, ...]


def decisions(outlook: Outlook) -> tuple[OpenStep, ...]:
    """Every step that somebody has to decide about, of the newest run first."""
    return tuple(one for run in waiting(outlook.runs) for one in of_run(run, outlook))


def of_run(run: RunRecord, outlook: Outlook) -> tuple[OpenStep, ...]:
    """The steps of a run that did not reach readers, without those that only wait for another of them."""
    open_steps = [step for step in run.steps if step.open and step.state is not StepState.SKIPPED]
    return tuple(OpenStep(run, step, outlook.statuses.get(step.asset)) for step in open_steps)


def below(project: Project, key: AssetKey) -> tuple[AssetKey, ...]:
    """All that is made from an asset, whatever is between, in the project's order."""
    found: set[AssetKey] = set()
    for each, asset in project.assets.items():  # upstreams first
        if key in asset.upstreams or not found.isdisjoint(asset.upstreams):
            found.add(each)
    return tuple(each for each in project.assets if each in found and owner_of(each) is None)


def notices(outlook: Outlook, waits: Sequence[OpenStep]) -> Iterator[Notice]:
    """What is late, cannot be read or failed an audit, and waits for no decision; then what piles up in quarantines."""
    decided = {one.step.asset for one in waits}
    for key, status in outlook.statuses.items():
        if status.health is Health.DEGRADED and key not in decided:
            word, look = standing(status)
            yield Notice(key, word, look, status.symptoms[0].text, _way_out(status))
    for key, status in outlook.statuses.items():
        if status.quarantined:
            text = f"{counted(status.quarantined, 'row')} of {key} {_grows(outlook, key)} quarantine"
            yield Notice(key, "quarantine", "warn", text, ("quarantine", "show", str(key)))


def _way_out(status: AssetStatus) -> tuple[str, ...]:
    if status.state is AssetState.BROKEN:
        return ("doctor",)
    if status.state is AssetState.FRESH:
        return ("status", str(status.asset))
    return ("materialize", f"+{status.asset}")


def _grows(outlook: Outlook, key: AssetKey) -> str:
    """Did the last publish refuse rows, too?"""
    table = outlook.facts.tables.get(quarantine_key(key))
    head = table.published if table else None
    return "came into" if head and head.added_rows and _is_last(outlook, key, head.summary) else "wait in"


def _is_last(outlook: Outlook, key: AssetKey, summary: object) -> bool:
    """Was it written by the run that published the asset last?"""
    table = outlook.facts.tables.get(key)
    head = table.published if table else None
    run = head.summary.get("lakeflow.run") if head else None
    return isinstance(summary, dict) and run is not None and summary.get("lakeflow.run") == run
