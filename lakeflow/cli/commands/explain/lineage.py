"""The command `lineage`: what was made from what, as a tree, a picture or events, or column by column."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import click

from lakeflow.as_json.columns import column_lineage_json
from lakeflow.as_json.values import lineage_json
from lakeflow.cli.commands.options import SELECTION_HELP, env_option, exclude_option
from lakeflow.cli.completion import complete_column
from lakeflow.cli.output import Answer, OutputFormat, emit, write
from lakeflow.cli.screens.columns import columns_records, columns_screen
from lakeflow.cli.screens.lake import lineage_records, lineage_screen, snapshot_label
from lakeflow.cli.session import now

if TYPE_CHECKING:
    from lakeflow.cli.session import Session
    from lakeflow.lake.reading import ReadableLake

_EXAMPLE = (
    "Examples: `lakeflow lineage +gold.sales -o svg > lineage.svg`, `lakeflow lineage --columns gold.sales.turnover`. "
)


class LineageFormat(StrEnum):
    """What lineage is answered in: as other commands, or as a text that others show or read."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    SVG = "svg"
    MERMAID = "mermaid"
    DOT = "dot"
    OPENLINEAGE = "openlineage"


Drawn = Literal["svg", "mermaid", "dot", "openlineage"]
_DRAWN: dict[LineageFormat, Drawn] = {
    LineageFormat.SVG: "svg",
    LineageFormat.MERMAID: "mermaid",
    LineageFormat.DOT: "dot",
    LineageFormat.OPENLINEAGE: "openlineage",
}


@click.command(epilog=_EXAMPLE + SELECTION_HELP)
@click.argument("selection", nargs=-1, metavar="[SELECTION|ASSET.COLUMN]...", shell_complete=complete_column)
@exclude_option
@click.option("--snapshots", "by_snapshot", is_flag=True, help="Which snapshots went into each other.")
@click.option("--columns", is_flag=True, is_eager=True, help="What ASSET.COLUMN is derived from, and what from it.")
@click.option(
    "-o",
    "--output",
    type=click.Choice([str(form) for form in LineageFormat]),
    default=str(LineageFormat.TABLE),
    show_default=True,
)
@click.pass_context
@env_option
def lineage(  # noqa: PLR0913, PLR0917 - an option each
    context: click.Context,
    selection: tuple[str, ...],
    exclude: str,
    by_snapshot: bool,
    columns: bool,
    output: str,
) -> None:
    """Show what was made from what: assets, snapshots, columns."""
    form = LineageFormat(output)
    session: Session = context.obj
    if columns and (by_snapshot or exclude):
        raise click.UsageError("--columns names columns: layer.name.column, or layer.name for all of an asset")
    if (columns or by_snapshot) and form in _DRAWN:
        raise click.UsageError(f"{form} shows assets: leave {'--columns' if columns else '--snapshots'} out")
    with session.afterwards, session.looking() as lake:
        text = lake.drawn(_DRAWN[form], *selection, exclude=exclude) if form in _DRAWN else ""
        answer = None if text else _answer(lake, selection, exclude, by_snapshot=by_snapshot, columns=columns)
    if answer is None:
        write(text, sys.stdout)
    else:
        emit(answer, OutputFormat(form), context.command_path.partition(" ")[2], color=session.color)


def _answer(lake: ReadableLake, named: tuple[str, ...], exclude: str, *, by_snapshot: bool, columns: bool) -> Answer:
    if columns:
        found = lake.column_lineage(*named)
        return Answer({"columns": column_lineage_json(found)}, columns_screen(found), columns_records(found))
    trees = lake.lineage(*named, exclude=exclude)
    data = {"lineage": [lineage_json(tree) for tree in trees]}
    text = lineage_screen(trees, now(), label=snapshot_label if by_snapshot else None)
    return Answer(data, text, lineage_records(trees))
