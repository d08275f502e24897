"""Alerts as screens: what waits, what was sent, and whom a test reached."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from lakeflow.cli.output import Records
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.outbox import Alert, AlertState
from lakeflow.core.wording import age, counted

_MARKS: Final = {
    AlertState.PENDING: Mark.MOVED,
    AlertState.FAILED: Mark.BAD,
    AlertState.SENT: Mark.OK,
    AlertState.DROPPED: Mark.NONE,
}
NO_ENTRIES: Final = "No alerts: [[tool.lakeflow.alerts]] in pyproject.toml says whom to tell what"


def alerts_screen(alerts: Sequence[Alert], nothing: str, now: datetime) -> Text:
    if not alerts:
        return line(nothing)
    counts = [(state, sum(alert.state is state for alert in alerts)) for state in AlertState]
    total = " · ".join(f"{number} {state}" for state, number in counts if number)
    waits = any(alert.state is AlertState.FAILED for alert in alerts)
    hint = [line("Next      `lakeflow alerts send` tries again now, `lakeflow alerts test` tries the addresses")]
    return screen(align([_cells(alert, now) for alert in alerts]), [line(total)], hint if waits else [])


def alerts_records(alerts: Sequence[Alert]) -> Records:
    header = ("number", "entry", "kind", "asset", "run", "state", "at", "tried", "problem")
    return header, [
        (
            *(str(alert.number), alert.rule, alert.kind, str(alert.asset), alert.run, alert.state),
            *(alert.at.isoformat(), str(alert.tried), alert.problem),
        )
        for alert in alerts
    ]


def _cells(alert: Alert, now: datetime) -> list[Text]:
    loud = "bold red" if alert.kind not in {AlertKind.RECOVERED, AlertKind.PUBLISHED} else ""
    return [
        line(_MARKS[alert.state]),
        line(alert.rule),
        line((alert.kind, loud)),
        line(str(alert.asset)),
        line(f"{age(alert.at, now)} ago"),
        line(_said(alert, now)),
    ]


def _said(alert: Alert, now: datetime) -> str:
    if alert.state is AlertState.FAILED:
        again = f"in {age(now, alert.next_try)}" if alert.next_try > now + timedelta(seconds=1) else "next time"
        return f"failed {counted(alert.tried, 'time')}, again {again}: {alert.problem}"
    return f"{alert.state}: {alert.problem}" if alert.problem else str(alert.state)
