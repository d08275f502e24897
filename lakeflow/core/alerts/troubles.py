"""Which troubles each entry knows of, and which alert follows when they change: one when a trouble comes, none while it
stays, one when it is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from lakeflow.core.alerts.kinds import JUDGED, OF_RUNS, TROUBLES, AlertKind
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Action, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.values import dataclass

_OF_STEP: Final[Mapping[StepState | None, AlertKind]] = {
    StepState.HELD: AlertKind.HELD,
    StepState.ERRORED: AlertKind.ERRORED,
    StepState.CONFLICT: AlertKind.CONFLICT,
}
_ENDS: Final = frozenset(
    {RunState.PUBLISHED, RunState.SUPERSEDED, RunState.HELD, RunState.FAILED, RunState.CONFLICT, RunState.ABANDONED}
)
_DECIDED: Final = frozenset({RunState.DISCARDED, RunState.ROLLED_BACK})
_CUT_OFF: Final = frozenset({RunState.ABANDONED, RunState.FAILED})


@dataclass(frozen=True)
class AlertRule:
    """An entry of the settings, with the assets that it selects in this project."""

    name: str
    on: frozenset[AlertKind]
    assets: frozenset[AssetKey]

    @property
    def watched(self) -> frozenset[AlertKind]:
        """The troubles whose end is told; an entry that names none is told the end of all."""
        return self.on & TROUBLES or TROUBLES


@dataclass(frozen=True)
class Trouble:
    """What is wrong with an asset, as one entry knows it. `run` left it; empty where the clock tells.

    `told`: it has been of a watched kind, so that its end is to be told.
    """

    rule: str
    asset: AssetKey
    kinds: frozenset[AlertKind]
    since: datetime
    run: str = ""
    told: bool = False


@dataclass(frozen=True)
class Turn:
    """The troubles of an asset have changed, for one entry: the trouble `before` and `now`. `tell` is what to send, if
    anything. A recovery is told whether or not the entry asks for it: a receiver may keep an incident open until it
    hears of it.
    """

    rule: AlertRule
    asset: AssetKey
    now: Trouble | None
    tell: AlertKind | None = None
    before: Trouble | None = None


@dataclass(frozen=True)
class Condition:
    """How an asset stands by the clock and by its last verdicts. `by` is the run whose audit is all that makes it
    degraded, if that is so.
    """

    late: bool = False
    degraded: bool = False
    by: str = ""


Troubles = Mapping[tuple[str, AssetKey], Trouble]
"""The troubles that are known, by entry and asset."""


def after_run(
    rules: Iterable[AlertRule], run: RunRecord, ended: Sequence[StepRecord], known: Troubles, at: datetime
) -> Iterator[Turn]:
    """What changes with the end of a run. `ended` are the steps that ended now, not in an earlier attempt.

    1. A step that is held, errored or in conflict is a trouble, and so is one that a run left open when it was cut off.
    2. A step that was skipped because of others is held, to whoever is told of none of those.
    3. A step that is done ends the troubles that runs left; whether the data is late is judged apart.
    4. A run that was discarded or taken back ends the troubles that it left itself.
    """
    for rule in rules:
        mine = [step for step in ended if step.asset in rule.assets]
        hears = any(_kind_of(run, step) in rule.on for step in mine)
        for step in mine:
            before = known.get((rule.name, step.asset))
            was = Turn(rule, step.asset, before, before=before)
            if step.state is StepState.PUBLISHED and run.state in _ENDS and AlertKind.PUBLISHED in rule.on:
                yield replace(was, tell=AlertKind.PUBLISHED)
            kind = AlertKind.HELD if step.state is StepState.SKIPPED and not hears else _kind_of(run, step)
            found = _left(run, step, kind, before)
            if found is not None:
                yield from _turned(was, found, at, run.id)


def after_judgement(
    rules: Iterable[AlertRule], judged: Mapping[AssetKey, Condition], known: Troubles, at: datetime
) -> Iterator[Turn]:
    """What changes by how assets stand now. Late data is degraded too; it is told once, as `stale` to who asks for
    that. What an entry does not select any more is over for it.
    """
    for rule in rules:
        mine = {asset for name, asset in known if name == rule.name}
        for asset in sorted(mine - rule.assets):
            yield from _turned(Turn(rule, asset, None, before=known[rule.name, asset]), frozenset(), at)
        for asset in sorted(rule.assets & judged.keys()):
            before = known.get((rule.name, asset))
            left = before.kinds & OF_RUNS if before else frozenset()
            found = _judged(rule, _untold(rule, judged[asset], before))
            yield from _turned(Turn(rule, asset, before, before=before), left | found, at)


def _untold(rule: AlertRule, condition: Condition, before: Trouble | None) -> Condition:
    """The condition without what was told as `held` already: that the last audit of what readers see failed."""
    known = before is not None and before.run == condition.by and AlertKind.HELD in rule.on & before.kinds
    return replace(condition, degraded=False) if known and condition.by else condition


def _judged(rule: AlertRule, condition: Condition) -> frozenset[AlertKind]:
    kinds = {AlertKind.STALE} if condition.late else set()
    if condition.degraded or (condition.late and AlertKind.STALE not in rule.on):
        kinds.add(AlertKind.DEGRADED)
    return frozenset(kinds)


def _kind_of(run: RunRecord, step: StepRecord) -> AlertKind | None:
    if step.state is None and run.state in _CUT_OFF:
        return AlertKind.ERRORED
    return _OF_STEP.get(step.state)


def _left(
    run: RunRecord, step: StepRecord, kind: AlertKind | None, before: Trouble | None
) -> frozenset[AlertKind] | None:
    """All kinds of trouble that the asset has after the run; None where the run says nothing of it."""
    judged = before.kinds & JUDGED if before else frozenset[AlertKind]()
    if run.state in _DECIDED or step.state is StepState.DISCARDED:
        return judged if before and before.run == run.id else None
    if run.state not in _ENDS:
        return None
    if kind is not None:
        return judged | {kind}
    return judged if step.done else None


def _turned(was: Turn, kinds: frozenset[AlertKind], at: datetime, run: str = "") -> Iterator[Turn]:
    """The turn from the trouble `was.before` to these kinds of trouble, which `run` left; nothing where none is."""
    rule, before = was.rule, was.before
    had, left_by = (before.kinds, before.run) if before else (frozenset[AlertKind](), "")
    if kinds == had and (not kinds or run in {"", left_by}):
        return
    told = bool(before and before.told)
    if not kinds:
        yield replace(was, now=None, tell=AlertKind.RECOVERED if told else None)
        return
    tell = next((kind for kind in AlertKind if kind in kinds - had and kind in rule.on), None)
    by = (run or left_by) if kinds & OF_RUNS else ""
    now = Trouble(rule.name, was.asset, kinds, before.since if before else at, by, told or bool(kinds & rule.watched))
    yield replace(was, now=now, tell=tell)


def ended_now(
    run: RunRecord, settled: Mapping[AssetKey, StepRecord] | None, *, at_work: bool
) -> tuple[StepRecord, ...]:
    """The steps that this end of a run is about. `settled` are its steps as they stood when the attempt began, None
    where nobody saw that; `at_work`: until now it had not ended.

    What an earlier attempt ended was told then. A run that another process marks as cut off counts with all that it
    did not do, and a run that a person decided about with all of its steps. A compaction is no news, and ends no
    trouble: its rows are those of before.
    """
    run = replace(run, steps=tuple(step for step in run.steps if step.action is not Action.COMPACT))
    if run.state in _DECIDED:
        return run.steps
    if not at_work and run.state in _ENDS:  # a person discarded some of its assets
        return tuple(step for step in run.steps if step.state is StepState.DISCARDED and _is_later(step, run))
    if not at_work or run.state not in _ENDS:
        return ()
    if settled is None:
        return tuple(step for step in run.steps if not step.done) if run.state is RunState.ABANDONED else ()
    return tuple(step for step in run.steps if settled.get(step.asset) != step or step.state is None)


def _is_later(step: StepRecord, run: RunRecord) -> bool:
    return step.ended_at is not None and run.ended_at is not None and step.ended_at > run.ended_at


def with_rule_names(known: Iterable[Trouble]) -> dict[tuple[str, AssetKey], Trouble]:
    return {(trouble.rule, trouble.asset): trouble for trouble in known}
