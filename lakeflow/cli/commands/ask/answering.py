"""One question answered in the form that is wanted: on the screen, or written as it comes."""

from __future__ import annotations

from contextlib import redirect_stdout
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TextIO

import click

from lakeflow.as_json.values import rows_json
from lakeflow.cli.answers.pieces import standard_output, whole_file
from lakeflow.cli.answers.streamed import RowsEnvelope, ended_well
from lakeflow.cli.output import Answer, OutputFormat, emit
from lakeflow.cli.screens.rows import rows_records, rows_screen
from lakeflow.core.model.table import Rows
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted
from lakeflow.lake.results import Form, attended, batches, write

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

    from lakeflow.lake.lake import Lake

_SCREENFUL: Final = 40


class QueryFormat(StrEnum):
    """What a query is answered in: for a screen, or in a form that needs memory for one batch of rows."""

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


@dataclass(frozen=True)
class Wanted:
    """How questions are answered: in which form, where, at which moment. `out` is the command's own stdout: while a
    lake is open, what user code prints to stdout goes elsewhere.
    """

    command: str
    form: QueryFormat
    out: TextIO
    color: bool
    ref: str = "main"
    as_of: datetime | str | None = None
    limit: int | None = None
    to: Path | None = None

    @property
    def on_screen(self) -> bool:
        return self.to is None and (self.form is QueryFormat.TABLE or self.out.isatty())


def require_possible(wanted: Wanted) -> None:
    """UsageError for bytes on a screen, and for Parquet, whose beginning is written last, through a pipe."""
    form = wanted.form
    bytes_on_screen = form in {QueryFormat.PARQUET, QueryFormat.ARROW} and wanted.on_screen
    if bytes_on_screen or (form is QueryFormat.PARQUET and wanted.to is None):
        raise click.UsageError(f"{form} is no text: name a file, --to rows.{form}")


def answer(lake: Lake, text: str, wanted: Wanted) -> None:
    """Answer one question. Ctrl-C ends it at once."""
    found = lake.query(text, ref=wanted.ref, as_of=wanted.as_of, personal="masked")
    found = found if wanted.limit is None else found.limit(wanted.limit)
    if wanted.to is not None:
        with whole_file(wanted.to.absolute()) as sink:
            attended(lake, lambda: _write(found, wanted, sink))
        click.echo(f"wrote {wanted.to}", err=True)
    elif wanted.on_screen and wanted.form is not QueryFormat.JSON:
        shown = attended(lake, lambda: _answer(found, wanted.form, wanted.limit))
        with redirect_stdout(wanted.out):
            emit(shown, OutputFormat(wanted.form), wanted.command, color=wanted.color)
    else:
        sink = standard_output(wanted.out)
        _stream(lake, found, wanted, sink)
        sink.flush()


def _stream(lake: Lake, found: DuckDBPyRelation, wanted: Wanted, sink: IO[bytes]) -> None:
    """Write to stdout as it comes. An envelope that has begun is ended whatever happens."""
    if wanted.form is not QueryFormat.JSON:
        attended(lake, lambda: _write(found, wanted, sink))
        return
    envelope = RowsEnvelope(wanted.command, sink)
    with ended_well(envelope):
        attended(lake, lambda: envelope.write(batches(found)))


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


def _write(found: DuckDBPyRelation, wanted: Wanted, sink: IO[bytes]) -> None:
    if wanted.form is QueryFormat.JSON:
        envelope = RowsEnvelope(wanted.command, sink)
        envelope.write(batches(found))
        envelope.end()
    else:
        write(found, _FORMS[wanted.form], sink)
