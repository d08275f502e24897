"""Commands that change what readers see: materialize, publish, retry, rollback. Also discard, which drops what
waits.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from lakeflow.cli.answers.rollback import rollback_answer, taken_off
from lakeflow.cli.answers.run import (
    PlanWatch,
    code_with,
    discarded_answer,
    planned_answer,
    readers_of,
    run_answer,
    runs_answer,
)
from lakeflow.cli.ci.telling import files_of, junit_option, tell
from lakeflow.cli.commands.options import (
    RUNS_HELP,
    SELECTION_HELP,
    env_option,
    events_option,
    full_refresh_option,
    go_on_option,
    non_atomic_option,
    parallel_option,
    runs_and_selection,
    runs_meant,
    takes_runs,
    takes_selection,
    wait_option,
)
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.progress import event_stream, nothing_to_do, progress
from lakeflow.cli.session import Session, answers, now
from lakeflow.core.errors import UsageError

if TYPE_CHECKING:
    from lakeflow.core.model.run import RunRecord
    from lakeflow.core.review.case import Case
    from lakeflow.lake.lake import Lake

_SHOWN: Final = 5


@click.command(epilog=SELECTION_HELP)
@takes_selection
@click.option("--force", is_flag=True, help="Run fresh assets too.")
@full_refresh_option
@go_on_option
@click.option("--all-or-nothing", is_flag=True, help="One held asset holds the whole run.")
@click.option("--fail-fast", is_flag=True, help="The first held or errored asset stops the rest of the run.")
@events_option
@wait_option
@parallel_option
@non_atomic_option
@env_option
@junit_option
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def materialize(session: Session, selection: tuple[str, ...], events: bool, **options: Any) -> Answer | int:
    """Write, audit and publish what is not fresh."""
    for setting in ("parallel", "non_atomic"):
        session = session.with_setting(setting, options.pop(setting))
    return (_stream if events else _follow)(session, selection, options)


@click.command(epilog="RUN is the id of a run or the beginning of it. " + SELECTION_HELP)
@click.argument("run")
@takes_selection
@click.option("--force", is_flag=True, help="Publish although checks failed or errored; needs --reason.")
@click.option("--reason", metavar="TEXT", help="Why it is forced; recorded with your name.")
@non_atomic_option
@env_option
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def publish(session: Session, run: str, selection: tuple[str, ...], reason: str | None, **options: Any) -> Answer:
    """Audit the held snapshots of a run again and publish what passes.

    With --force and --reason, publish them although checks failed; who and why is recorded.
    """
    if options["force"] is not bool(reason and reason.strip()):
        raise click.UsageError("--force and --reason belong together: a forced publish is recorded with its reason")
    session = session.with_setting("non_atomic", options["non_atomic"])
    with session.lake() as lake, progress(sys.stderr, color=session.color) as observer:
        done = lake.publish(run, *selection, exclude=options["exclude"], reason=reason, observer=observer)
        return _answer(lake, done)


@click.command(epilog=RUNS_HELP)
@takes_runs
@env_option
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def discard(session: Session, what: tuple[str, ...], exclude: str) -> Answer:
    """Drop what runs wrote and did not publish; readers see no change."""
    with session.lake() as lake:
        named, selection = runs_and_selection(what)
        runs = runs_meant(
            lake, named, lake.unpublished(*selection, exclude=exclude) if _said(selection, exclude) else ()
        )
        if not runs:
            raise _no_run(lake)
        done = [lake.discard(run, *selection, exclude=exclude) for run in runs]
        return discarded_answer([(run, readers_of(lake, run)) for run in done], now())


@click.command(epilog=RUNS_HELP)
@takes_runs
@wait_option
@parallel_option
@non_atomic_option
@env_option
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def retry(session: Session, what: tuple[str, ...], exclude: str, wait: float, **options: Any) -> Answer:
    """Go on with runs that were not published, over their unpublished steps; by default with the latest."""
    for setting, given in options.items():
        session = session.with_setting(setting, given)
    with session.lake() as lake, progress(sys.stderr, color=session.color) as observer:
        named, selection = runs_and_selection(what)
        waiting = lake.waiting(*selection, exclude=exclude) if _said(selection, exclude) else ()
        runs = runs_meant(lake, named, waiting)
        if _said(selection, exclude) and not runs:
            raise UsageError("no run left something of what you selected", hint="`lakeflow runs` lists runs")
        done = [lake.retry(run, *selection, exclude=exclude, wait=wait, observer=observer) for run in runs or (None,)]
        return runs_answer([(run, readers_of(lake, run)) for run in done], now())


@click.command(epilog=SELECTION_HELP)
@click.argument("run", metavar="RUN|ASSET")
@takes_selection
@click.option("--to", metavar="SNAPSHOT", help="Set one ASSET to a snapshot that readers once saw (s4411…).")
@click.option("--leave-out", is_flag=True, help="Keep what later runs landed: make all of it anew, with one publish.")
@click.option("--full-refresh", is_flag=True, help="With --leave-out: also what would wait for a person otherwise.")
@click.option("--force", is_flag=True, help="Accept a state of the lake that no run produced.")
@wait_option
@env_option
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def rollback(session: Session, run: str, selection: tuple[str, ...], exclude: str, **options: Any) -> Answer:
    """Take a published run back, or some of its tables: readers see again what they saw before it."""
    to, force = options["to"], options["force"]
    _refuse_together(options, several=bool(selection or exclude))
    if options["leave_out"]:
        with session.lake() as lake, progress(sys.stderr, color=session.color) as observer:
            asked = {name: options[name] for name in ("full_refresh", "wait")}
            return _answer(lake, lake.leave_out(run, *selection, exclude=exclude, observer=observer, **asked))
    with session.lake() as lake:
        done = (
            lake.rollback(run, *selection, exclude=exclude, force=force)
            if to is None
            else lake.return_to(run, to, force=force)
        )
        return rollback_answer(done, taken_off(lake, done), now())


def _refuse_together(options: dict[str, Any], *, several: bool) -> None:
    if options["to"] is not None and (several or options["leave_out"]):
        raise click.UsageError("--to belongs to one asset, without a selection and without --leave-out")
    if options["leave_out"] and options["force"]:
        raise click.UsageError("--leave-out forces nothing: what is made anew is audited")
    if not options["leave_out"] and (options["full_refresh"] or options["wait"]):
        raise click.UsageError("--full-refresh and --wait belong to --leave-out")


@click.command(epilog="Files are named as `_source_file` names them. Other bytes under such a name land by themselves.")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--undo", is_flag=True, help="Let files that were taken out land again.")
@click.option("--full-refresh", is_flag=True, help="Make anew what would wait for a person otherwise.")
@wait_option
@env_option
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def unland(session: Session, files: tuple[str, ...], **options: Any) -> Answer:
    """Take landed files out again, with all that was made from them; audited, all of it or nothing."""
    with session.lake() as lake, progress(sys.stderr, color=session.color) as observer:
        return _answer(lake, lake.unland(*files, observer=observer, **options))


def _follow(session: Session, selection: tuple[str, ...], options: dict[str, Any]) -> Answer:
    with session.lake() as lake, progress(sys.stderr, color=session.color) as observer:
        watch = PlanWatch(observer)
        run = lake.materialize(*selection, observer=watch, **options)
        _tell(lake, run)
        return planned_answer(run, readers_of(lake, run), now(), watch.held)


def _stream(session: Session, selection: tuple[str, ...], options: dict[str, Any]) -> int:
    """The stream ends with `run_ended`, even when there was nothing to do."""
    stdout = sys.stdout
    watch = PlanWatch(event_stream(stdout))
    with session.lake() as lake:
        run = lake.materialize(*selection, observer=watch, **options)
        _tell(lake, run)
    if run is None:
        nothing_to_do(stdout)
    return code_with(run, watch.held)


def _answer(lake: Lake, run: RunRecord | None) -> Answer:
    return run_answer(run, readers_of(lake, run), now())


def _tell(lake: Lake, run: RunRecord | None) -> None:
    def cases() -> tuple[Case, ...]:
        from lakeflow.core.review.case import cases_of_run  # noqa: PLC0415 - few are told

        return cases_of_run(run, files_of(lake.project))

    tell(lake.project.root, cases)


def _said(selection: Sequence[str], exclude: str) -> bool:
    return bool(selection or exclude.strip())


def _no_run(lake: Lake) -> UsageError:
    """What may be discarded, for somebody who named no run."""
    waiting = lake.waiting()
    if not waiting:
        return UsageError("no run waits for a decision", hint="`lakeflow runs` lists runs")
    listed = ", ".join(f"{run.id} ({run.state})" for run in waiting[:_SHOWN])
    more = f", and {len(waiting) - _SHOWN:,} more" if len(waiting) > _SHOWN else ""
    return UsageError(f"which run? there wait {listed}{more}", hint=f"`lakeflow discard {waiting[0].id}`")
