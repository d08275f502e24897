"""Arguments and options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from lakeflow.cli.completion import complete_asset
from lakeflow.core.time.moments import duration

if TYPE_CHECKING:
    from lakeflow.core.model.run import RunRecord
    from lakeflow.lake.lake import Lake

SELECTION_HELP: Final = (
    "SELECTION: `silver.weather`, `+x` with upstreams, `x+` with downstreams, `2+x+1` so many generations, `silver.*`, "
    "`layer:gold`, `tag:`, `owner:`, `status:held`, `state:modified`, `health:degraded`. A space or `or` joins, a "
    "comma or `and` keeps what both select, `not` turns round; parentheses."
)
RUNS_HELP: Final = (
    "RUN is the id of a run or the beginning of it; several may stand. With a SELECTION only these assets, and without "
    "a RUN all runs that left one of them. " + SELECTION_HELP
)
_RUN: Final = re.compile(r"[0-9a-z]+")
_JOINING: Final = frozenset({"and", "or", "not"})


def _seconds(_context: click.Context, _parameter: click.Parameter, value: str) -> float:
    try:
        return duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _joined(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> str:
    return " ".join(values)


def takes_selection(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command `selection`, whose texts are read as one, and `exclude`, a text that may be empty."""
    return _takes(function, "selection", "[SELECTION]...")


exclude_option = click.option(
    "--exclude",
    multiple=True,
    callback=_joined,
    metavar="SELECTION",
    shell_complete=complete_asset,
    help="Leave these out; may be repeated.",
)


def _takes(function: Callable[..., Any], name: str, metavar: str) -> Callable[..., Any]:
    return click.argument(name, nargs=-1, metavar=metavar, shell_complete=complete_asset)(exclude_option(function))


def takes_runs(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command `what`, ids of runs and a selection in any order, and `exclude`."""
    return _takes(function, "what", "[RUN]... [SELECTION]...")


def runs_and_selection(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words that begin the id of a run, and those of a selection, which says layer, tag or sign of its own."""
    selection = [word for word in words if not _RUN.fullmatch(word) or word in _JOINING]
    return [word for word in words if word not in selection], selection


def runs_meant(lake: Lake, named: Sequence[str], found: Sequence[RunRecord]) -> list[str]:
    """The whole ids of the runs that are named, else of those that a selection found; each once. UsageError for a name
    that no run has, before anything is done to another one.
    """
    ids = (lake.run(name).id for name in named) if named else (run.id for run in found)
    return list(dict.fromkeys(ids))


def _within(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    context.obj = context.obj and context.obj.within(value)


env_option = click.option(
    "--env",
    "environment",
    expose_value=False,
    callback=_within,
    metavar="NAME",
    help="In that environment, where its state of each asset stands in place of main; `main`: main itself.",
)
asset_argument = click.argument("asset", shell_complete=complete_asset)
older_than_option = click.option(
    "--older-than",
    default="3d",
    show_default=True,
    callback=_seconds,
    metavar="TIME",
    help="Only files that nobody touched for so long (12h, 3d).",
)
full_refresh_option = click.option(
    "--full-refresh", is_flag=True, help="Make all of it anew from nothing: what was appended or landed before too."
)
go_on_option = click.option(
    "--go-on", is_flag=True, help="Merge with what stands, where an asset would wait or be made anew."
)
wait_option = click.option(
    "--wait",
    default="0s",
    callback=_seconds,
    metavar="TIME",
    help="Wait so long for another run's lease (90s, 10m, 1h).",
)
events_option = click.option(
    "--events", is_flag=True, help="One JSON object an event on stdout, in place of the answer."
)
parallel_option = click.option(
    "--parallel",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most so many assets at the same time; they share the machine.",
)
non_atomic_option = click.option(
    "--non-atomic",
    is_flag=True,
    default=None,
    help="Publish table by table where the catalog cannot change several at once.",
)
as_of_option = click.option(
    "--as-of",
    metavar="TIME|VERSION|RUN|TAG",
    help="As readers saw it then (ISO 8601, UTC unless it says; or 2d ago), or once a version, a snapshot or what a "
    "run published was there, or as a tag keeps it.",
)
poll_option = click.option(
    "--poll",
    default="1m",
    show_default=True,
    callback=_seconds,
    metavar="TIME",
    help="Look at least so often; a change of a local file is seen at once where watchfiles is installed.",
)
limit_option = click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(min=1), metavar="N", help="At most so many."
)
