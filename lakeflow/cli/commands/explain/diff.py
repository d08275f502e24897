"""The command `diff`: two states of an asset side by side, or all tables of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from lakeflow.as_json.comparison import comparison_json
from lakeflow.cli.commands.options import env_option
from lakeflow.cli.completion import complete_asset
from lakeflow.cli.output import MARKDOWN, Answer, OutputFormat
from lakeflow.cli.screens.comparison import comparison_records, comparison_screen
from lakeflow.cli.session import Session, answers, wants_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakeflow.core.compare.comparison import Comparison
    from lakeflow.lake.reading import ReadableLake

_EXAMPLE: Final = (
    "A and B are refs (`main`, `held`, `audit_…`, a tag), snapshots (`s4411`), times (`7d`, `2026-01-31`, `now`), "
    "versions (`v12`) or runs. Without them: what is held against what readers see, else what they see against what "
    "they saw before. "
    "Example: `lakeflow diff silver.weather main..held`. Personal columns are masked."
)


@click.command(epilog=_EXAMPLE)
@click.argument("what", metavar="ASSET|RUN", shell_complete=complete_asset)
@click.argument("between", metavar="[A..B]", default="")
@click.option("--stat", is_flag=True, help="Only the numbers, no rows.")
@click.option(
    "--rows", default=5, show_default=True, type=click.IntRange(min=0), metavar="N", help="So many rows of each kind."
)
@click.option("--where", metavar="SQL", default="", help="Only rows, on both sides, for which this condition holds.")
@click.option("--exit-code", "strict", is_flag=True, help="End with 1 when there are changes.")
@env_option
@answers(*OutputFormat, MARKDOWN)
def diff(  # noqa: PLR0913, PLR0917 - an option each
    session: Session, what: str, between: str, stat: bool, rows: int, where: str, strict: bool
) -> Answer:
    """Compare two states of an asset: its columns, its rows, and what changed in them. Of a RUN, all its tables."""
    with session.looking() as lake:
        one = _is_asset(lake, what)
        if not one and between:
            raise click.UsageError("A..B are states of one asset, and a run has several: name the asset")
        shown = 0 if stat else rows
        found = (
            (lake.diff(what, between, where=where, rows=shown),)
            if one
            else lake.diff_run(what, where=where, rows=shown)
        )
    told = [comparison_json(each) for each in found]
    changes = strict and any(each.changes for each in found)
    data = {"diff": told[0] if one else told}
    text = _markdown(found) if wants_markdown() else ""
    return Answer(data, comparison_screen(found), comparison_records(found), exit_code=int(changes), markdown=text)


def _markdown(found: Sequence[Comparison]) -> str:
    from lakeflow.as_markdown.comparisons import comparisons_markdown  # noqa: PLC0415 - few want a comment

    return comparisons_markdown(found)


def _is_asset(lake: ReadableLake, word: str) -> bool:
    """An asset is named with its layer, or alone where that names one; a run's id has no dot."""
    return "." in word or any(word == key.name for key in lake.project.assets)
