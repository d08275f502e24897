"""Commands about whole tables: adopt one, drop one, remove what none needs, and move rows into fewer files."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta

import click

from lakeflow.cli.answers.compact import compact_answer
from lakeflow.cli.answers.garbage import garbage_answer
from lakeflow.cli.answers.run import readers_of, run_answer, step_errors
from lakeflow.cli.commands.options import SELECTION_HELP, env_option, older_than_option, takes_selection, wait_option
from lakeflow.cli.completion import complete_asset
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.progress import progress
from lakeflow.cli.session import Session, answers, now
from lakeflow.cli.text import Mark, line, screen
from lakeflow.core.care.garbage import HALF
from lakeflow.core.compact.work import LEAST_BYTES
from lakeflow.core.model.run import RunState
from lakeflow.core.wording import parse_bytes


def _size(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    try:
        size = None if value is None else parse_bytes(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if size is not None and size < LEAST_BYTES:
        raise click.BadParameter(f"{value} is too small a file: {LEAST_BYTES} bytes at least")
    return size


@click.command(epilog="Nothing is copied. From then on lakeflow writes the table: let no other catalog write it too.")
@click.argument("asset", required=False, shell_complete=complete_asset)
@click.option(
    "--from",
    "place",
    metavar="PLACE",
    help="Its folder, one of its metadata files, or catalog.namespace.table.  [default: where it stands]",
)
@click.option("--warehouse", is_flag=True, help="Make the warehouse this lake's, though it holds files already.")
@env_option
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


@click.command(
    epilog="Example: `lakeflow compact bronze.* --dry-run`. No row changes: what is published was proved to hold "
    "the very same rows. A table that a run is at work on is left for another time. " + SELECTION_HELP
)
@takes_selection
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option(
    "--target-size",
    callback=_size,
    metavar="SIZE",
    help="About so large are files (128MB, 512MiB).  [default: file_size of the settings]",
)
@wait_option
@env_option
@answers(*OutputFormat)
def compact(  # noqa: PLR0913, PLR0917 - an option each
    session: Session, selection: tuple[str, ...], exclude: str, dry_run: bool, target_size: int | None, wait: float
) -> Answer:
    """Move the rows of small files into fewer ones, and merge manifests; delete files are applied."""
    with session.lake() as lake:
        found = lake.compact(*selection, exclude=exclude, target=target_size, dry_run=dry_run, wait=wait)
    return compact_answer(found, dry=dry_run)


@click.command(epilog="Its files stay until `lakeflow gc --delete`; `lakeflow adopt ASSET --from PLACE` takes it back.")
@click.argument("table")
@env_option
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def drop(session: Session, table: str) -> Answer:
    """Take a table that no asset defines any more out of the catalog."""
    with session.lake() as lake:
        run = lake.drop(table)
    data = {"table": table, "run": run.id, "reason": run.reason}
    return Answer(data, screen([line(Mark.OK, f" {run.reason}")]))
