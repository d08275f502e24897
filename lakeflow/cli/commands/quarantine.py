"""The command for rows that checks refused."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from lakeflow.as_json.values import rows_json
from lakeflow.cli.answers.run import PlanWatch, planned_answer, readers_of
from lakeflow.cli.commands.options import asset_argument, env_option, wait_option
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.progress import progress
from lakeflow.cli.screens.rows import rows_records, rows_screen
from lakeflow.cli.screens.run import steps_records
from lakeflow.cli.session import Session, answers, now
from lakeflow.cli.text import line
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.wording import counted

_ROWS = 20


@click.command(
    epilog="show: those that wait, with check, reason, run and inputs; personal columns are masked. readmit: a run of "
    "its own appends what passes today's checks to the asset; nothing leaves the quarantine."
)
@click.argument("action", type=click.Choice(["show", "readmit"]))
@asset_argument
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help=f"show: at most so many.  [default: {_ROWS}]")
@wait_option
@env_option
@answers(*OutputFormat)
def quarantine(session: Session, action: str, asset: str, limit: int | None, wait: float) -> Answer:
    """Show the rows that checks refuse, or write back those that pass now."""
    if action == "show":
        if wait:
            raise click.UsageError("--wait is for readmit; show waits for nobody")
        return _show(session, asset, limit or _ROWS)
    if limit is not None:
        raise click.UsageError("--limit is for show; readmit tries every row that waits")
    return _readmit(session, asset, wait)


def _show(session: Session, asset: str, limit: int) -> Answer:
    with session.lake() as lake:
        found = lake.quarantined(asset, limit=limit)
    data = {"asset": str(owner_of(found.asset)), "quarantine": str(found.asset), "waiting": found.waiting}
    note = f"{counted(found.waiting, 'row')} waiting in {found.asset}" if found.waiting else ""
    return Answer({**data, **rows_json(found.rows)}, rows_screen(found.rows, note=note), rows_records(found.rows))


def _readmit(session: Session, asset: str, wait: float) -> Answer:
    with session.lake() as lake, progress(sys.stderr, color=session.color) as observer:
        watch = PlanWatch(observer)
        run = lake.readmit(asset, wait=wait, observer=watch)
        answer = replace(planned_answer(run, readers_of(lake, run), now(), watch.held), records=steps_records(run))
    return answer if run or watch.held else replace(answer, screen=line(f"no refused row of {asset} waits"))
