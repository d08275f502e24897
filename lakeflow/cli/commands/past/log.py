"""The command `log`: the versions of the lake, and what each changed and why."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from lakeflow.as_json.log import log_json
from lakeflow.cli.commands.options import limit_option, takes_selection
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.screens.log import log_records, log_screen
from lakeflow.cli.session import Session, answers, now
from lakeflow.core.time.moments import moment


@click.command(
    epilog="Example: `lakeflow log gold.mart --since 7d --code`. A version is taken wherever a time is: `v12`."
)
@takes_selection
@click.option("--since", metavar="MOMENT", help="Only what came after it: 7d, a date, v12, a run, a tag, a snapshot.")
@click.option("--code", is_flag=True, help="Show what changed in the code, where its text is kept.")
@limit_option
@answers(*OutputFormat)
def log(  # noqa: PLR0913, PLR0917 - an option each
    session: Session, selection: tuple[str, ...], exclude: str, since: str | None, code: bool, limit: int
) -> Answer:
    """Show what readers came to see, newest first: versions, what changed, and why."""
    with session.looking() as lake:
        found = lake.log(*selection, exclude=exclude, since=_since(since), limit=limit, code=code)
        return Answer(log_json(found), log_screen(found, now()), log_records(found))


def _since(text: str | None) -> datetime | str | None:
    """A time, or else what names a moment of the lake."""
    if text is None:
        return None
    try:
        return moment(text, datetime.now(UTC))
    except ValueError as error:
        if "still to come" in str(error) or not text.strip():
            raise click.UsageError(f"--since: {error}") from None
        return text
