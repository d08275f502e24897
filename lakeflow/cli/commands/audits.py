"""The command that runs today's checks on what stands already."""

from __future__ import annotations

from typing import Any

import click

from lakeflow.cli.commands.options import SELECTION_HELP, takes_selection
from lakeflow.cli.output import Answer, Form
from lakeflow.cli.render_audit import audit_screen, history_screen, inspected_json, inspected_records
from lakeflow.cli.session import Session, answers, now


@click.command(epilog=SELECTION_HELP)
@takes_selection
@click.option("--ref", help="A branch such as `audit_…`; `held`: the newest one of each asset.  [default: main]")
@click.option("--snapshot", help="One snapshot of one asset: `s` and the first digits of its id.")
@click.option(
    "--history", type=click.IntRange(min=1), metavar="N", help="The last N published snapshots of each asset."
)
@answers(*Form)
def audit(session: Session, selection: tuple[str, ...], exclude: str, **where: Any) -> Answer:
    """Run today's checks on what stands already; writes and records nothing.

    Ends with 1 when they would hold something.
    """
    ref, snapshot, history = where["ref"], where["snapshot"], where["history"]
    if sum(each is not None for each in (ref, snapshot, history)) > 1:
        raise click.UsageError("--ref, --snapshot and --history exclude each other")
    with session.lake() as lake:
        found = lake.audit(*selection, exclude=exclude, ref=ref or "main", snapshot=snapshot, history=history or 1)
    text = history_screen(found, now()) if history else audit_screen(found)
    data = {"audits": [inspected_json(one) for one in found]}
    return Answer(data, text, inspected_records(found), exit_code=int(any(one.reason for one in found)))
