"""The command `parity`: an asset's SELECT on DuckDB and on Spark, side by side."""

from __future__ import annotations

from typing import Final

import click

from lakeflow.cli.answers.parity import parity_answer
from lakeflow.cli.commands.options import env_option
from lakeflow.cli.completion import complete_asset
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.session import Session, answers

_EXAMPLE: Final = (
    "The SELECT is translated, and both engines get the same rows of its inputs, as readers see them. Nothing in the "
    "lake changes. Example: `lakeflow parity gold.daily_traffic`. Spark has to be there. Personal columns are masked."
)


@click.command(epilog=_EXAMPLE)
@click.argument("asset", metavar="ASSET", shell_complete=complete_asset)
@click.option(
    "--sample",
    default=100_000,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Read so many rows of each input at most.",
)
@click.option(
    "--rows", default=5, show_default=True, type=click.IntRange(min=0), metavar="N", help="So many rows of each kind."
)
@click.option("--exit-code", "strict", is_flag=True, help="End with 1 unless both give the same rows.")
@env_option
@answers(*OutputFormat)
def parity(session: Session, asset: str, sample: int, rows: int, strict: bool) -> Answer:
    """Run the SELECT of an asset on DuckDB and on Spark, and say where they differ."""
    with session.lake() as lake:
        return parity_answer(lake.parity(asset, sample=sample, rows=rows), strict=strict)
