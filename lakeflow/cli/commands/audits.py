"""The commands about checks: what they say of what stands, which are missing, and what they are worth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click

from lakeflow.cli.ci.telling import files_of, junit_option, tell
from lakeflow.cli.commands.options import SELECTION_HELP, asset_argument, env_option, takes_selection
from lakeflow.cli.output import Answer, OutputFormat, write
from lakeflow.cli.screens.audit import audit_screen, history_screen, inspected_json, inspected_records
from lakeflow.cli.screens.checks import every_check
from lakeflow.cli.screens.mutate import mutated_json, mutated_records, mutated_screen
from lakeflow.cli.screens.suggest import notes, suggested_json, suggested_records, written_screen
from lakeflow.cli.session import Session, answers, now
from lakeflow.cli.text import clean
from lakeflow.core.corrupt.corruption import CorruptionKind
from lakeflow.core.review.case import cases_of_audits
from lakeflow.core.suggest.suggestion import Suggestion

_SUGGEST: Final = (
    "Example: `lakeflow suggest silver.weather`, and `lakeflow suggest silver.weather --write` once it reads well. "
    "Every check that is suggested holds on all the snapshots that it was made from."
)
_MUTATE: Final = (
    "Example: `lakeflow mutate silver.weather --share 0.01 --exit-code`. It corrupts copies of data, never code or "
    "main; `lakeflow suggest silver.weather` proposes the checks that are missing."
)


@click.command(epilog=SELECTION_HELP)
@takes_selection
@click.option("--ref", help="A branch such as `audit_…`; `held`: the newest one of each asset.  [default: main]")
@click.option("--snapshot", help="One snapshot of one asset: `s` and the first digits of its id.")
@click.option(
    "--history", type=click.IntRange(min=1), metavar="N", help="The last N published snapshots of each asset."
)
@click.option("--run", metavar="RUN", help="What that run's audits recorded; nothing is audited again.")
@click.option("--verbose", "-v", is_flag=True, help="Name the checks that passed, too.")
@click.option("--gx", is_flag=True, help="With each expectation Great Expectations' own result (only as JSON).")
@click.option("--data-docs", metavar="DIR", help="Write Great Expectations' own HTML of the results there.")
@env_option
@junit_option
@answers(*OutputFormat)
def audit(session: Session, selection: tuple[str, ...], exclude: str, **options: Any) -> Answer:
    """Run today's checks on what stands already; writes and records nothing.

    Ends with 1 when they would hold something.
    """
    places = ("ref", "snapshot", "history", "run")
    where = {name: options[name] for name in places if options[name] is not None}
    if len(where) > 1:
        raise click.UsageError("--ref, --snapshot, --history and --run exclude each other")
    if options["gx"] and click.get_current_context().params["output"] != OutputFormat.JSON:
        raise click.UsageError("--gx is JSON; add --output json")
    with session.lake() as lake:
        if "run" in where:
            found = lake.audited(where["run"], *selection, exclude=exclude)
        else:
            found = lake.audit(*selection, exclude=exclude, **where)
        tell(lake.project.root, lambda: cases_of_audits(found, files_of(lake.project)))
        if options["data_docs"]:
            lake.data_docs(options["data_docs"], found)
    more = {"shown": every_check} if options["verbose"] else {}
    text = history_screen(found, now(), **more) if "history" in where else audit_screen(found, **more)
    data = {"audits": [inspected_json(one, gx=options["gx"]) for one in found]}
    return Answer(data, text, inspected_records(found), exit_code=int(any(one.reason for one in found)))


@click.command(epilog=_SUGGEST)
@asset_argument
@click.option(
    "--history",
    default=6,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Made from, and tried on, the last N snapshots that an audit published.",
)
@click.option("--write", "writes", is_flag=True, help="Put them into the asset's check file.")
@env_option
@answers(*OutputFormat)
def suggest(session: Session, asset: str, history: int, writes: bool) -> Answer | int:
    """Suggest checks for an asset from its own past, as the text of a check file.

    Nothing is suggested that its checks, its key or its schema say already. Prints the file; writes it only when asked.
    """
    with session.lake() as lake:
        found = lake.suggest(asset, history=history)
        path = lake.write_checks(found) if writes else None
    return _answer(found, path)


def _answer(found: Suggestion, path: Path | None) -> Answer | int:
    for note in notes(found):
        click.echo(clean(note), err=True)
    data = suggested_json(found, written=path is not None and bool(found.proposals))
    plain = click.get_current_context().params["output"] == OutputFormat.TABLE
    if path is None and plain:
        write(_text(found), sys.stdout)
        return 0
    return Answer(data, written_screen(found), suggested_records(found))


def _text(found: Suggestion) -> str:
    """The file byte by byte, for a pipe; on a terminal no character of it acts."""
    text = found.text if found.text is not None else found.paste
    return "".join(f"{clean(line)}\n" for line in text.splitlines()) if sys.stdout.isatty() else text


@click.command(epilog=_MUTATE)
@asset_argument
@click.option(
    "--share",
    default=0.05,
    show_default=True,
    type=click.FloatRange(min=0, max=1, min_open=True),
    metavar="PART",
    help="Corrupt so much of the rows; one at least.",
)
@click.option("--seed", default=0, show_default=True, metavar="N", help="Chooses the rows; the same ones each time.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([str(kind) for kind in CorruptionKind]),
    help="Only these corruptions; may be repeated.",
)
@click.option("--column", "columns", multiple=True, metavar="COLUMN", help="Only in these columns; may be repeated.")
@click.option(
    "--history",
    default=6,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Checks that are missing are suggested from the last N audited snapshots.",
)
@click.option("--exit-code", is_flag=True, help="End with 1 where a corruption would have reached readers.")
@env_option
@answers(*OutputFormat)
def mutate(  # noqa: PLR0913, PLR0917 - an option each
    session: Session,
    asset: str,
    share: float,
    seed: int,
    kinds: tuple[str, ...],
    columns: tuple[str, ...],
    history: int,
    exit_code: bool,
) -> Answer:
    """Corrupt copies of an asset, one fault each, and say what its checks let through.

    A copy is a scratch file that no table knows of. Each is audited as a run would audit it.
    """
    with session.lake() as lake:
        found = lake.mutate(asset, share=share, seed=seed, kinds=kinds, columns=columns, history=history)
    code = int(exit_code and bool(found.survivors))
    return Answer(mutated_json(found), mutated_screen(found), mutated_records(found), exit_code=code)
