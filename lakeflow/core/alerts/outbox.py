"""An alert as the ledger keeps it until it is sent, and when it is tried again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.keys import AssetKey
from lakeflow.core.values import dataclass

_FIRST_PAUSE: Final = timedelta(seconds=5)
_LONGEST_PAUSE: Final = timedelta(hours=1)
STUBBORN: Final = 12
"""An alert that failed so often, over three hours, no longer keeps those of other assets from being sent: it may be one
that its receiver will never take.
"""
_LONGEST_TEXT: Final = 3_000
_LONGEST_LIST: Final = 50
TRIED_FOR: Final = timedelta(days=30)
"""What could not be sent for so long is dropped: nobody needs it any more."""
KEPT_FOR: Final = timedelta(days=30)
"""So long `lakeflow alerts` shows what was sent or dropped."""


class AlertState(StrEnum):
    """`pending` was not tried yet, `failed` was and is tried again, `dropped` never will be."""

    PENDING = "pending"
    FAILED = "failed"
    SENT = "sent"
    DROPPED = "dropped"


OPEN: Final = frozenset({AlertState.PENDING, AlertState.FAILED})


@dataclass(frozen=True)
class Alert:
    """One message to the receiver of one entry, which `rule` names; it holds no address, no secret and no value.

    `number` orders alerts, and is 0 until one is recorded. `run` is the run that it tells of, if any. `tried` counts
    the tries that failed; the next is due at `next_try`. `problem` says why the last one failed, or why none is made.
    """

    rule: str
    kind: AlertKind
    asset: AssetKey
    title: str
    text: str
    at: datetime
    next_try: datetime
    run: str = ""
    number: int = 0
    state: AlertState = AlertState.PENDING
    tried: int = 0
    problem: str = ""
    sent_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True)
class Message:
    """What a receiver is given. `key` is the same for a trouble of an asset and for its end, whatever the run."""

    kind: AlertKind
    title: str
    text: str
    key: str
    asset: str
    run: str
    at: datetime


def message_of(alerts: Sequence[Alert], lake: str) -> Message:
    """One message for alerts that tell the same of several assets."""
    first, others = alerts[0], len(alerts) - 1
    return Message(
        kind=first.kind,
        title=f"{first.title}, and {others} more" if others else first.title,
        text=_told(alerts),
        key=f"lakeflow:{lake}:{first.rule}:{first.asset}",
        asset=", ".join(str(alert.asset) for alert in alerts[:_LONGEST_LIST]),
        run=first.run,
        at=first.at,
    )


def pause_after(tried: int) -> timedelta:
    """How long to wait after that many failed tries: 5 s, then twice as long each time, an hour at most."""
    return min(_FIRST_PAUSE * (1 << min(tried - 1, 20)), _LONGEST_PAUSE)


def _told(alerts: Sequence[Alert]) -> str:
    """The texts of the alerts, and only the titles of those for which there is no room."""
    room = _LONGEST_TEXT
    said, left = list[str](), list(alerts)
    while left and (not said or len(left[0].text) <= room):
        said.append(left.pop(0).text)
        room -= len(said[-1])
    titles = "\n".join(alert.title for alert in left[:_LONGEST_LIST])
    more = f"\nand {len(left) - _LONGEST_LIST} more" if len(left) > _LONGEST_LIST else ""
    return "\n\n".join((*said, titles + more) if left else said)


def together(alerts: Iterable[Alert]) -> tuple[tuple[Alert, ...], ...]:
    """The alerts in their order, as one message each: those that follow each other and tell the same of one run, or of
    one look at the lake.
    """
    found: list[list[Alert]] = []
    for alert in alerts:
        if found and _same(found[-1][-1], alert):
            found[-1].append(alert)
        else:
            found.append([alert])
    return tuple(map(tuple, found))


def _same(one: Alert, other: Alert) -> bool:
    return (one.rule, one.kind, one.run, one.at) == (other.rule, other.kind, other.run, other.at)


def ended(alert: Alert, problem: str, now: datetime) -> Alert:
    """The alert after a try: sent, or, with the problem, to be tried again after a pause, unless it is too old."""
    if not problem:
        return replace(alert, state=AlertState.SENT, problem="", sent_at=now)
    if now - alert.at > TRIED_FOR:
        return dropped(alert, f"not sent in 30 days: {problem}")
    tried = alert.tried + 1
    again = now + pause_after(tried)
    return replace(alert, state=AlertState.FAILED, tried=tried, problem=problem, next_try=again)


def dropped(alert: Alert, problem: str) -> Alert:
    return replace(alert, state=AlertState.DROPPED, problem=problem)


def in_order(alerts: Sequence[Alert], now: datetime, *, due: bool) -> tuple[Alert, ...]:
    """The open alerts to send now, oldest first; with `due` only those whose pause is over.

    Nothing overtakes an older alert to the same receiver, unless that is stubborn; and never one of the same asset: a
    recovery that is told before its trouble would leave an incident open for good.
    """
    pending = sorted((alert for alert in alerts if alert.open), key=lambda alert: alert.number)
    now_sent, shut, behind = list[Alert](), set[str](), set[tuple[str, AssetKey]]()
    for alert in pending:
        if alert.rule in shut or (alert.rule, alert.asset) in behind:
            continue
        if not due or not _waits(alert, now):
            now_sent.append(alert)
        elif alert.tried < STUBBORN:
            shut.add(alert.rule)
        else:
            behind.add((alert.rule, alert.asset))
    return tuple(now_sent)


def _waits(alert: Alert, now: datetime) -> bool:
    """Is its pause not over? A clock that was set back since makes no pause longer than the longest."""
    return now < alert.next_try <= now + _LONGEST_PAUSE
