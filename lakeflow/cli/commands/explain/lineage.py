"""The command `lineage`: what was made from what, as a tree of assets or snapshots, or column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lakeflow.as_json.columns import column_lineage_json
from lakeflow.as_json.values import lineage_json
from lakeflow.cli.commands.options import SELECTION_HELP, exclude_option
from lakeflow.cli.completion import complete_column
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.screens.columns import columns_records, columns_screen
from lakeflow.cli.screens.lake import lineage_records, lineage_screen, snapshot_label
from lakeflow.cli.session import Session, answers, now

if TYPE_CHECKING:
    from lakeflow.lake.reading import ReadableLake

_EXAMPLE = "Example: `lakeflow lineage --columns gold.weather_delays.mean_dep_delay`. "


@click.command(epilog=_EXAMPLE + SELECTION_HELP)
@click.argument("selection", nargs=-1, metavar="[SELECTION|ASSET.COLUMN]...", shell_complete=complete_column)
@exclude_option
@click.option("--snapshots", "by_snapshot", is_flag=True, help="Which snapshots went into each other.")
@click.option(
    "--columns",
    is_flag=True,
    is_eager=True,
    help="What ASSET.COLUMN is derived from, and what from it.",
)
@answers(*OutputFormat)
def lineage(session: Session, selection: tuple[str, ...], exclude: str, by_snapshot: bool, columns: bool) -> Answer:
    """Show what was made from what: assets, snapshots, columns."""
    if columns and (by_snapshot or exclude):
        raise click.UsageError("--columns names columns: layer.name.column, or layer.name for all of an asset")
    with session.lake() as lake:
        return _columns(lake, selection) if columns else _assets(lake, selection, exclude, by_snapshot)


def _assets(lake: ReadableLake, selection: tuple[str, ...], exclude: str, by_snapshot: bool) -> Answer:
    trees = lake.lineage(*selection, exclude=exclude)
    data = {"lineage": [lineage_json(tree) for tree in trees]}
    text = lineage_screen(trees, now(), label=snapshot_label if by_snapshot else None)
    return Answer(data, text, lineage_records(trees))


def _columns(lake: ReadableLake, named: tuple[str, ...]) -> Answer:
    found = lake.column_lineage(*named)
    return Answer({"columns": column_lineage_json(found)}, columns_screen(found), columns_records(found))
