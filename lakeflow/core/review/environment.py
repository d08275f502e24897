"""What an environment makes of the lake, for somebody who reviews the change that it was built for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Final

from lakeflow.core.compare.comparison import Comparison
from lakeflow.core.environments.standing import EnvironmentStanding
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import RunRecord, StepRecord, StepState
from lakeflow.core.review.change import Changes
from lakeflow.core.review.review import FailedAudit
from lakeflow.core.values import dataclass

_THROUGH: Final = frozenset({StepState.PUBLISHED, StepState.UNCHANGED, StepState.AUDITED})
_BAD: Final = frozenset({Outcome.FAILED, Outcome.ERRORED})


@dataclass(frozen=True)
class LastStep:
    """What the last run of the environment that had an asset did with it. `rows_read` counts the rows of what it read,
    None where that is not known any more.
    """

    asset: AssetKey
    run: str
    step: StepRecord
    rows_read: int | None

    @property
    def came_through(self) -> bool:
        return self.step.state in _THROUGH


@dataclass(frozen=True)
class EnvironmentReview:
    """How an environment stands, how what it built or holds differs from what it was built on, what its last steps
    came to, which of their checks failed, and what the project's files change against main.
    """

    standing: EnvironmentStanding
    compared: tuple[Comparison, ...] = ()
    steps: tuple[LastStep, ...] = ()
    failed: tuple[FailedAudit, ...] = ()
    changes: Changes = field(default_factory=Changes)


def last_steps(newest_first: Iterable[RunRecord], rows_of: Callable[[str, int], int | None]) -> tuple[LastStep, ...]:
    """The last step of each asset, by name. `rows_of` tells the rows of a snapshot of a table."""
    found: dict[AssetKey, LastStep] = {}
    for run in newest_first:
        for step in run.steps:
            if step.asset not in found:
                read = [rows_of(name, id_) for name, id_ in step.inputs.items()]
                known = [each for each in read if each is not None]
                total = sum(known) if len(known) == len(read) else None
                found[step.asset] = LastStep(step.asset, run.id, step, total)
    return tuple(found[key] for key in sorted(found))


def failed_checks(steps: Iterable[LastStep]) -> tuple[FailedAudit, ...]:
    """The checks of these steps that did not pass, those that only warn among them."""
    found = []
    for one in steps:
        bad = tuple(check for check in one.step.checks if check.outcome in _BAD)
        if bad:
            found.append(FailedAudit(one.asset, one.run, bad, one.step.state is StepState.HELD))
    return tuple(found)
