"""Arguments and options that several commands share."""

from __future__ import annotations

import re
from typing import Final

import click

SELECTION_HELP: Final = (
    "SELECTION: `silver.weather`, `+x` with upstreams, `x+` with downstreams, `silver.*`, `layer:gold`."
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
