"""The command `verify`: is what stands in the lake what was audited?"""

from __future__ import annotations

from typing import Final

import click

from lakeflow.as_json.verification import verification_json
from lakeflow.cli.commands.options import SELECTION_HELP, env_option, takes_selection
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.screens.verification import verification_records, verification_screen
from lakeflow.cli.session import Session, answers

_EXAMPLE: Final = (
    "Example: `lakeflow verify gold.* --deep`. Ends with 0 when everything is as audited, with 1 when a fault was "
    "found. It needs no ledger: where that is lost, the proofs beside the tables are judged. "
)


@click.command(epilog=_EXAMPLE + SELECTION_HELP)
@takes_selection
@click.option("--deep", is_flag=True, help="Open every file of live snapshots and compare all that is recorded of it.")
@env_option
@answers(*OutputFormat)
def verify(session: Session, selection: tuple[str, ...], exclude: str, deep: bool) -> Answer:
    """Say whether each snapshot on main is proven, each file there, each record true."""
    with session.looking() as lake:
        found = lake.verify(*selection, exclude=exclude, deep=deep)
        shown = verification_screen(found)
        return Answer(verification_json(found), shown, verification_records(found), exit_code=int(not found.is_sound))
