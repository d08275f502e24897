"""The command that names what readers see or saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from lakeflow.cli.commands.options import env_option
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.session import Session, answers
from lakeflow.cli.text import Mark, align, line, screen
from lakeflow.core.care.tags import Tagged
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.wording import counted


@click.command(epilog="Every engine reads it: `lakeflow show ASSET --ref NAME`, `SELECT … VERSION AS OF 'NAME'`.")
@click.argument("name", required=False)
@click.argument("run", required=False)
@click.option("--delete", is_flag=True, help="Remove the tag NAME; what only it kept is let go.")
@env_option
@answers(*OutputFormat)
def tag(session: Session, name: str | None, run: str | None, delete: bool) -> Answer:
    """Name what readers see of all tables, for as long as somebody wants it.

    With RUN it is what they saw after that run. Without NAME the tags are listed.
    """
    if delete and (name is None or run is not None):
        raise click.UsageError("--delete takes the name of a tag and nothing else")
    if name is None:
        with session.looking() as lake:
            return _answer(lake.tags(), "")
    with session.lake() as lake:
        found = lake.untag(name) if delete else lake.tag(name, run)
        return _answer((found,), "removed" if delete else "set")


def _answer(found: Sequence[Tagged], done: str) -> Answer:
    data = {"tags": [_json(one) for one in found], "done": done or None}
    named = ((one.name, key, at) for one in found for key, at in one.snapshots.items())
    records: list[tuple[str, ...]] = [(name, str(key), str(at)) for name, key, at in named]
    return Answer(data, screen(_lines(found, done)), (("tag", "asset", "snapshot_id"), records))


def _lines(found: Sequence[Tagged], done: str) -> list[Any]:
    if done:
        (one,) = found
        said = [(line(f"  {key}"), line(short_id(at))) for key, at in one.snapshots.items()]
        return [line(Mark.OK, f" {one.name} {done} in {counted(len(one.snapshots), 'table')}"), *align(said)]
    if not found:
        return [line("No tags: `lakeflow tag NAME` names what readers see now")]
    return align([(line(one.name), line(counted(len(one.snapshots), "table"))) for one in found])


def _json(one: Tagged) -> dict[str, Any]:
    return {"name": one.name, "snapshots": {str(key): str(at) for key, at in one.snapshots.items()}}
