"""The command for alerts: what waits and what was sent, a test of the addresses, and another try."""

from __future__ import annotations

import click

from lakeflow.as_json.alerts import alert_json, entry_json
from lakeflow.cli.output import Answer, OutputFormat, Records
from lakeflow.cli.screens.alerts import NO_ENTRIES, alerts_records, alerts_screen
from lakeflow.cli.session import Session, answers, now
from lakeflow.cli.text import Mark, align, line, screen
from lakeflow.core.alerts.outbox import AlertState

_SHOWN = 50


@click.command(
    epilog="list: the last alerts, newest first. test: a message to each entry of the settings, or to those named. "
    "send: judge who is late or degraded now, and try all that waits."
)
@click.argument("action", type=click.Choice(["list", "test", "send"]), default="list", metavar="[list|test|send]")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help=f"list: at most so many.  [default: {_SHOWN}]")
@answers(*OutputFormat)
def alerts(session: Session, action: str, names: tuple[str, ...], limit: int | None) -> Answer:
    """Say what was told to whom and what waits; test the addresses; send what waits."""
    if names and action != "test":
        raise click.UsageError(f"only `alerts test` takes names of entries, not `alerts {action}`")
    if limit is not None and action != "list":
        raise click.UsageError(f"--limit is for `alerts list`, not `alerts {action}`")
    if action == "test":
        return _test(session, names)
    return _list(session, limit or _SHOWN) if action == "list" else _send(session)


def _list(session: Session, limit: int) -> Answer:
    with session.lake() as lake:
        found, entries = lake.alerts.list(limit), lake.configured.alerts
    nothing = "Nothing was to be told yet" if entries else NO_ENTRIES
    data = {"entries": [entry_json(entry) for entry in entries], "alerts": [alert_json(alert) for alert in found]}
    return Answer(data, alerts_screen(found, nothing, now()), alerts_records(found))


def _send(session: Session) -> Answer:
    with session.lake() as lake:
        lake.alerts.judge()
        tried, entries = lake.alerts.send(everything=True), lake.configured.alerts
    failed = [alert for alert in tried if alert.state is AlertState.FAILED]
    nothing = "Nothing waits to be sent, or another process is sending it" if entries else NO_ENTRIES
    shown = alerts_screen(tried, nothing, now())
    data = {"alerts": [alert_json(alert) for alert in tried]}
    return Answer(data, shown, alerts_records(tried), exit_code=1 if failed else 0)


def _test(session: Session, names: tuple[str, ...]) -> Answer:
    with session.lake() as lake:
        tested = lake.alerts.test(*names)
    data = {"tested": [{"entry": one.name, "number": one.number, "problem": one.problem or None} for one in tested]}
    rows = [
        [line(Mark.BAD if one.problem else Mark.OK), line(one.name), line(one.problem or "took the message")]
        for one in tested
    ]
    records: Records = (("entry", "problem"), [(one.name, one.problem) for one in tested])
    shown = screen(align(rows)) if rows else line(NO_ENTRIES)
    return Answer(data, shown, records, exit_code=1 if any(one.problem for one in tested) else 0)
