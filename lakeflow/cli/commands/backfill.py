"""The command that builds a span of time."""

from __future__ import annotations

import sys
from typing import Any

import click

from lakeflow.cli.answers.backfill import backfill_answer, backfill_code, backfill_progress
from lakeflow.cli.commands.options import SELECTION_HELP, env_option, events_option, takes_selection, wait_option
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.progress import event_stream
from lakeflow.cli.session import Session, answers
from lakeflow.core.time.timeline import parse_last, parse_wall


def _checked(parse: Any) -> Any:
    def check(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        try:
            if value is not None:
                parse(value)
        except ValueError:
            raise click.BadParameter(f"{value!r} is no date; write 2013, 2013-02 or 2013-02-12") from None
        return value

    return check


@click.command(epilog=SELECTION_HELP)
@takes_selection
@click.option("--from", "start", metavar="DATE", callback=_checked(parse_wall), help="The first year, month or day.")
@click.option("--to", "end", metavar="DATE", callback=_checked(parse_last), help="The last year, month or day.")
@click.option("--failed-and-missing", "only_missing", is_flag=True, help="Only what is not built as of today's code.")
@click.option(
    "--parallel",
    "size",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="So many partitions a run: computed together on all cores, published in one commit.",
)
@events_option
@wait_option
@env_option
@answers(*OutputFormat)
def backfill(
    session: Session, selection: tuple[str, ...], start: str | None, end: str | None, **asked: Any
) -> Answer | int:
    """Build the partitions of a span of time, oldest first. Each run is audited and published before the next begins.

    Stopped or killed, it goes on with --failed-and-missing.
    """
    carry_out = _stream if asked.pop("events") else _follow
    return carry_out(session, selection, {"between": (start, end), **asked})


def _follow(session: Session, selection: tuple[str, ...], asked: dict[str, Any]) -> Answer:
    with session.lake() as lake, backfill_progress(sys.stderr, color=session.color) as observer:
        return backfill_answer(lake.backfill(*selection, observer=observer, **asked))


def _stream(session: Session, selection: tuple[str, ...], asked: dict[str, Any]) -> int:
    """The stream ends with the last window."""
    stdout = sys.stdout
    with session.lake() as lake:
        return backfill_code(lake.backfill(*selection, observer=event_stream(stdout), **asked))
