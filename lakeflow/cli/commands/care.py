"""Commands around a lake: make one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lakeflow.cli.output import Answer, Form
from lakeflow.cli.session import Session, answers
from lakeflow.cli.text import Mark, line, screen
from lakeflow.cli.words import counted
from lakeflow.project.scaffold import NEXT, scaffold


@click.command(epilog="Nothing that exists is overwritten. The sample needs no network.")
@click.argument("directory", default=".", metavar="[DIR]", type=click.Path(path_type=Path))
@answers(Form.TABLE, Form.JSON)
def init(session: Session, directory: Path) -> Answer:
    """Make a new project with a small sample in it, ready to materialize."""
    place = Path(session.project) / directory
    made = scaffold(place)
    first = [f"cd {place}"] if place.resolve() != Path.cwd() else []
    begin = [*first, "lakeflow materialize"]
    data: dict[str, Any] = {"root": str(place.resolve()), "files": list(made), "begin": begin, "next": list(NEXT)}
    head = line(Mark.OK, f" {place.resolve().name}: {counted(len(made), 'file')} in {place}")
    first_run = [line("Begin     ", f"`{' && '.join(begin)}`")]
    after = [line("It ends held: the sample is dirty on purpose. These explain and repair it:")]
    return Answer(data, screen([head], first_run, [*after, *(line(f"  {command}") for command in NEXT)]))
