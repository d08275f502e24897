"""Alerts of a lake: who is told what, what waits to be sent, and the sending.

What a run tells is recorded with the run (`lakeflow.adapters.ledger.outbox`); what the clock tells, here. Nothing that
goes wrong here fails the command that did something else.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from lakeflow.core.alerts.kinds import JUDGED, AlertKind
from lakeflow.core.alerts.outbox import Alert, AlertState, Message, in_order
from lakeflow.core.alerts.troubles import AlertRule
from lakeflow.core.errors import ConfigError, SelectionError, UsageError
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.values import dataclass
from lakeflow.core.view.selection import LakeStatus, SelectionContext, select
from lakeflow.lake.judged import conditions, reasons_of, seen_by_readers
from lakeflow.lake.telling.sending import Line, Tried, send_lines, settled, within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from lakeflow.adapters.alerts import Receiver
    from lakeflow.core.alerts.entries import AlertEntry
    from lakeflow.core.model.asset import Project
    from lakeflow.core.ports.ledger import Outbox
    from lakeflow.core.settings.settings import Settings
    from lakeflow.core.view.rows import AssetStatus

AFTER_A_COMMAND: Final = 5.0
"""So many seconds at most a command that did something else goes on to send."""
WHEN_ASKED: Final = 30.0


@dataclass(frozen=True)
class Tested:
    """What became of a test of one entry: empty `problem` when its receiver took the message."""

    name: str
    number: int
    problem: str


def rules_of(project: Project, settings: Settings) -> tuple[AlertRule, ...]:
    """The entries with the assets that they select. ConfigError for a selection that means nothing, or that asks how
    the lake stands: alerts say that themselves.
    """
    return tuple(_rule(project, entry) for entry in settings.alerts)


def _rule(project: Project, entry: AlertEntry) -> AlertRule:
    def refuse() -> LakeStatus:
        raise SelectionError(
            f"{entry.select!r} asks how the lake stands", hint="`on` says what to tell; select by name, tag or owner"
        )

    try:
        said = (entry.select,) if entry.select.strip() else ()
        assets = select(said, SelectionContext(project, refuse)) if project.assets else ()
    except SelectionError as error:
        raise ConfigError(f"{entry.where}: select: {error.message} ({entry.source})", hint=error.hint) from None
    # The refused rows of an asset share its fate: who is told of the asset need not hear it twice.
    return AlertRule(entry.name, entry.on, frozenset(key for key in assets if owner_of(key) is None))


def _warn(text: str) -> None:
    """Write a warning beside an answer that goes well."""
    with suppress(OSError):  # nobody is left to tell
        print(f"warning: {text}", file=sys.stderr, flush=True)  # noqa: T201 - as above


def check_alerts(project: Project, settings: Settings) -> None:
    """ConfigError for the first entry whose selection means nothing, whose variable is not set, or whose address nobody
    can read. Sends nothing.
    """
    rules_of(project, settings)
    for entry in settings.alerts:
        _receiver(settings, entry)


def _receiver(settings: Settings, entry: AlertEntry) -> Receiver:
    from lakeflow.adapters.alerts import open_receiver  # noqa: PLC0415 - only who sends needs it

    try:
        return open_receiver(settings.address_of(entry), entry.where)
    except ConfigError as error:
        where = "" if entry.source in error.message else f" ({entry.source})"
        raise ConfigError(f"{error.message}{where}", hint=error.hint) from None


class Alerts:
    """The alerts of an open lake, as `lake.alerts`.

    `judge` and `send` are what every method that writes does at its end, and what a process that keeps a lake does each
    round.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        outbox: Outbox,
        clock: Callable[[], datetime],
        standing: Callable[[datetime], Sequence[AssetStatus]],
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._outbox = outbox
        self._clock = clock
        self._standing = standing

    def list(self, limit: int = 50) -> tuple[Alert, ...]:
        """The last alerts, newest first: those that wait, those sent, and those that could not be."""
        return self._outbox.alerts(limit)

    def judge(self, now: datetime | None = None) -> None:
        """Record what the clock and the last verdicts tell: assets that are late or degraded, and those that no longer
        are.

        Looks at the lake only where an entry of the settings could be told so.
        """
        if not any(rule.on & (JUDGED | {AlertKind.RECOVERED}) for rule in self._outbox.rules):
            return
        at = now or self._clock()
        statuses = self._standing(at)
        self._outbox.judge(conditions(statuses), seen_by_readers(statuses), reasons_of(statuses, at), at)

    def send(
        self, now: datetime | None = None, *, everything: bool = False, seconds: float = WHEN_ASKED
    ) -> tuple[Alert, ...]:
        """Send what waits and whose pause is over, or `everything` that waits, for `seconds` at most; each alert that
        was tried, as it is now.

        After a receiver fails, its other alerts wait with the failed one, in their order. While another process of this
        machine sends, nothing is done: it takes these with it, or the next command does.
        """
        from lakeflow.adapters.alerts import sole_sender  # noqa: PLC0415 - only who sends needs it

        at = now or self._clock()
        if not in_order(self._outbox.open(), at, due=not everything):
            return ()
        begun = time.monotonic()
        with sole_sender(self._folder, seconds) as alone:
            if not alone:
                return ()
            mine = self._outbox.claim(in_order(self._outbox.open(), at, due=not everything), at)
            return self._sent(mine, at, max(1.0, seconds - (time.monotonic() - begun)))

    def test(self, *names: str) -> tuple[Tested, ...]:
        """Send a message to each entry, or to those named, and say what became of it. An incident that this opens is
        closed at once. UsageError for a name that no entry has.
        """
        entries = {entry.name: entry for entry in self._settings.alerts}
        if unknown := next((name for name in names if name not in entries), None):
            raise UsageError(f"no alerts entry is called {unknown!r}", hint=f"there are {', '.join(entries) or 'none'}")
        return tuple(
            Tested(entry.name, entry.number, self._tested(entry))
            for entry in self._settings.alerts
            if not names or entry.name in names
        )

    def after_command(self) -> None:
        """Judge, and send for a few seconds. What goes wrong with it waits for the next command."""
        self._quietly(self.judge)
        self.try_to_send()

    def try_to_send(self) -> None:
        """Send for a few seconds, whatever happens. Who did not take it is named on stderr."""
        self._quietly(self._send_and_warn)

    def _send_and_warn(self) -> None:
        failed = [alert for alert in self.send(seconds=AFTER_A_COMMAND) if alert.state is AlertState.FAILED]
        for name, problem in {alert.rule: alert.problem for alert in failed}.items():
            _warn(
                f"alerts to {name} were not taken ({problem}); they are tried again, and `lakeflow alerts` lists them"
            )

    def _quietly(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever it is, what the command did is done and stays
            _warn(f"alerts were not sent ({type(error).__name__}); `lakeflow alerts send` tries again")

    def _sent(self, mine: Sequence[Alert], now: datetime, seconds: float) -> tuple[Alert, ...]:
        entries = {entry.name: entry for entry in self._settings.alerts}
        lines, done, lake = list[Line](), list[Alert](), self._outbox.lake_id()
        for name in sorted({alert.rule for alert in mine}):
            posts = tuple(alert for alert in mine if alert.rule == name)
            found = self._line(posts, entries.get(name), lake)
            if isinstance(found, Line):
                lines.append(found)
                continue
            done += settled(found, now)
            self._outbox.settle((*done[-len(found.alerts) :], *posts[len(found.alerts) :]))
        # Only receivers are bounded: a slow machine may take its time to import what speaks to them.
        return (*done, *send_lines(lines, self._outbox.settle, now, time.monotonic() + seconds))

    def _line(self, posts: tuple[Alert, ...], entry: AlertEntry | None, lake: str) -> Line | Tried:
        """The alerts with their receiver, or why there is none."""
        if entry is None:
            return Tried(posts, "no entry of the settings has this name any more", final=True)
        try:
            return Line(posts, self._open(entry), entry.on, lake)
        except ConfigError as error:
            return Tried(posts[:1], error.message)

    def _open(self, entry: AlertEntry) -> Receiver:
        return _receiver(self._settings, entry)

    def _tested(self, entry: AlertEntry) -> str:
        try:
            receiver = self._open(entry)
        except ConfigError as error:
            return f"{error.message}; {error.hint}" if error.hint else error.message
        kinds = (AlertKind.HELD, AlertKind.RECOVERED) if receiver.resolves else (AlertKind.PUBLISHED,)
        problems = (within(WHEN_ASKED / 3, receiver, self._test_message(entry, kind)) for kind in kinds)
        return next(filter(None, problems), "")

    def _test_message(self, entry: AlertEntry, kind: AlertKind) -> Message:
        text = "`lakeflow alerts test` sent this. Nothing is wrong, and nothing is to be done."
        key = f"lakeflow:{self._outbox.lake_id()}:{entry.name}:test"
        return Message(kind, "lakeflow: a test of alerts", text, key, "", "", self._clock())
