"""The command `query`: one SELECT over the lake at one moment, on the screen, as JSON, or written as it comes."""

from __future__ import annotations

import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TextIO

import click

from lakeflow.as_json.values import rows_json
from lakeflow.cli.answers.pieces import standard_output, whole_file
from lakeflow.cli.commands.options import as_of_option
from lakeflow.cli.output import Answer, OutputFormat, emit, envelope
from lakeflow.cli.screens.rows import rows_records, rows_screen
from lakeflow.core.model.table import Rows
from lakeflow.core.wording import counted
from lakeflow.lake.results import Form, batches, write

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

    from lakeflow.cli.session import Session

_SCREENFUL: Final = 40
_EXAMPLE: Final = (
    'Example: `lakeflow query "select carrier, count(*) from silver.flights group by all" --to carriers.csv`. '
    "Tables are assets, all of them read at one moment. Personal columns are masked."
)


class QueryFormat(StrEnum):
    """What a query is answered in: as other commands, or in a form that needs memory for one batch of rows."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"


_FORMS: Final[dict[QueryFormat, Form]] = {
    QueryFormat.CSV: "csv",
    QueryFormat.PARQUET: "parquet",
    QueryFormat.ARROW: "arrow",
}


@click.command(epilog=_EXAMPLE)
@click.argument("sql", required=False)
@click.option("-f", "--file", "script", type=click.File(encoding="utf-8"), help="Read the SELECT here; `-` is stdin.")
@as_of_option
@click.option("--ref", default="main", show_default=True, help="A run's branches (`audit_…`, `held`) over main.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many rows; 40 on a screen.")
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), help="Write this file, whole or not at all.")
@click.option(
    "-o",
    "--output",
    type=click.Choice([str(form) for form in QueryFormat]),
    help="By default table, or what FILE ends with.",
)
@click.pass_context
def query(  # noqa: PLR0913, PLR0917 - an option each
    context: click.Context,
    sql: str | None,
    script: TextIO | None,
    as_of: str | None,
    ref: str,
    limit: int | None,
    to: Path | None,
    output: str | None,
) -> None:
    """Answer one SELECT over the assets. As csv, parquet or arrow the rows are written as they come, however many."""
    session: Session = context.obj
    command, text, form, out = context.command_path.partition(" ")[2], _text(sql, script), _form(output, to), sys.stdout
    on_screen = to is None and (form in {QueryFormat.TABLE, QueryFormat.JSON} or out.isatty())
    if (form in {QueryFormat.PARQUET, QueryFormat.ARROW} and on_screen) or (form is QueryFormat.PARQUET and to is None):
        raise click.UsageError(f"{form} is no text: name a file, --to rows.{form}")
    with session.lake() as lake:
        found = lake.query(text, ref=ref, as_of=as_of, personal="masked")
        found = found if limit is None else found.limit(limit)
        answer = _answer(found, form, limit) if on_screen else None
        if to is not None:
            with whole_file(to) as sink:
                _write(found, form, command, sink)
            click.echo(f"wrote {to}", err=True)
        elif answer is None:
            _write(found, form, command, standard_output(out))
    if answer is not None:
        emit(answer, OutputFormat(form), command, color=session.color)


def _text(sql: str | None, script: TextIO | None) -> str:
    if (sql is None) == (script is None):
        raise click.UsageError("write the SELECT behind the command, or name its file: -f FILE")
    return sql if sql is not None else script.read() if script else ""


def _form(output: str | None, to: Path | None) -> QueryFormat:
    if output is None and to is not None:
        named = to.suffix.removeprefix(".").lower()
        if named not in {*QueryFormat} - {QueryFormat.TABLE}:
            raise click.UsageError(f"{to.name!r} says no form: end it with .csv, .json, .parquet or .arrow, or give -o")
        return QueryFormat(named)
    form = QueryFormat(output or QueryFormat.TABLE)
    if to is not None and form is QueryFormat.TABLE:
        raise click.UsageError("a table is for a screen: -o csv, json, parquet or arrow for a file")
    return form


def _answer(found: DuckDBPyRelation, form: QueryFormat, limit: int | None) -> Answer:
    """All rows as text; on a screen no more than fit on one, unless a limit is given."""
    shortened = form is QueryFormat.TABLE and limit is None
    rows = _collected(found.limit(_SCREENFUL + 1) if shortened else found)
    note = ""
    if shortened and len(rows.values) > _SCREENFUL:
        rows = replace(rows, values=rows.values[:_SCREENFUL])
        note = f"there are more than these {counted(_SCREENFUL, 'row')}: --limit N, or --to rows.csv for all of them"
    return Answer(rows_json(rows), rows_screen(rows, note=note), rows_records(rows))


def _collected(found: DuckDBPyRelation) -> Rows:
    first, *others = batches(found)
    return replace(first, values=tuple(row for batch in others for row in batch.values))


def _write(found: DuckDBPyRelation, form: QueryFormat, command: str, sink: IO[bytes]) -> None:
    if form is QueryFormat.JSON:
        sink.write((envelope(command, _answer(found, form, None)) + "\n").encode())
    else:
        write(found, _FORMS[form], sink)
