"""The command of environments."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from lakeflow.as_json.comparison import comparison_json
from lakeflow.as_json.envelope import entry
from lakeflow.as_json.environments import environment_json, promotion_json
from lakeflow.cli.commands.options import wait_option
from lakeflow.cli.output import MARKDOWN, Answer, OutputFormat
from lakeflow.cli.progress import progress
from lakeflow.cli.screens.comparison import comparison_records, comparison_screen
from lakeflow.cli.screens.environments.promotion import promotion_records, promotion_screen
from lakeflow.cli.screens.environments.standing import environment_screen, environments_records, environments_screen
from lakeflow.cli.session import Session, answers, now, wants_markdown
from lakeflow.cli.text import Mark, line, screen
from lakeflow.core.environments.promotion import Promotion
from lakeflow.core.environments.standing import EnvironmentStanding
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from lakeflow.core.review.environment import EnvironmentReview

_EXAMPLE: Final = (
    "Example: `lakeflow materialize --env pr_123`, then `lakeflow env promote pr_123 --plan`. promote: main moves to "
    "what was audited there. drop: with all that it built. refresh: it reads main as it is now."
)


def _listed(session: Session) -> Answer:
    with session.looking() as lake:
        every = lake.environments.list()
    return _answer(every, environments_screen(every, now()))


def _show(session: Session, name: str, **_asked: Any) -> Answer:
    with session.looking() as lake:
        one = lake.environments.show(name)
    return _answer((one,), environment_screen(one, now()))


def _drop(session: Session, name: str, **_asked: Any) -> Answer:
    with session.lake() as lake:
        one = lake.environments.show(name)
        keys = lake.environments.drop(name)
    had = f", and what it had of {counted(len(keys), 'table')}; `lakeflow gc --delete` frees the files" if keys else ""
    return _answer((one,), line(Mark.OK, f" {name} is gone{had}"), "dropped")


def _refresh(session: Session, name: str, **_asked: Any) -> Answer:
    with session.lake() as lake:
        keys = lake.environments.refresh(name)
        one = lake.environments.show(name)
    said = [line(Mark.OK, f" {name} reads main as it is now")]
    gone = [line(Mark.MOVED, f" {key}  main had moved: the next run in {name} makes it anew") for key in keys]
    return _answer((one,), screen(said, gone), "refreshed")


def _promote(session: Session, name: str, plan: bool, wait: float, **_asked: Any) -> Answer:
    if plan:
        with session.looking() as looked:
            return _promotion(looked.environments.show(name), looked.environments.promotion(name), None, planned=True)
    with session.lake() as lake, progress(sys.stderr, color=session.color) as observer:
        done = lake.environments.promote(name, wait=wait, observer=observer)
        one = lake.environments.show(name)
    return _promotion(one, done.promotion, done.run.id if done.run else None, planned=False)


def _promotion(one: EnvironmentStanding, found: Promotion, run: str | None, *, planned: bool) -> Answer:
    left = () if planned else tuple(_left(found))
    data = {
        "environments": [environment_json(one)],
        "done": "promoted" if run else None,
        "promotion": promotion_json(found, run),
    }
    shown = promotion_screen(found, run, planned=planned)
    return Answer(data, shown, promotion_records(found), exit_code=int(bool(left)), errors=left)


def _left(found: Promotion) -> Iterator[dict[str, Any]]:
    """One error for each asset that stays in the environment."""
    hint = f"`lakeflow status --env {found.name}` says how it stands there"
    for state, each in (("held", found.held), ("conflict", found.behind)):
        yield from (entry(state, why, hint, str(key)) for key, why in each.items())


def _answer(every: Sequence[EnvironmentStanding], shown: Any, done: str | None = None) -> Answer:
    data = {"environments": [environment_json(one) for one in every], "done": done}
    return Answer(data, shown, environments_records(every))


def _diff(session: Session, name: str, where: str, rows: int | None, **_asked: Any) -> Answer:
    asked: dict[str, Any] = {"where": where, "rows": 5 if rows is None else rows}
    with session.looking() as lake:
        one = lake.environments.show(name)
        review = lake.environments.review(name, **asked) if wants_markdown() else None
        found = lake.environments.diff(name, **asked) if review is None else review.compared
    data = {"environments": [environment_json(one)], "done": None, "diff": [comparison_json(each) for each in found]}
    shown = comparison_screen(found) if found else line(f"{name} has built nothing that main does not have")
    text = "" if review is None else _markdown(review)
    return Answer(data, shown, comparison_records(found), markdown=text)


def _markdown(review: EnvironmentReview) -> str:
    from lakeflow.as_markdown.environment import environment_markdown  # noqa: PLC0415 - few want a comment

    return environment_markdown(review)


_OPTIONS: Final = frozenset({"where", "rows", "plan", "wait"})
_ACTIONS: Final[Mapping[str, tuple[Callable[..., Answer], frozenset[str]]]] = {
    "list": (_show, frozenset()),
    "show": (_show, frozenset()),
    "diff": (_diff, frozenset({"where", "rows"})),
    "promote": (_promote, frozenset({"plan", "wait"})),
    "refresh": (_refresh, frozenset()),
    "drop": (_drop, frozenset()),
}
"""What each does, and the options that it takes."""


@click.command(epilog=_EXAMPLE)
@click.argument("action", type=click.Choice(list(_ACTIONS)), default="list")
@click.argument("name", required=False)
@click.option("--where", metavar="SQL", default="", help="diff: only rows, on both sides, for which this holds.")
@click.option("--rows", type=click.IntRange(min=0), metavar="N", help="diff: so many rows of each kind.  [default: 5]")
@click.option("--plan", is_flag=True, help="promote: only say what it would do, and how many rows are not read.")
@wait_option
@answers(*OutputFormat, MARKDOWN)
def env(session: Session, action: str, name: str | None, **asked: Any) -> Answer:
    """Say which environments there are and what was built in them; promote, refresh or remove one.

    An environment is a branch of the whole lake: readers of main see nothing of it.
    """
    if (name is None) != (action == "list"):
        raise click.UsageError("list takes no name" if name else f"{action} takes the name of an environment")
    if wants_markdown() and action != "diff":
        raise click.UsageError("-o markdown is of what an environment changes: `lakeflow env diff NAME`")
    for option in _OPTIONS - _ACTIONS[action][1]:
        if asked[option]:
            raise click.UsageError(f"{action} takes no --{option}")
    return _listed(session) if name is None else _ACTIONS[action][0](session, name, **asked)
