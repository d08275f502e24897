"""Commands about whole tables: adopt one that exists, drop one that no asset defines any more."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta

import click

from lakeflow.cli.answers.garbage import garbage_answer
from lakeflow.cli.answers.run import readers_of, run_answer, step_errors
from lakeflow.cli.commands.options import older_than_option
from lakeflow.cli.completion import complete_asset
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.progress import progress
from lakeflow.cli.session import Session, answers, now
from lakeflow.cli.text import Mark, line, screen
from lakeflow.core.care.garbage import HALF
from lakeflow.core.model.run import RunState


@click.command(epilog="Nothing is copied. From then on lakeflow writes the table: let no other catalog write it too.")
@click.argument("asset", required=False, shell_complete=complete_asset)
@click.option(
    "--from",
    "place",
    metavar="PLACE",
    help="Its folder, one of its metadata files, or catalog.namespace.table.  [default: where it stands]",
)
@click.option("--warehouse", is_flag=True, help="Make the warehouse this lake's, though it holds files already.")
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def adopt(session: Session, asset: str | None, place: str | None, warehouse: bool) -> Answer:
    """Audit an Iceberg table that exists and make it the asset's, as it stands."""
    if warehouse == bool(asset) or (warehouse and place):
        raise click.UsageError("name the asset whose table this is, or say --warehouse alone")
    if not asset:
        folder = session.adopt_warehouse()
        said = line(Mark.OK, f" {folder} is this lake's warehouse; nothing in it was changed")
        return Answer({"warehouse": str(folder)}, screen([said]))
    with session.lake() as lake, progress(sys.stderr, color=session.color) as observer:
        run = lake.adopt(asset, place, observer=observer)
        answer = run_answer(run, readers_of(lake, run), now())
        left_alone = run.state is RunState.DISCARDED
        return replace(answer, exit_code=1, errors=step_errors(run)) if left_alone else answer


@click.command(epilog="Removes nothing without --delete. A table at which a run is at work is left for another time.")
@click.option("--delete", is_flag=True, help="Remove them.")
@click.option("--yes", is_flag=True, help="With --delete: also where that is more than half of the warehouse.")
@older_than_option
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def gc(session: Session, delete: bool, yes: bool, older_than: float) -> Answer:
    """Say which files nothing needs any more, or remove them: of expired and discarded snapshots, of failed loads."""
    age = timedelta(seconds=older_than)
    most = 1.0 if yes else HALF
    with session.lake() as lake:
        found = lake.collect_garbage(older_than=age, most=most) if delete else lake.garbage(older_than=age)
    return garbage_answer(found, deleted=delete)


@click.command(epilog="Its files stay until `lakeflow gc --delete`; `lakeflow adopt ASSET --from PLACE` takes it back.")
@click.argument("table")
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def drop(session: Session, table: str) -> Answer:
    """Take a table that no asset defines any more out of the catalog."""
    with session.lake() as lake:
        run = lake.drop(table)
    data = {"table": table, "run": run.id, "reason": run.reason}
    return Answer(data, screen([line(Mark.OK, f" {run.reason}")]))
