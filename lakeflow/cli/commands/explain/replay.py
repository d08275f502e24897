"""The command `replay`: a snapshot made again from what it recorded, and compared with what it holds."""

from __future__ import annotations

from typing import Final

import click

from lakeflow.cli.answers.replay import replay_answer
from lakeflow.cli.commands.options import env_option
from lakeflow.cli.completion import complete_asset
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.session import Session, answers

_EXAMPLE: Final = (
    "SNAPSHOT is `s4411…` as `lakeflow snapshots ASSET` shows it; without it, what readers see. Example: "
    "`lakeflow replay gold.shops@s353194`. Ends with 0 where the same rows came, with 1 where others did or the "
    "snapshot cannot be made again. Nothing in the lake changes."
)


@click.command(epilog=_EXAMPLE)
@click.argument("what", metavar="ASSET[@SNAPSHOT]", shell_complete=complete_asset)
@env_option
@answers(*OutputFormat)
def replay(session: Session, what: str) -> Answer:
    """Run the recorded code of a snapshot on its recorded inputs, and say whether the same rows come again."""
    with session.lake() as lake:
        return replay_answer(lake.replay(what))
