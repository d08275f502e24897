"""The command `query`: one SELECT over the lake at one moment; without one, a prompt."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from lakeflow.cli.commands.ask.answering import QueryFormat, Wanted, answer, require_possible
from lakeflow.cli.commands.ask.prompt import converse
from lakeflow.cli.commands.options import as_of_option, env_option
from lakeflow.core.time.moments import moment

if TYPE_CHECKING:
    from lakeflow.cli.session import Session

_EXAMPLE: Final = (
    'Example: `lakeflow query "select carrier, count(*) from silver.flights group by all" --to carriers.csv`. '
    "Tables are assets, all of them read at one moment. Personal columns are masked. Without a SELECT it asks for one "
    "after the other, or reads them from stdin; each ends with a semicolon."
)


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
@env_option
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
    command, place = context.command_path.partition(" ")[2], to and to.absolute()
    wanted = Wanted(command, _form(output, to), sys.stdout, session.color, ref, as_of, limit, place)
    require_possible(wanted)
    text = _text(sql, script)
    if text is None and to is not None:
        raise click.UsageError("--to takes one SELECT: write it behind the command, or name its file: -f FILE")
    with session.lake() as lake:
        if text is None:
            context.exit(converse(lake, replace(wanted, as_of=_fixed(as_of)), sys.stdin))
        answer(lake, text, wanted)


def _text(sql: str | None, script: TextIO | None) -> str | None:
    """None: questions are read from stdin, one after the other."""
    if sql is not None and script is not None:
        raise click.UsageError("write the SELECT behind the command, or name its file: -f FILE")
    return sql if sql is not None else script.read() if script else None


def _fixed(as_of: str | None) -> datetime | str | None:
    """A time that is counted from now is the same for the whole prompt."""
    try:
        return None if as_of is None else moment(as_of, datetime.now(UTC))
    except ValueError:
        return as_of


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
