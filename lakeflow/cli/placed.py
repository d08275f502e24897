"""What is to be typed next, said in an environment: a command that looks there carries `--env NAME` as well."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import click

from lakeflow.cli.output import Answer
from lakeflow.cli.text import Text

_COMMAND: Final = re.compile("`lakeflow " + r"([a-z]+)(?=[ `])(?![^`]*--env)")
_NEXT: Final = re.compile(r"^(?:Next|Decide|Or) .*$", re.MULTILINE)
"""The lines of a screen that say what to type. Other lines hold values, which are shown as they are."""


def placed_hint(hint: str, environment: str, context: click.Context) -> str:
    for at, more in reversed(list(_places(hint, environment, context))):
        hint = hint[:at] + more + hint[at:]
    return hint


def placed(answer: Answer, environment: str, context: click.Context) -> Answer:
    """The answer with what it says to type, in its screen and in the errors of its envelope."""
    errors = tuple(_with_hint(each, environment, context) for each in answer.errors)
    return replace(answer, screen=_placed_screen(answer.screen, environment, context), errors=errors)


def _placed_screen(screen: Text, environment: str, context: click.Context) -> Text:
    plain = screen.plain
    found = [
        (said.start() + at, more)
        for said in _NEXT.finditer(plain)
        for at, more in _places(said[0], environment, context)
    ]
    added = [Text(), *(Text(more) for _, more in found)]
    pieces = screen.divide(at for at, _ in found)
    return Text().join(each for pair in zip(added, pieces, strict=True) for each in pair)


def _places(text: str, environment: str, context: click.Context) -> Iterator[tuple[int, str]]:
    for said in _COMMAND.finditer(text):
        if _takes_env(said[1], context):
            yield said.end(), f" --env {environment}"


def _with_hint(entry: Mapping[str, Any], environment: str, context: click.Context) -> Mapping[str, Any]:
    hint = entry.get("hint")
    return {**entry, "hint": placed_hint(hint, environment, context)} if isinstance(hint, str) else entry


def _takes_env(name: str, context: click.Context) -> bool:
    """By the command line itself."""
    group = context.find_root()
    command = group.command.get_command(group, name) if isinstance(group.command, click.Group) else None
    return command is not None and any("--env" in one.opts for one in command.params)
