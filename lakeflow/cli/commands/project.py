"""Commands about the project's files: check, test, list, plan, config."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lakeflow.as_json.values import asset_json, health_json, plan_json, project_json, setting_json
from lakeflow.cli.answers.examples import examples_answer
from lakeflow.cli.ci.telling import junit_option, tell
from lakeflow.cli.commands.options import SELECTION_HELP, env_option, full_refresh_option, go_on_option, takes_selection
from lakeflow.cli.output import MARKDOWN, Answer, OutputFormat
from lakeflow.cli.screens.lake import (
    check_screen,
    config_records,
    config_screen,
    list_records,
    list_screen,
    sources_screen,
)
from lakeflow.cli.screens.plan import plan_records, plan_screen
from lakeflow.cli.session import Session, answers, wants_markdown

if TYPE_CHECKING:
    from lakeflow.core.plan.planning import Plan
    from lakeflow.lake.lake import Lake

_EXAMPLE = "Example: `lakeflow test gold.*` runs what `[[examples]]` in SQL and `examples=` of `@asset` say. "


@click.command(
    epilog="Every fault is named with file and line, and how to mend it. What only data shows is no fault. Example: "
    "`lakeflow check --against main` ends with 1 when something breaks."
)
@click.option("--deep", is_flag=True, help="Load the check files too, and look for what their expectations name.")
@click.option(
    "--against",
    metavar="main|REF",
    help="Say what these files change, and what breaks: against what main holds, or a commit of git.",
)
@junit_option
@answers(OutputFormat.TABLE, OutputFormat.JSON, MARKDOWN)
def check(session: Session, deep: bool, against: str | None) -> Answer:
    """Load all files, look up what their SQL names, and report the faults; touches no data."""
    if against is not None:
        from lakeflow.cli.answers.changes import against_answer  # noqa: PLC0415 - `list` stands here too, and is quick

        return against_answer(session, against, deep=deep)
    if wants_markdown():
        raise click.UsageError("-o markdown is of what a change does; add --against main")
    with session.loaded() as lake:
        unbound = lake.check(deep=deep)
        tell(lake.project.root, tuple)
        data = {"project": project_json(lake.project), "unbound": [str(key) for key in unbound]}
        return Answer(data, check_screen(lake.project, unbound))


@click.command(epilog=_EXAMPLE + SELECTION_HELP)
@takes_selection
@answers(*OutputFormat)
def test(session: Session, selection: tuple[str, ...], exclude: str) -> Answer:
    """Run the examples of assets: their code on given rows; touches no lake.

    Ends with 1 when one of them comes otherwise.
    """
    with session.loaded() as lake:
        keys = lake.select(*selection, exclude=exclude)
        return examples_answer(lake.test(*map(str, keys)) if keys else (), keys)


@click.command("list", epilog=SELECTION_HELP)
@takes_selection
@click.option("--health", "judged", is_flag=True, help="Say how good what readers see is; opens the catalog.")
@env_option
@answers(*OutputFormat)
def list_assets(session: Session, selection: tuple[str, ...], exclude: str, judged: bool) -> Answer:
    """List the assets."""
    with session.looking() as lake:
        keys, project = lake.select(*selection, exclude=exclude), lake.project
        healths = {one.asset: one for one in lake.status(*map(str, keys))} if judged and keys else {}
        said = [asset_json(project.assets[key], project) | health_json(healths.get(key)) for key in keys]
        return Answer({"assets": said}, list_screen(project, keys, healths), list_records(project, keys, healths))


@click.command(epilog=SELECTION_HELP)
@takes_selection
@click.option("--force", is_flag=True, help="Plan fresh assets too.")
@full_refresh_option
@go_on_option
@click.option("--exit-code", "tells", is_flag=True, help="Exit 1 when there is something to do.")
@env_option
@answers(*OutputFormat, MARKDOWN)
def plan(session: Session, selection: tuple[str, ...], exclude: str, tells: bool, **asked: bool) -> Answer:
    """Say what would run, and why; touches nothing."""
    with session.lake() as lake:
        planned = lake.plan(*selection, exclude=exclude, **asked)
        code = int(tells and bool(planned.steps or planned.held))
        text = _reviewed(lake, planned) if wants_markdown() else ""
        data, records = {"plan": plan_json(planned)}, plan_records(planned)
        return Answer(data, plan_screen(planned), records, exit_code=code, markdown=text)


def _reviewed(lake: Lake, planned: Plan) -> str:
    from lakeflow.as_markdown.review import review_markdown  # noqa: PLC0415 - few want a comment

    return review_markdown(lake.review(planned))


@click.command()
@click.argument("action", default="show", type=click.Choice(["show"]))
@click.option("--sources", "tells", is_flag=True, help="Say where each value came from (JSON and CSV always do).")
@answers(*OutputFormat)
def config(session: Session, action: str, tells: bool) -> Answer:
    """Show every setting, and where it came from."""
    settings = session.configuration()
    data = {"settings": [setting_json(setting) for setting in settings]}
    return Answer(data, (sources_screen if tells else config_screen)(settings), config_records(settings))
