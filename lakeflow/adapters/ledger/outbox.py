"""The outbox: alerts recorded in the transaction of what they tell, and kept until they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from lakeflow.adapters.ledger import alert_statements as statements
from lakeflow.adapters.ledger import rows
from lakeflow.adapters.ledger.ledger import Transactions
from lakeflow.core.alerts.messages import Seen, Witness, alert_of
from lakeflow.core.alerts.outbox import KEPT_FOR, Alert
from lakeflow.core.alerts.troubles import (
    AlertRule,
    Condition,
    Troubles,
    Turn,
    after_judgement,
    after_run,
    ended_now,
    with_rule_names,
)
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord, RunState, StepRecord, StepState
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.database import Connection

_CLAIM: Final = timedelta(minutes=2)
"""So long alerts belong to the host that is about to send them, should it never be heard of again."""
_REMEMBERED: Final = 64


class SqlOutbox:
    """The outbox of a lake. `personal` are the assets whose checks may name personal values; `host` is this machine,
    of which one process at a time may send.

    Without rules, nothing is read or written.
    """

    def __init__(
        self,
        database: Transactions,
        rules: Sequence[AlertRule],
        personal: frozenset[AssetKey],
        clock: Clock,
        host: str,
    ) -> None:
        self._database = database
        self._rules = rules
        self._personal = personal
        self._clock = clock
        self._host = host
        self._settled: dict[str, Mapping[AssetKey, StepRecord]] = {}

    @property
    def rules(self) -> Sequence[AlertRule]:
        return self._rules

    def saving(self, connection: Connection, run: RunRecord) -> None:
        """Record what the end of a run tells, in the transaction that is about to save the run.

        A run that has ended already may be saved again, when a later decision touches it: that tells nothing new.
        """
        if not self._rules:
            return
        if run.state is RunState.RUNNING:
            self._remember(run)
            return
        at_work = connection.execute(statements.AT_WORK, {"run": run.id}).first() is not None
        if ended := ended_now(run, self._settled.get(run.id), at_work=at_work):
            at = self._clock()
            turns = list(after_run(self._rules, run, ended, _troubles(connection), at))
            seen = {step.asset: _seen(connection, run, step) for step in ended if _told_of(step.asset, turns)}
            self._record(connection, turns, Witness(seen, self._personal, run), at)

    def judge(
        self,
        conditions: Mapping[AssetKey, Condition],
        seen: Mapping[AssetKey, Seen],
        reasons: Mapping[AssetKey, Sequence[str]],
        at: datetime,
    ) -> None:
        """Record what has changed by the clock and by the last verdicts. Takes no lock where nothing has."""
        if not self._rules:
            return
        with self._database.read() as connection:
            if not any(after_judgement(self._rules, conditions, _troubles(connection), at)):
                return
        with self._database.transaction() as connection:
            turns = list(after_judgement(self._rules, conditions, _troubles(connection), at))
            self._record(connection, turns, Witness(seen, self._personal, reasons=reasons), at)

    def alerts(self, limit: int) -> tuple[Alert, ...]:
        """The last alerts, newest first."""
        with self._database.read() as connection:
            return tuple(map(rows.alert, connection.execute(statements.ALERTS, {"limit": limit})))

    def open(self) -> tuple[Alert, ...]:
        """What was not sent yet, oldest first."""
        with self._database.read() as connection:
            return tuple(map(rows.alert, connection.execute(statements.OPEN)))

    def claim(self, alerts: Iterable[Alert], now: datetime) -> tuple[Alert, ...]:
        """Take those of the alerts that no other host is sending. Whoever calls holds this host's lock of senders, so
        that what this host claimed before was left by a process that died.
        """
        numbers, until = [alert.number for alert in alerts], rows.time(now + _CLAIM)
        mine = {"host": self._host, "until": until, "numbers": numbers}
        with self._database.transaction() as connection:
            farthest = rows.time(now + 2 * _CLAIM)  # a clock that was set back since
            connection.execute(statements.CLAIM, {**mine, "now": rows.time(now), "farthest": farthest})
            return tuple(map(rows.alert, connection.execute(statements.CLAIMED, mine)))

    def settle(self, alerts: Iterable[Alert]) -> None:
        """Record how sending these alerts ended, and let go of them."""
        with self._database.transaction() as connection:
            for alert in alerts:
                connection.execute(statements.SETTLE, rows.alert_row(alert))

    def lake_id(self) -> str:
        """The id of the lake, empty before its first write."""
        with self._database.read() as connection:
            return str(connection.execute(statements.LAKE).scalar() or "")

    def _record(self, connection: Connection, turns: Sequence[Turn], witness: Witness, at: datetime) -> None:
        """Record what changed, and forget what nobody needs any more: old alerts, and troubles of entries that are
        gone.
        """
        for turn in turns:
            if turn.now is None:
                connection.execute(statements.END_TROUBLE, {"rule": turn.rule.name, "asset": str(turn.asset)})
            else:
                connection.execute(statements.SET_TROUBLE, rows.trouble_row(turn.now))
            if alert := alert_of(turn, witness, at):
                connection.execute(statements.RECORD, rows.alert_row(alert))
        if turns:
            connection.execute(statements.FORGET_TROUBLES, {"rules": [rule.name for rule in self._rules]})
            connection.execute(statements.FORGET, {"before": rows.time(at - KEPT_FOR)})

    def _remember(self, run: RunRecord) -> None:
        """How the steps stood when this attempt began: what ends the same way was told before."""
        self._settled[run.id] = {step.asset: step for step in run.steps}
        for oldest in list(self._settled)[:-_REMEMBERED]:
            del self._settled[oldest]


def _troubles(connection: Connection) -> Troubles:
    return with_rule_names(map(rows.trouble, connection.execute(statements.TROUBLES)))


def _told_of(asset: AssetKey, turns: Iterable[Turn]) -> bool:
    return any(turn.asset == asset and turn.tell for turn in turns)


def _seen(connection: Connection, run: RunRecord, step: StepRecord) -> Seen:
    """What readers see of an asset after the run."""
    taken_back = run.state in {RunState.DISCARDED, RunState.ROLLED_BACK}
    if step.state is StepState.PUBLISHED and not taken_back:
        return Seen(step.snapshot_id, run.ended_at, run.id)
    shown = step.snapshot_id if step.state is StepState.AUDITED else step.base_id
    if shown is None:
        return Seen()
    found = connection.execute(statements.SEEN, {"asset": str(step.asset), "snapshot": shown}).first()
    verdict = rows.verdict(found) if found else None
    return Seen(shown, verdict.at, verdict.run) if verdict else Seen(shown)
