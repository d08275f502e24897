"""Arguments and options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import click

SELECTION_HELP: Final = (
    "SELECTION: `silver.weather`, `+x` with upstreams, `x+` with downstreams, `2+x+1` so many generations, `silver.*`, "
    "`layer:gold`, `tag:`, `owner:`, `status:held`, `state:modified`. A space or `or` joins, a comma or `and` keeps "
    "what both select, `not` turns round; parentheses."
)
_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration(text: str) -> float:
    """`90`, `90s`, `10m`, `1h` → seconds; ValueError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise ValueError(f"{text!r} is no duration; write 90s, 10m or 1h")
    return float(match[1]) * _UNITS[match[2]]


def _seconds(_context: click.Context, _parameter: click.Parameter, value: str) -> float:
    try:
        return duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _joined(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> str:
    return " ".join(values)


def takes_selection(function: Callable[..., Any]) -> Callable[..., Any]:
    """The command gets `selection`, texts to be read as one, and `exclude`, a text that may be empty."""
    exclude = click.option(
        "--exclude", multiple=True, callback=_joined, metavar="SELECTION", help="Leave these out; may be repeated."
    )
    return click.argument("selection", nargs=-1)(exclude(function))


wait_option = click.option(
    "--wait",
    default="0s",
    callback=_seconds,
    metavar="TIME",
    help="Wait so long for another run's lease (90s, 10m, 1h).",
)
limit_option = click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(min=1), metavar="N", help="At most so many."
)
