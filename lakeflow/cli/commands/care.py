"""Commands that make a lake, copy it, and find what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakeflow.cli.answers.care import (
    backup_answer,
    findings_answer,
    mended_answer,
    moved_answer,
    rebuilt_answer,
    relocated_answer,
    restored_answer,
)
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.session import Session, answers
from lakeflow.cli.text import Mark, line, screen
from lakeflow.core.wording import counted
from lakeflow.project.scaffold import NEXT, Sample, Workflows, is_project, scaffold

if TYPE_CHECKING:
    from lakeflow.cli.text import Text


@click.command(
    epilog="Nothing that exists is overwritten. The sample needs no network. In a project that is there already, "
    "`lakeflow init --ci github` adds the workflows alone."
)
@click.argument("directory", default=".", metavar="[DIR]", type=click.Path(path_type=Path))
@click.option("--empty", is_flag=True, help="Without the sample: the settings and empty folders.")
@click.option(
    "--ci",
    type=click.Choice([str(each) for each in Workflows]),
    help="Whose workflows are written: they check a change, build it in an environment, show what it does in a "
    "comment, and promote it when it is merged.  [default: both; with --empty none]",
)
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def init(session: Session, directory: Path, empty: bool, ci: str | None) -> Answer:
    """Make a new project with a small sample in it, ready to materialize."""
    place = Path(session.project) / directory
    if ci and not empty and is_project(place):
        return _with_workflows(place, Workflows(ci))
    workflows = Workflows(ci) if ci else Workflows.NONE if empty else Workflows.BOTH
    made = scaffold(place, Sample.NONE if empty else Sample.SMALL, workflows)
    first = [f"cd {place}"] if place.resolve() != Path.cwd() else []
    begin = [*first, "lakeflow check" if empty else "lakeflow materialize"]
    after: list[str] = [] if empty else list(NEXT)
    data = _made(place, made, begin, after)
    first_run = [line("Begin     ", f"`{' && '.join(begin)}`")]
    told = "It ends held: the sample is dirty on purpose. These explain and repair it:"
    if empty:
        told = "A table is a file: `layers/bronze/orders.sql` with a SELECT in it is bronze.orders."
    steps = [line(told), *(line(f"  {command}") for command in after)]
    return Answer(data, screen([_head(place, made)], first_run, steps))


def _with_workflows(place: Path, workflows: Workflows) -> Answer:
    made = scaffold(place, Sample.THERE, workflows)
    told = "What they need is said at their beginning; they lie at the root of the repository."
    return Answer(_made(place, made, [], []), screen([_head(place, made)], [line(told)]))


def _made(place: Path, made: Sequence[str], begin: list[str], after: list[str]) -> dict[str, Any]:
    return {"root": str(place.resolve()), "files": list(made), "begin": begin, "next": after}


def _head(place: Path, made: Sequence[str]) -> Text:
    return line(Mark.OK, f" {place.resolve().name}: {counted(len(made), 'file')} in {place}")


@click.command(epilog="Runs may go on meanwhile. How to put a copy back: docs/operations.md.")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def backup(session: Session, directory: Path) -> Answer:
    """Copy the lake, as it is at one moment, to a folder that is new or empty."""
    return backup_answer(session.backup(directory), directory)


@click.command(epilog="For example: lakeflow migrate --to 'postgresql://lake:${LAKE_PASSWORD}@db/lake'")
@click.option("--to", required=True, metavar="URL", help="The database; a password in it as ${VARIABLE}.")
@click.option(
    "--warehouse", default="", metavar="PLACE", help="Copy the tables to this folder or s3:// place; else they stay."
)
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def migrate(session: Session, to: str, warehouse: str) -> Answer:
    """Move an embedded lake to PostgreSQL, all of it or nothing."""
    return moved_answer(session.migrate(to, warehouse))


@click.command(
    epilog="Ends with 0 when all is well, with 1 when something was found. Without an option nothing is changed."
)
@click.option("--relocate", "moves", is_flag=True, help="Give the tables of a moved or copied folder their new place.")
@click.option("--mend-times", "mends", is_flag=True, help="Set times to come, which a fast clock left, to now.")
@click.option("--deep", is_flag=True, help="Read all data, and compare it with the SHA-256 of what was written.")
@click.option(
    "--rebuild-catalog", "rebuilds", is_flag=True, help="Make a lost database again from the tables' own metadata."
)
@click.option(
    "--rebuild-ledger", "restores", is_flag=True, help="Give a lost ledger back what the tables and proofs know."
)
@answers(*OutputFormat)
def doctor(  # noqa: PLR0913, PLR0917 - an option each
    session: Session, moves: bool, mends: bool, rebuilds: bool, restores: bool, deep: bool
) -> Answer:
    """Say what is wrong with this machine or this lake, and what to type."""
    if rebuilds and moves:
        raise click.UsageError("--rebuild-catalog comes first, --relocate after it")
    if restores and (rebuilds or moves or mends):
        raise click.UsageError("--rebuild-ledger stands alone")
    if restores:
        return restored_answer(session.rebuild_ledger(), session.doctor(deep=deep))
    if rebuilds:
        return rebuilt_answer(session.rebuild_catalog(), session.doctor(deep=deep))
    done = session.relocate() if moves else None
    mended = session.mend_times() if mends else None
    answer = findings_answer(session.doctor(deep=deep))
    answer = answer if mended is None else mended_answer(mended, answer)
    return answer if done is None else relocated_answer(done, answer)
