"""The command that runs today's checks on existing snapshots."""

from __future__ import annotations

from typing import Any

import click

from lakeflow.cli.commands.options import SELECTION_HELP, takes_selection
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.screens.audit import audit_screen, history_screen, inspected_json, inspected_records
from lakeflow.cli.screens.checks import every_check
from lakeflow.cli.session import Session, answers, now


@click.command(epilog=SELECTION_HELP)
@takes_selection
@click.option("--ref", help="A branch such as `audit_…`; `held`: the newest one of each asset.  [default: main]")
@click.option("--snapshot", help="One snapshot of one asset: `s` and the first digits of its id.")
@click.option(
    "--history", type=click.IntRange(min=1), metavar="N", help="The last N published snapshots of each asset."
)
@click.option("--run", metavar="RUN", help="What that run's audits recorded; nothing is audited again.")
@click.option("--verbose", "-v", is_flag=True, help="Name the checks that passed, too.")
@click.option("--gx", is_flag=True, help="With each expectation Great Expectations' own result (only as JSON).")
@click.option("--data-docs", metavar="DIR", help="Write Great Expectations' own HTML of the results there.")
@answers(*OutputFormat)
def audit(session: Session, selection: tuple[str, ...], exclude: str, **options: Any) -> Answer:
    """Run today's checks on what stands already; writes and records nothing.

    Ends with 1 when they would hold something.
    """
    places = ("ref", "snapshot", "history", "run")
    where = {name: options[name] for name in places if options[name] is not None}
    if len(where) > 1:
        raise click.UsageError("--ref, --snapshot, --history and --run exclude each other")
    if options["gx"] and click.get_current_context().params["output"] != OutputFormat.JSON:
        raise click.UsageError("--gx is JSON; add --output json")
    with session.lake() as lake:
        if "run" in where:
            found = lake.audited(where["run"], *selection, exclude=exclude)
        else:
            found = lake.audit(*selection, exclude=exclude, **where)
        if options["data_docs"]:
            lake.data_docs(options["data_docs"], found)
    more = {"shown": every_check} if options["verbose"] else {}
    text = history_screen(found, now(), **more) if "history" in where else audit_screen(found, **more)
    data = {"audits": [inspected_json(one, gx=options["gx"]) for one in found]}
    return Answer(data, text, inspected_records(found), exit_code=int(any(one.reason for one in found)))
