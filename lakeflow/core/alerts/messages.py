"""The words of an alert: the asset, what failed and how often, what readers see, and what to type.

A message leaves the machine. It is made of names, counts and times alone: no detail of a check, no sample, no text of
an error, nothing that a person typed. Where personal data is at hand, a check is named without the values in its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.outbox import Alert
from lakeflow.core.alerts.troubles import Trouble, Turn
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

_SHOWN: Final = 8
_VALUES: Final = (
    (re.compile(r"\{.*\}", re.DOTALL), "{…}"),
    (re.compile(r"/.*/", re.DOTALL), "/…/"),
    (re.compile(r" (where|like|in|not in|equal|equal to|=) (?!\{…\}).*", re.DOTALL), r" \1 …"),
)
"""Where the name of a check may hold values: lists, patterns, conditions, and what is compared."""
_TITLES: Final[Mapping[AlertKind, str]] = {
    AlertKind.HELD: "{} is held",
    AlertKind.ERRORED: "{} failed",
    AlertKind.CONFLICT: "{} is in conflict",
    AlertKind.STALE: "{} is late",
    AlertKind.DEGRADED: "{} is degraded",
    AlertKind.RECOVERED: "{} recovered",
    AlertKind.PUBLISHED: "{} was published",
}
_COMMANDS: Final[Mapping[AlertKind, str]] = {
    AlertKind.HELD: "`lakeflow runs {run}` shows why; mend it and `lakeflow retry {run}`, or `lakeflow discard {run}`",
    AlertKind.ERRORED: "`lakeflow runs {run}` shows why; mend it and `lakeflow retry {run}`",
    AlertKind.CONFLICT: "`lakeflow retry {run}` writes it again from today's main",
    AlertKind.STALE: "`lakeflow materialize +{asset}` builds what it is made from and itself",
    AlertKind.DEGRADED: "`lakeflow status {asset}` shows why",
    AlertKind.RECOVERED: "`lakeflow status {asset}` shows how it stands",
    AlertKind.PUBLISHED: "`lakeflow runs {run}` shows the run",
}


@dataclass(frozen=True)
class Seen:
    """What readers see of an asset: a snapshot, when it was published, and by which run; None: nothing."""

    snapshot_id: int | None = None
    at: datetime | None = None
    run: str = ""
    rows: int | None = None


@dataclass(frozen=True)
class Witness:
    """What is known when an alert is written. `reasons` say, in our own words, why an asset is late or degraded."""

    seen: Mapping[AssetKey, Seen]
    personal: frozenset[AssetKey] = frozenset()
    run: RunRecord | None = None
    reasons: Mapping[AssetKey, Sequence[str]] | None = None


def alert_of(turn: Turn, witness: Witness, at: datetime) -> Alert | None:
    """The alert of a turn, if it tells anything."""
    if turn.tell is None:
        return None
    run = witness.run.id if witness.run else turn.now.run if turn.now else ""
    text = "\n".join((*_lines(turn, witness), _readers(witness.seen.get(turn.asset)), _command(turn, run)))
    return Alert(turn.rule.name, turn.tell, turn.asset, _TITLES[turn.tell].format(turn.asset), text, at, at, run)


def _lines(turn: Turn, witness: Witness) -> Iterator[str]:
    step = witness.run.step(turn.asset) if witness.run else None
    match turn.tell:
        case AlertKind.RECOVERED:
            yield _end_of(turn.asset, turn.before, witness, step)
        case AlertKind.STALE | AlertKind.DEGRADED:
            yield f"{turn.asset} is {'late' if turn.tell is AlertKind.STALE else 'degraded'}"
            hides = turn.asset in witness.personal
            for reason in (witness.reasons or {}).get(turn.asset, ()):
                yield f"✗ {_named(reason[2:], hides=hides)}" if reason.startswith("✗ ") else reason
        case _ if witness.run and step:
            yield from _of_step(step, witness.run, hides=turn.asset in witness.personal)


def _of_step(step: StepRecord, run: RunRecord, *, hides: bool) -> Iterator[str]:
    failing = [check for check in step.checks if check.outcome in {Outcome.FAILED, Outcome.ERRORED}]
    head = {
        StepState.HELD: f"{step.asset} is held by run {run.id}",
        StepState.ERRORED: f"{step.asset}: its code or its write failed in run {run.id}",
        StepState.CONFLICT: f"{step.asset}: main moved meanwhile, so run {run.id} published nothing of it",
        StepState.PUBLISHED: f"{step.asset} was published by run {run.id}",
        StepState.SKIPPED: f"{step.asset} was not made by run {run.id}: what it reads was held or failed",
        None: f"{step.asset} was not finished: run {run.id} "
        + ("was cut off" if run.state is RunState.ABANDONED else "failed"),
    }.get(step.state, f"{step.asset}: {step.state} in run {run.id}")
    if failing and step.state is not StepState.ERRORED:
        yield f"{head}: {len(failing)} of {counted(len(step.checks), 'check')} did not pass"
        yield from _checks(failing, hides=hides)
    elif step.state is StepState.HELD:
        yield f"{head}: its own checks passed, and what it must be published with did not"
    else:
        yield head


def _checks(failing: Sequence[CheckResult], *, hides: bool) -> Iterator[str]:
    for check in failing[:_SHOWN]:
        yield f"✗ {_named(check.name, hides=hides)}: {_found(check)}"
    if len(failing) > _SHOWN:
        yield f"and {len(failing) - _SHOWN} more"


def _named(name: str, *, hides: bool) -> str:
    """The name of a check in one line; where personal data is at hand, without the values in it."""
    for pattern, instead in _VALUES if hides else ():
        name = pattern.sub(instead, name)
    said = " ".join(name.split())
    return said if len(said) <= 120 else said[:119] + "…"


def _found(check: CheckResult) -> str:
    if check.outcome is Outcome.ERRORED:
        return "could not run"
    if check.failed_rows is None:
        return "failed"
    if check.rows is None:
        return counted(check.failed_rows, "row")
    return f"{check.failed_rows:,} of {counted(check.rows, 'row')}"


def _end_of(asset: AssetKey, before: Trouble | None, witness: Witness, step: StepRecord | None) -> str:
    was = ", ".join(_was(before.kinds)) if before else "in trouble"
    since = f" since {_time(before.since)}" if before else ""
    run = witness.run
    if run is None:
        return f"{asset} is well again; it was {was}{since}"
    if run.state in {RunState.DISCARDED, RunState.ROLLED_BACK}:
        return f"{asset} waits for nobody any more: run {run.id} was {run.state.replace('_', ' ')}; it was {was}{since}"
    if step and step.state is StepState.DISCARDED:
        return f"{asset} waits for nobody any more: it was {step.reason}, of run {run.id}; it was {was}{since}"
    how = "published it" if step and step.state is StepState.PUBLISHED else "found it well"
    return f"{asset} recovered: run {run.id} {how}; it was {was}{since}"


def _was(kinds: Iterable[AlertKind]) -> Iterator[str]:
    words = {AlertKind.CONFLICT: "in conflict", AlertKind.STALE: "late"}
    yield from (words.get(kind, str(kind)) for kind in AlertKind if kind in set(kinds))


def _readers(seen: Seen | None) -> str:
    if seen is None or seen.snapshot_id is None:
        return "Readers see nothing: it was never published"
    rows = "" if seen.rows is None else f" with {counted(seen.rows, 'row')}"
    at = "" if seen.at is None else f", published {_time(seen.at)}"
    by = f" by run {seen.run}" if seen.run else ""
    return f"Readers see {short_id(seen.snapshot_id)}{rows}{at}{by}"


def _command(turn: Turn, run: str) -> str:
    assert turn.tell is not None
    return "Next: " + _COMMANDS[turn.tell].format(run=run or "RUN", asset=turn.asset)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
