"""The page on the command line names every command and every option that exists."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from lakeflow.cli.main import COMMANDS, cli

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")


def options(command: click.Command) -> list[str]:
    return [name for each in command.params if isinstance(each, click.Option) for name in each.opts if name[:2] == "--"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_and_its_options_are_documented(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert f"`{name}" in PAGE or f"lakeflow {name}" in PAGE
    assert [option for option in options(command) if option not in PAGE] == []


def test_global_options_are_documented() -> None:
    assert [option for option in options(cli) if option not in PAGE] == []
