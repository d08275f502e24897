"""The command that copies tables out of the lake, for whoever reads files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lakeflow.as_json.values import id_text
from lakeflow.cli.commands.options import SELECTION_HELP, as_of_option, env_option, takes_selection
from lakeflow.cli.output import Answer, OutputFormat, Records
from lakeflow.cli.session import Session, answers
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.export.exported import Exported, ExportedTable
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.wording import counted

_EXAMPLE = "Example: `lakeflow export layer:gold --to bi.duckdb`. "


@click.command(epilog=_EXAMPLE + SELECTION_HELP)
@takes_selection
@click.option("--to", required=True, metavar="DIR|FILE.duckdb", help="The place; an earlier export there is replaced.")
@as_of_option
@click.option("--ref", default="main", show_default=True, help="A run's branches (`audit_…`, `held`) over main.")
@click.option("--show-personal", is_flag=True, help="Write values of personal columns, which are masked otherwise.")
@env_option
@answers(*OutputFormat)
def export(session: Session, selection: tuple[str, ...], to: str, show_personal: bool, **options: str | None) -> Answer:
    """Copy tables of one moment to Parquet files or one DuckDB file.

    Readers find the old export there or the new one, whole. Without a SELECTION all assets go that readers see.
    """
    place = Path(to).absolute()
    with session.lake() as lake:
        done = lake.export(
            *selection,
            to=place,
            exclude=options["exclude"] or "",
            ref=options["ref"] or "main",
            as_of=options["as_of"],
            personal="shown" if show_personal else "masked",
        )
    lines = align(
        (line(Mark.OK, f" {one.asset}"), line(counted(one.rows, "row")), line(short_id(one.snapshot_id)), _masked(one))
        for one in done.tables
    )
    left = [line(Mark.NONE, f" {key} left out: readers saw nothing of it") for key in done.left_out]
    tail = line(f"{counted(len(done.tables), 'table')} in {to}")
    return Answer({"export": _json(done)}, screen([*lines, *left, tail]), _records(done))


def _masked(one: ExportedTable) -> Text:
    return line((f"masked: {', '.join(one.hidden)}" if one.hidden else "", "dim"))


def _json(done: Exported) -> dict[str, Any]:
    tables = [
        {
            "asset": str(one.asset),
            "snapshot_id": id_text(one.snapshot_id),
            "rows": one.rows,
            "name": one.name,
            "masked": list(one.hidden),
        }
        for one in done.tables
    ]
    return {"to": done.to, "form": str(done.form), "tables": tables, "left_out": [str(key) for key in done.left_out]}


def _records(done: Exported) -> Records:
    rows = [(str(one.asset), str(one.snapshot_id), str(one.rows), one.name) for one in done.tables]
    return ("asset", "snapshot_id", "rows", "name"), [tuple(row) for row in rows]
