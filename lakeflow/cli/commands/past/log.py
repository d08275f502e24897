"""The command `log`: the versions of the lake, and what each changed and why."""

from __future__ import annotations

import click

from lakeflow.as_json.log import log_json
from lakeflow.cli.commands.options import env_option, limit_option, takes_selection
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.screens.past.log import log_records, log_screen
from lakeflow.cli.session import Session, answers, now


@click.command(
    epilog="Example: `lakeflow log gold.mart --since 7d --code`. A version is taken wherever a time is: `v12`."
)
@takes_selection
@click.option("--since", metavar="MOMENT", help="Only what came after it: 7d, a date, v12, a run, a tag, a snapshot.")
@click.option("--code", is_flag=True, help="Show what changed in the code, where its text is kept.")
@limit_option
@env_option
@answers(*OutputFormat)
def log(  # noqa: PLR0913, PLR0917 - an option each
    session: Session, selection: tuple[str, ...], exclude: str, since: str | None, code: bool, limit: int
) -> Answer:
    """Show what readers came to see, newest first: versions, what changed, and why."""
    with session.looking() as lake:
        found = lake.log(*selection, exclude=exclude, since=since, limit=limit, code=code)
        return Answer(log_json(found), log_screen(found, now()), log_records(found))
