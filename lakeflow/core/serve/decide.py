"""The decision of `serve`: what to run now, what was missed, and when to look again. Pure: the clock is an argument."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.plan.reasons import Cause, Reason
from lakeflow.core.serve.alarms import NO_ALARMS, Alarm, Alarms
from lakeflow.core.serve.view import BrokenRun, ServedAsset, ServedLake
from lakeflow.core.time.quiet import Quiet
from lakeflow.core.time.refresh import Refresh
from lakeflow.core.values import dataclass
from lakeflow.core.view.freshness import Deadline

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
_DOUBLINGS: Final = 6
_SETTLES: Final = timedelta(seconds=2)
_JUST_AFTER: Final = timedelta(seconds=1)
_NO_CHANGE: Final = frozenset({Cause.NO_FINGERPRINT, Cause.REFERENCE_RUNS})
"""Reasons that are there at every look; a change is none of them."""


@dataclass(frozen=True)
class Memory:
    """What one decision leaves to the next; never more than a few entries for each asset.

    `missed` are the assets whose deadline was told as missed. `mended` says that the project's
    files changed since the decision before.
    """

    alarms: Alarms = NO_ALARMS
    missed: frozenset[AssetKey] = frozenset()
    mended: bool = False


@dataclass(frozen=True)
class Decision:
    """What to do now: one run of these assets, and the next attempt of these runs.

    `missed` are assets whose deadline has passed since the last decision, `recovered` those that are fresh again.
    `wake` is when the clock changes the answer; None: only a change of the lake does. `quiet_until` is the end of the
    quiet hours in which `now` lies.
    """

    materialize: tuple[AssetKey, ...] = ()
    retries: tuple[str, ...] = ()
    missed: tuple[AssetKey, ...] = ()
    recovered: tuple[AssetKey, ...] = ()
    wake: datetime | None = None
    quiet_until: datetime | None = None
    memory: Memory = field(default_factory=Memory)


def decide(lake: ServedLake, memory: Memory, quiet: Quiet | None, now: datetime) -> Decision:
    """What a lake that is kept as declared needs at this moment.

    1. An asset runs when its time has come and its plan has a step, or, where it follows changes, when something
       changed. An asset whose deadline draws near runs too, though nothing says that its source changed.
    2. What broke is tried again, as the same run, after a pause that doubles up to an hour; at once where the project
       was mended.
    3. In quiet hours only that runs which was asked for at a time of the clock, or which would miss a deadline before
       their end.
    """
    asked = _Deciding(lake, memory, now, quiet.until(now) if quiet else None)
    for asset in lake.assets.values():  # upstreams first: what runs is a reason for those behind it
        _consider(asked, asset)
    late = frozenset(key for key, asset in lake.assets.items() if any(one.late for one in asset.deadlines))
    return Decision(
        tuple(asked.chosen),
        tuple(asked.retries),
        tuple(sorted(late - memory.missed)),
        tuple(sorted(memory.missed - late)),
        min((moment for moment in _moments(asked) if moment > now), default=None),
        asked.quiet_until,
        replace(memory, alarms=Alarms(asked.alarms, now), missed=late, mended=False),
    )


def pause_after(attempt: int) -> timedelta:
    """How long to wait after so many attempts of a run: a minute, then always twice as long, at most an hour."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(attempt - 1, _DOUBLINGS)))


@dataclass
class _Deciding:
    """One decision in the making."""

    lake: ServedLake
    memory: Memory
    now: datetime
    quiet_until: datetime | None
    chosen: dict[AssetKey, None] = field(default_factory=dict)
    retries: dict[str, None] = field(default_factory=dict)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    wakes: list[datetime] = field(default_factory=list)


def _consider(asked: _Deciding, asset: ServedAsset) -> None:
    due = [refresh for refresh in asset.refreshes if _is_due(asked, asset, refresh)]
    if not asset.refreshes or asset.at_work:
        return
    if asset.failure is not None:
        _again(asked, asset, asset.failure)
        return
    if not _is_called(asked, asset, due):
        _done(asked, asset, due)
        return
    if asset.settling:
        asked.wakes.append(asked.now + _SETTLES)
    elif _may_run(asked, asset, due) and _can_run(asked, asset):
        asked.chosen[asset.asset] = None
        _done(asked, asset, due)


def _is_due(asked: _Deciding, asset: ServedAsset, refresh: Refresh) -> bool:
    """Has its time come? The alarm is kept until it was answered, whatever stands in the way meanwhile."""
    if refresh.on_change:
        return False
    name = _name(asset, refresh)
    at = asked.memory.alarms.at(name, asset.tried, lambda moment: _next(refresh, moment), asked.now)
    asked.alarms[name] = Alarm(asset.tried, at)
    return at <= asked.now


def _done(asked: _Deciding, asset: ServedAsset, due: list[Refresh]) -> None:
    for refresh in due:
        asked.alarms[_name(asset, refresh)] = Alarm(asset.tried, _next(refresh, asked.now))


def _is_called(asked: _Deciding, asset: ServedAsset, due: list[Refresh]) -> bool:
    """Is there anything to do that the time, a change or a deadline asks for?"""
    reasons = [reason for reason in asset.reasons if _stands(asked, reason)]
    if not reasons:
        return False
    if due or any(_is_near(asset, deadline, asked.now) for deadline in asset.deadlines):
        return True
    follows = any(refresh.on_change for refresh in asset.refreshes)
    return follows and any(reason.cause not in _NO_CHANGE for reason in reasons)


def _stands(asked: _Deciding, reason: Reason) -> bool:
    """A reason that only follows from another asset's run stands if that one runs now."""
    return reason.cause not in {Cause.UPSTREAM_RUNS, Cause.REFERENCE_RUNS} or reason.upstream in asked.chosen


def _can_run(asked: _Deciding, asset: ServedAsset) -> bool:
    """Were all its inputs published, or are they written in the same run?"""
    served = asked.lake.assets
    return all(key in asked.chosen or (key in served and served[key].is_published) for key in asset.upstreams)


def _may_run(asked: _Deciding, asset: ServedAsset, due: list[Refresh]) -> bool:
    """May it run in this hour? Deadlines that pass while it is quiet are kept."""
    end = asked.quiet_until
    if end is None or any(refresh.by for refresh in due):
        return True
    return any(deadline.due is not None and deadline.due <= end for deadline in asset.deadlines)


def _again(asked: _Deciding, asset: ServedAsset, failure: BrokenRun) -> None:
    """Go on with a run that broke. One that was cut off had no fault of its own, as far as its first attempt tells."""
    pause = timedelta(0) if failure.cut_off and failure.attempt == 1 else pause_after(failure.attempt)
    name, now = f"run {failure.run}", asked.now
    at = asked.memory.alarms.at(name, failure.at, lambda moment: moment + pause, now)
    if asked.memory.mended:
        at = min(at, now)
    asked.alarms.setdefault(name, Alarm(failure.at, at))
    if at <= now and _may_run(asked, asset, []):
        asked.retries[failure.run] = None
        asked.alarms[name] = Alarm(failure.at, now + max(pause, FIRST_PAUSE))


def _near(deadline: Deadline) -> datetime | None:
    """When a deadline draws near: three quarters of its time are over."""
    if deadline.seen is None or deadline.due is None:
        return None
    return deadline.seen + (deadline.due - deadline.seen) * 3 / 4


def _is_near(asset: ServedAsset, deadline: Deadline, now: datetime) -> bool:
    near = _near(deadline)
    return near is not None and near <= now and (asset.tried is None or asset.tried < near)


def _moments(asked: _Deciding) -> Iterator[datetime]:
    """When time alone may change the decision."""
    yield from asked.wakes
    yield from (alarm.at for alarm in asked.alarms.values())
    if asked.quiet_until is not None:
        yield asked.quiet_until
    for asset in asked.lake.assets.values():
        for deadline in asset.deadlines:
            if deadline.due is not None:
                yield deadline.due + _JUST_AFTER
            if asset.reasons and (near := _near(deadline)) is not None:
                yield near


def _name(asset: ServedAsset, refresh: Refresh) -> str:
    return f"{asset.asset} {refresh.text}"


def _next(refresh: Refresh, moment: datetime) -> datetime:
    found = refresh.next_after(moment)
    assert found is not None, "only a clock sets an alarm"
    return found
