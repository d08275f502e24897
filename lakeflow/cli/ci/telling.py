"""The one place that chooses whom continuous integration is told by. Whatever goes wrong here fails no command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from lakeflow.core.errors import ProjectError
    from lakeflow.core.review.case import Case

_ASKED: Final = "lakeflow.cli.ci.junit"
_TOLD: Final = "lakeflow.cli.ci.told"


def _ask(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    context.meta[_ASKED] = value


junit_option = click.option(
    "--junit",
    metavar="FILE",
    expose_value=False,
    callback=_ask,
    help="Write the results to FILE as JUnit XML, too.",
)


def listens() -> bool:
    """Is there anybody to tell?"""
    context = click.get_current_context(silent=True)
    asked = context.meta.get(_ASKED) if context else None
    return bool(asked or _is_github() or os.environ.get("GITHUB_STEP_SUMMARY"))


def tell(root: str, cases: Callable[[], Sequence[Case]]) -> None:
    """Tell the results of this command, where somebody listens. A command tells once."""
    context = click.get_current_context(silent=True)
    if context is None or not listens() or context.meta.get(_TOLD):
        return
    context.meta[_TOLD] = True
    try:
        _tell(context, root, cases())
    except OSError as error:
        click.echo(f"! the results were not reported: {error.strerror} at {error.filename}", err=True)


def tell_faults(project: str, error: ProjectError) -> None:
    """Tell the faults of the project's files, which end a command before it has an answer."""
    if not listens():
        return
    from lakeflow.core.review.case import cases_of_faults  # noqa: PLC0415 - few are told
    from lakeflow.project import find_root  # noqa: PLC0415 - few are told

    tell(str(find_root(Path(project))), lambda: cases_of_faults(error.faults))


def _tell(context: click.Context, root: str, cases: Sequence[Case]) -> None:
    command = context.command_path.partition(" ")[2]
    if _is_github():
        from lakeflow.cli.ci.github import marks  # noqa: PLC0415 - only there

        for text in marks(cases, _folder(root)):
            click.echo(text, file=sys.stderr)
    if path := context.meta.get(_ASKED):
        from lakeflow.cli.ci.junit import junit  # noqa: PLC0415 - only who asked

        Path(path).write_text(junit(command, cases), encoding="utf-8")
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        from lakeflow.cli.ci.github import summary  # noqa: PLC0415 - only there

        with Path(path).open("a", encoding="utf-8") as file:
            file.write(summary(command, cases))


def _is_github() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _folder(root: str) -> str:
    """Where the project lies in the repository, as the beginning of a path."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    try:
        inner: Any = Path(root).resolve().relative_to(Path(workspace).resolve()) if workspace else Path()
    except ValueError:
        return ""
    return "" if inner == Path() else f"{inner.as_posix()}/"
