"""Sends alerts, each receiver's in a thread of its own, within a time that no receiver can stretch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Final

from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.outbox import STUBBORN, Alert, Message, dropped, ended, message_of, together
from lakeflow.core.keys import AssetKey
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from lakeflow.adapters.alerts import Receiver

NO_ANSWER: Final = "no answer in time"
_NOT_ASKED: Final = "its entry does not ask for `recovered`"
Settle = Callable[[Sequence[Alert]], None]


@dataclass(frozen=True)
class Tried:
    """What became of these alerts of a receiver: why not sent, and whether that is final; empty: sent."""

    alerts: Sequence[Alert]
    problem: str = ""
    final: bool = False


@dataclass(frozen=True)
class Line:
    """The alerts of one receiver in their order, which sending keeps. `on` is what its entry asks for."""

    alerts: tuple[Alert, ...]
    receiver: Receiver
    on: frozenset[AlertKind]
    lake: str

    def run(self, end: float) -> Iterator[Tried]:
        """Send one after the other, up to the first that fails: after it, the others would fail too. One that fails
        always keeps back only what follows it about the same assets.
        """
        behind = set[AssetKey]()
        for unit in [(one,) for one in self.alerts] if self.receiver.resolves else together(self.alerts):
            mine = {alert.asset for alert in unit}
            if mine & behind:
                behind |= mine
                continue
            if unit[0].kind is AlertKind.RECOVERED and not (self.receiver.resolves or unit[0].kind in self.on):
                yield Tried(unit, _NOT_ASKED, final=True)
                continue
            problem = self.receiver.deliver(message_of(unit, self.lake), max(0.1, end - time.monotonic()))
            yield Tried(unit, problem)
            if problem and unit[0].tried < STUBBORN:
                return
            behind |= mine if problem else set()


def send_lines(lines: Sequence[Line], settle: Settle, now: datetime, end: float) -> tuple[Alert, ...]:
    """Send all lines side by side until `end` of the monotonic clock; each alert that was tried, as it is now.

    Every answer is recorded as it comes. What was not answered by then counts as failed, though it may have arrived: it
    is sent again.
    """
    answers: Queue[tuple[int, Tried | None]] = Queue()
    for at, line in enumerate(lines):
        Thread(target=_run, args=(line, at, answers, end), name="alerts", daemon=True).start()
    left = {at: list(line.alerts) for at, line in enumerate(lines)}
    done: list[Alert] = []
    working = set(left)
    while working and (answer := _next(answers, end)):
        at, tried = answer
        if tried is None:
            working.discard(at)
            continue
        after = settled(tried, now)
        settle(after)
        done += after
        left[at] = [alert for alert in left[at] if alert.number not in {one.number for one in after}]
    for at in sorted(left):
        if at in working and left[at]:
            left[at][0] = ended(left[at][0], NO_ANSWER, now)
            done.append(left[at][0])
        settle(left[at])
    return tuple(done)


def within(seconds: float, receiver: Receiver, message: Message) -> str:
    """Deliver one message; the problem, empty when it was taken."""
    answers: Queue[str] = Queue()
    Thread(target=lambda: answers.put(receiver.deliver(message, seconds)), name="alerts", daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return NO_ANSWER


def _run(line: Line, at: int, answers: Queue[tuple[int, Tried | None]], end: float) -> None:
    done = 0
    try:
        for tried in line.run(end):
            answers.put((at, tried))
            done += len(tried.alerts)
    except Exception as error:  # noqa: BLE001 - a thread that dies would leave its alerts without a word
        answers.put((at, Tried(line.alerts[done : done + 1], f"it broke with {type(error).__name__}")))
    answers.put((at, None))


def _next(answers: Queue[tuple[int, Tried | None]], end: float) -> tuple[int, Tried | None] | None:
    try:
        return answers.get(timeout=max(0.0, end - time.monotonic()))
    except Empty:
        return None


def settled(tried: Tried, now: datetime) -> list[Alert]:
    """The alerts as they are after the try."""
    if tried.final:
        return [dropped(alert, tried.problem) for alert in tried.alerts]
    return [ended(alert, tried.problem, now) for alert in tried.alerts]
