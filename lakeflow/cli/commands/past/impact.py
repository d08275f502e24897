"""The command `impact`: all that was made from a snapshot, and the plan that makes it anew."""

from __future__ import annotations

import click

from lakeflow.as_json.log import impact_json
from lakeflow.as_json.values import plan_json
from lakeflow.cli.commands.options import env_option
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.screens.past.impact import impact_records, impact_screen
from lakeflow.cli.screens.plan import plan_screen
from lakeflow.cli.session import Session, answers, now
from lakeflow.cli.text import screen

_EXAMPLE = (
    "Example: `lakeflow impact bronze.orders@s4411 --repair`. SNAPSHOT is its first digits, or a version (`v12`), "
    "a run, a tag, a time or a branch; without one it is what readers see."
)


@click.command(epilog=_EXAMPLE)
@click.argument("snapshot", metavar="ASSET[@SNAPSHOT]")
@click.option("--repair", is_flag=True, help="Plan what must be built again; touches nothing.")
@env_option
@answers(*OutputFormat)
def impact(session: Session, snapshot: str, repair: bool) -> Answer:
    """Show what came of a snapshot: all that read it, and what readers see of that."""
    with session.lake() as lake:
        found = lake.impact(snapshot)
        plan = lake.repair(found) if repair else None
        shown = impact_screen(found, now())
        told = screen([shown], [plan_screen(plan)]) if plan else shown
        data = {"impact": impact_json(found), "plan": plan_json(plan) if plan else None}
        return Answer(data, told, impact_records(found))
