"""The command that stays: `serve` keeps a lake as it is declared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import click

from lakeflow.cli.commands.options import SELECTION_HELP, poll_option, takes_selection
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.session import Session, answers, now
from lakeflow.cli.text import line
from lakeflow.core.model.run import RunState
from lakeflow.core.wording import age, counted

PORT: Final = 9317


@click.command(epilog=SELECTION_HELP)
@takes_selection
@poll_option
@click.option(
    "--port",
    default=PORT,
    show_default=True,
    type=click.IntRange(0, 65_535),
    metavar="N",
    help="Answer /healthz and /metrics on this port of 127.0.0.1; 0 is any that is free.",
)
@click.option("--no-http", "silent", is_flag=True, help="Answer nowhere.")
@click.option("--no-ui", "hidden", is_flag=True, help="Do not show the lake in a browser there, only how `serve` is.")
@click.option("--once", is_flag=True, help="Do what is due now, and end: with 1 unless all of it was published.")
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def serve(session: Session, selection: tuple[str, ...], poll: float, **asked: Any) -> Answer:
    """Keep the lake as declared until told to end: run what is due, go on with what broke."""
    from lakeflow import serve as service  # noqa: PLC0415 - help must not pay for it

    if poll < 1:
        raise click.BadParameter("look once a second at most", param_hint="--poll")
    options = service.Options(
        session.project,
        session.placed,
        selection,
        asked["exclude"],
        timedelta(seconds=poll),
        None if asked["silent"] else asked["port"],
        not asked["hidden"],
    )
    session.hush()
    once = bool(asked["once"])
    pulse = (service.serve_once if once else service.serve)(options, _say)
    runs = sum(pulse.runs.values())
    data = {"runs": dict(pulse.runs), "looks": pulse.looks, "missed": pulse.missed, "fault": pulse.fault or None}
    said = f"served for {age(pulse.started_at, now())}: {counted(runs, 'run')}"
    well = not pulse.fault and not pulse.runs.keys() - {RunState.PUBLISHED}
    return Answer({"served": data}, line(said), exit_code=int(once and not well))


def _say(text: str) -> None:
    """A line for people and for a journal, with its time."""
    click.echo(f"{now():%Y-%m-%d %H:%M:%S}Z  {text}", err=True)
