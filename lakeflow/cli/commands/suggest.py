"""The command that suggests checks."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lakeflow.cli.commands.options import asset_argument
from lakeflow.cli.output import Answer, OutputFormat, write
from lakeflow.cli.screens.suggest import notes, suggested_json, suggested_records, written_screen
from lakeflow.cli.session import Session, answers
from lakeflow.cli.text import clean
from lakeflow.core.suggest.suggestion import Suggestion

_EXAMPLE = (
    "Example: `lakeflow suggest silver.weather`, and `lakeflow suggest silver.weather --write` once it reads well. "
    "Every check that is suggested holds on all the snapshots that it was made from."
)


@click.command(epilog=_EXAMPLE)
@asset_argument
@click.option(
    "--history",
    default=6,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Made from, and tried on, the last N snapshots that an audit published.",
)
@click.option("--write", "writes", is_flag=True, help="Put them into the asset's check file.")
@answers(*OutputFormat)
def suggest(session: Session, asset: str, history: int, writes: bool) -> Answer | int:
    """Suggest checks for an asset from its own past, as the text of a check file.

    Nothing is suggested that its checks, its key or its schema say already. Prints the file; writes it only when asked.
    """
    with session.lake() as lake:
        found = lake.suggest(asset, history=history)
        path = lake.write_checks(found) if writes else None
    return _answer(found, path)


def _answer(found: Suggestion, path: Path | None) -> Answer | int:
    for note in notes(found):
        click.echo(clean(note), err=True)
    data = suggested_json(found, written=path is not None and bool(found.proposals))
    plain = click.get_current_context().params["output"] == OutputFormat.TABLE
    if path is None and plain:
        write(_text(found), sys.stdout)
        return 0
    return Answer(data, written_screen(found), suggested_records(found))


def _text(found: Suggestion) -> str:
    """The file byte by byte, for a pipe; on a terminal no character of it acts."""
    text = found.text if found.text is not None else found.paste
    return "".join(f"{clean(line)}\n" for line in text.splitlines()) if sys.stdout.isatty() else text
