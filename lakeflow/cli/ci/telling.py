"""The one place that chooses whom continuous integration is told by. Whatever goes wrong here fails no command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lakeflow.core.errors import ConfigError, LakeflowError, ProjectError

if TYPE_CHECKING:
    from lakeflow.core.model.asset import Project
    from lakeflow.core.review.case import Case, ProjectFiles

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


def files_of(project: Project) -> ProjectFiles:
    """The project with its files, as they are on the disk."""
    from lakeflow.core.review.case import ProjectFiles  # noqa: PLC0415 - few are told

    return ProjectFiles(project, lambda path: _text(Path(project.root, path)))


def tell_error(project: str, error: LakeflowError) -> None:
    """Tell what ends a command before it has an answer: faults of the project's files, or of its settings."""
    if not isinstance(error, ProjectError | ConfigError) or not listens():
        return
    from lakeflow.core.review.case import case_of_error, cases_of_faults  # noqa: PLC0415 - few are told
    from lakeflow.project import find_root  # noqa: PLC0415 - few are told

    root = find_root(Path(project))
    if isinstance(error, ProjectError):
        tell(str(root), lambda: cases_of_faults(error.faults))
    elif cases := case_of_error(error, _text(root / "pyproject.toml")):
        tell(str(root), lambda: cases)


def _text(path: Path) -> str:
    """What the file holds; empty where it cannot be read, so that its line is the first."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _tell(context: click.Context, root: str, found: Sequence[Case]) -> None:
    command = context.command_path.partition(" ")[2]
    folder = _folder(Path(root).resolve())
    cases = [replace(each, path=f"{folder}{each.path}") if each.path else each for each in found]
    if _is_github():
        from lakeflow.cli.ci.github import marks  # noqa: PLC0415 - only there

        for text in marks(cases):
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


def _folder(root: Path) -> str:
    """Where the project lies in the repository, as the beginning of a path. A checkout need not be the workspace."""
    from lakeflow.adapters.machine.git import repository_of  # noqa: PLC0415 - few are told

    workspace = os.environ.get("GITHUB_WORKSPACE")
    top = repository_of(root) or (Path(workspace).resolve() if workspace else root)
    inner = root.relative_to(top).as_posix() if root.is_relative_to(top) else "."
    return "" if inner == "." else f"{inner}/"
