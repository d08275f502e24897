"""What we tell people to type can be typed: every command in every hint is parsed by the command line itself."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest

import lakeflow
from lakeflow.cli.answers.run import step_errors
from lakeflow.cli.failure import failure_of
from lakeflow.cli.main import COMMANDS, cli
from lakeflow.cli.screens.history import runs_screen, snapshots_screen
from lakeflow.cli.screens.lake import lineage_screen, status_screen
from lakeflow.cli.screens.plan import plan_screen
from lakeflow.cli.screens.run import run_screen
from lakeflow.core.model.run import RunState, StepState
from tests.cli.values import HELD_RUN, HELD_STEP, NOW, PLAN, SNAPSHOTS, TREE, WEATHER, WEATHER_STATUS

PACKAGE = Path(lakeflow.__file__).parent
IN_BACKTICKS = re.compile(r"`lakeflow ([^`]+)`")
WHOLE = re.compile(r"lakeflow (\w+(?: \S+)?)")
"""A hint that is nothing but a command."""


def rendered() -> Iterator[str]:
    readers = {WEATHER: WEATHER_STATUS}
    for state in RunState:
        for step in StepState:
            run = replace(HELD_RUN, state=state, steps=(replace(HELD_STEP, state=step),))
            yield run_screen(run, readers, NOW).plain
            yield from (error["hint"] for error in step_errors(run))
    yield status_screen([WEATHER_STATUS, TREE.status], NOW).plain
    yield snapshots_screen("silver.weather", SNAPSHOTS, WEATHER_STATUS, NOW).plain
    yield snapshots_screen("silver.weather", (), None, NOW).plain
    yield lineage_screen([TREE], NOW).plain
    yield runs_screen([], NOW).plain
    yield plan_screen(PLAN).plain
    for error in (KeyboardInterrupt(), KeyError("x"), click.UsageError("x")):
        yield "\n".join(failure_of(error).lines)


def literals() -> Iterator[tuple[str, str]]:
    """Every text in the package's source; what an f-string fills in becomes `x`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            where = f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                yield where, "".join(_text(part) for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                yield where, node.value


def _text(part: ast.expr) -> str:
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "x"


def parse(typed: str) -> None:
    """Parse without running; a click error when it could not be typed so."""
    name, *arguments = shlex.split(typed.replace("{run}", "x"))
    if name in {"x", "--help"}:  # a name that is filled in from the list of commands, or the group itself
        return
    assert name in COMMANDS, f"no command {name!r}"
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    if arguments != ["--help"]:
        command.make_context(name, arguments, parent=click.Context(cli))


def test_every_command_on_a_rendered_screen_exists() -> None:
    typed = {match for text in rendered() for match in IN_BACKTICKS.findall(text)}
    assert len(typed) > 6
    for command in typed:
        parse(command)


def test_screens_name_commands_in_backticks_only() -> None:
    """So that the test above sees all of them."""
    for text in rendered():
        assert not re.search(r"(?<!`)\blakeflow (?:" + "|".join(COMMANDS) + r")\b", text), text


@pytest.mark.long
def test_every_command_that_any_message_of_the_package_names_exists() -> None:
    wrong = []
    for where, text in literals():
        whole = WHOLE.fullmatch(text)
        for typed in [*IN_BACKTICKS.findall(text), *(whole.groups() if whole else ())]:
            try:
                parse(typed)
            except (AssertionError, click.ClickException) as error:
                wrong.append(f"{where}: `lakeflow {typed}`: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("typed", ["merge x", "show x --limit y", "doctor a"])
def test_the_test_itself_finds_commands_that_do_not_exist(typed: str) -> None:
    with pytest.raises((AssertionError, click.ClickException)):
        parse(typed)
