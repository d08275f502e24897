"""When each step of a run wrote, audited and published: read from the run's log, as bars beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord, StepRecord
from lakeflow.core.values import dataclass

_PHASES: Final = {"writing": "write", "auditing": "audit", "publishing": "publish"}


@dataclass(frozen=True)
class Span:
    """One phase of a step: `write`, `audit`, `publish` or `work` where no log tells more. Places are shares of the run
    from 0 to 1.
    """

    phase: str
    start: float
    width: float
    seconds: float


@dataclass(frozen=True)
class Track:
    """A step with its spans, in the order in which they were."""

    step: StepRecord
    spans: tuple[Span, ...]


@dataclass
class _Told:
    """When a step began each phase, and when its last word was."""

    begun: list[tuple[str, datetime]] = field(default_factory=list)
    last: datetime | None = None


def timeline(run: RunRecord, log: Iterable[str], now: datetime) -> tuple[Track, ...]:
    """A track for each step. Without a log each has one bar, of the time that it took."""
    told = _told(log)
    first = min(
        [run.started_at, *(begun[0][1] for one in told.values() if (begun := one.begun))], default=run.started_at
    )
    start = first if run.attempt == 1 else _of_last_attempt(told, run)
    end = run.ended_at or now
    whole = max((end - start).total_seconds(), 0.001)

    def place(one: datetime, other: datetime, phase: str) -> Span:
        at, seconds = (one - start).total_seconds(), (other - one).total_seconds()
        left = min(max(at / whole, 0.0), 1.0)
        return Span(phase, left, min(max(seconds / whole, 0.0), 1.0 - left), max(seconds, 0.0))

    return tuple(
        Track(step, tuple(place(*each) for each in _spans(step, told.get(str(step.asset)), end))) for step in run.steps
    )


def _told(log: Iterable[str]) -> Mapping[str, _Told]:
    found: dict[str, _Told] = {}
    for line in log:
        words = line.split(" ", 3)
        at = _time(words[0])
        if at is None or len(words) < 3 or AssetKey.find(words[1]) is None:
            continue
        one = found.setdefault(words[1], _Told())
        one.last = at
        if phase := _PHASES.get(words[2]):
            if phase == "write":
                one.begun.clear()  # another attempt
            one.begun.append((phase, at))
    return found


def _spans(step: StepRecord, told: _Told | None, end: datetime) -> list[tuple[datetime, datetime, str]]:
    if told and told.begun:
        last = told.last if step.state is not None and told.last else end
        ends = [*(at for _, at in told.begun[1:]), last]
        return [(at, until, phase) for (phase, at), until in zip(told.begun, ends, strict=True)]
    if step.ended_at is None or not step.seconds:
        return []
    return [(step.ended_at - timedelta(seconds=step.seconds), step.ended_at, "work")]


def _of_last_attempt(told: Mapping[str, _Told], run: RunRecord) -> datetime:
    """When the last attempt began to work; what earlier ones did is not drawn."""
    mine = {str(step.asset) for step in run.steps if step.attempt == run.attempt}
    return min((one.begun[0][1] for name, one in told.items() if name in mine and one.begun), default=run.started_at)


def _time(word: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(word)
    except ValueError:
        return None
    return found if found.tzinfo else None
